#!/usr/bin/env bash
# Builds every target of fuzz/native, or those that are named, for libFuzzer, with its corpus as a zip file, and runs each of them
# for some seconds:
#
#	scripts/libfuzzer.sh SECONDS [TARGET...]
#
# With 0 seconds nothing is run, which is what ClusterFuzzLite wants. OUT is where it goes. CXX, CXXFLAGS and LIB_FUZZING_ENGINE
# are as ClusterFuzzLite sets them; what is needed is Go with cgo, clang with its libFuzzer, and, where it is there, zip.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
: "${OUT:=bin/libfuzzer}" "${CXX:=clang}" "${CXXFLAGS:=}" "${LIB_FUZZING_ENGINE:=-fsanitize=fuzzer}"
command -v "$CXX" >/dev/null || { echo "libfuzzer.sh: $CXX is not there; on Debian it is in the package clang" >&2; exit 2; }
mkdir -p "$OUT"
targets=${*:-$(sed -n 's/^func \(Fuzz[A-Za-z]*\)(f \*testing.F).*/\1/p' fuzz/native/*_test.go)}

for target in $targets; do
	[ "$target" != FuzzNothing ] || [ $# -gt 0 ] || continue
	# The instrumentation is the compiler's own; what runs below or beside it is left out.
	CGO_ENABLED=1 go build -buildmode=c-archive -tags libfuzzer -trimpath -ldflags "-X main.name=$target" \
		-gcflags all=-d=libfuzzer -gcflags runtime/...=-d=libfuzzer=0 -gcflags syscall=-d=libfuzzer=0 \
		-o "$OUT/$target.a" ./fuzz/native/libfuzzer
	# shellcheck disable=SC2086 # the flags are several words
	"$CXX" $CXXFLAGS "$OUT/$target.a" $LIB_FUZZING_ENGINE -o "$OUT/$target"
	rm -f "$OUT/$target.a" "$OUT/$target.h" "$OUT/${target}_seed_corpus.zip"
	if command -v zip >/dev/null; then
		zip -qj "$OUT/${target}_seed_corpus.zip" "fixtures/corpus/$target"/*
	fi
	[ "$seconds" != 0 ] || continue
	work=$(mktemp -d)
	mkdir "$work/new"
	if "$OUT/$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$OUT/" "$work/new" "fixtures/corpus/$target" >"$work/log" 2>&1; then
		awk -v target="$target" '/number_of_executed_units/ { n = $2 } /average_exec_per_sec/ { rate = $2 }
			END { printf "%-16s %8d inputs, %d a second\n", target, n, rate }' "$work/log"
		rm -rf "$work"
	else
		cat "$work/log"
		rm -rf "$work"
		exit 1
	fi
done
