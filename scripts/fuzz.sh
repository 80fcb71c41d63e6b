#!/usr/bin/env bash
# Runs Go's fuzzing engine on every target of fuzz/native, or on those that are named, each for the given time, or number of inputs (100000x):
#
#	scripts/fuzz.sh 60s [TARGET...]
#
# With the word rates before the targets it measures instead how much processor time a further input takes, beside that of a target
# that does nothing, by the difference between two runs: what the engine does at the beginning, with all of its corpus, does not count.
# The time is a number of inputs then.
set -euo pipefail
cd "$(dirname "$0")/.."
time=$1
shift
package=./fuzz/native
all=$(go test -list '^Fuzz' $package | grep '^Fuzz')

# engine TARGET TIME runs the engine.
engine() { go test -run '^$' -fuzz "^$1\$" -fuzztime "$2" -fuzzminimizetime 10x $package; }

if [ "${1:-}" = rates ]; then
	shift
	[ $# -eq 0 ] || all="$*"
	all="FuzzNothing ${all//FuzzNothing/}"
	measure=$(mktemp -d)
	trap 'rm -rf "$measure"' EXIT
	go test -c -fuzz . -o "$measure/native.test" $package
	cd fuzz/native
	# used TARGET INPUTS prints the processor time in seconds.
	used() {
		TIMEFORMAT='%U %S'
		{ time "$measure/native.test" -test.run '^$' -test.fuzz "^$1\$" -test.fuzztime "$2x" -test.fuzzminimizetime 1x \
			-test.fuzzcachedir "$measure/cache" >/dev/null 2>&1; } 2>&1
	}
	for target in $all; do
		inputs=${time%x}
		[ "$target" != FuzzServer ] || inputs=$((inputs / 50))
		used "$target" $((4 * inputs)) >/dev/null # which fills the engine's cache: inputs that it keeps take it milliseconds
		echo "$target $inputs $(used "$target" $((inputs / 10))) $(used "$target" "$inputs")"
	done | awk '{ t = ($5 + $6 - $3 - $4) / ($2 * 0.9); if ($1 == "FuzzNothing") nothing = t
		printf "%-16s %7.1f microseconds of processor time for an input, %.2f times the inputs of nothing\n", $1, t * 1e6, nothing / t }'
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
