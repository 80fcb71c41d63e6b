#!/bin/bash -eu
# ClusterFuzzLite's entry: it sets OUT, CXX, CXXFLAGS and LIB_FUZZING_ENGINE. The targets are built by libFuzzer's own interface, and
# not by compile_native_go_fuzzer, which would take their inputs for something encoded and not for bytes as they are.
# Go fetches by itself the version of the toolchain that go.mod asks for.
export GOTOOLCHAIN=auto
cd "$SRC/streamspec"
bash scripts/libfuzzer.sh 0
