#!/usr/bin/env bash
# Runs Go's fuzzing engine on every target of fuzz/native, or on those that are named, each for the given time:
#
#	scripts/fuzz.sh 60s [TARGET...]
#
# With the word rates before the targets it measures instead how much processor time an input takes, beside that of a target that
# does nothing, all in turn and four times, of which the first is to fill the engine's cache and does not count.
set -euo pipefail
cd "$(dirname "$0")/.."
time=$1
shift
package=./fuzz/native
all=$(go test -list '^Fuzz' $package | grep '^Fuzz')

# engine TARGET TIME runs the engine.
engine() { go test -run '^$' -fuzz "^$1\$" -fuzztime "$2" -fuzzminimizetime 10x $package; }

# count reads what the engine says, and prints how many inputs it has run.
count() { sed -n 's/.*execs: \([0-9]*\).*/\1/p' | tail -1; }

if [ "${1:-}" = rates ]; then
	shift
	[ $# -eq 0 ] || all="FuzzNothing $*"
	measure=$(mktemp -d)
	trap 'rm -rf "$measure"' EXIT
	go test -c -fuzz . -o "$measure/native.test" $package
	cd fuzz/native
	for round in 0 1 2 3; do
		for target in $all; do
			TIMEFORMAT='%U %S'
			used=$({ time "$measure/native.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime 10x \
				-test.fuzzcachedir "$measure/cache" >"$measure/out" 2>&1; } 2>&1)
			[ $round = 0 ] || echo "$target $(count <"$measure/out") $used"
		done
	done | awk '{ n[$1] += $2; t[$1] += $3 + $4; if (!($1 in at)) { at[$1] = NR; order[++targets] = $1 } }
		END { nothing = n["FuzzNothing"] / t["FuzzNothing"]
			for (i = 1; i <= targets; i++) { k = order[i]; r = n[k] / t[k]
				printf "%-16s %8d inputs a second of processor time, %.2f times nothing\n", k, r, r / nothing } }'
	exit
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in ${*:-$all}; do
	[ "$target" != FuzzNothing ] || [ $# -gt 0 ] || continue
	echo "== $target"
	if ! engine "$target" "$time" >"$log" 2>&1; then
		# The engine also fails when its time is over while it is busy with an input that is interesting.
		if grep -q 'Failing input\|panic\|hung or terminated' "$log" || ! grep -q 'context deadline exceeded' "$log"; then
			cat "$log"
			exit 1
		fi
	fi
	grep elapsed "$log" | tail -1 || true
done
