# What there is to do. `make run` and `make test` need Go, and python3 for the Python testee; nothing else.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHSTAT   = golang.org/x/perf/cmd/benchstat@latest
BIN         = bin/streamspec
PYTHON     ?= python3
FUZZTIME   ?= 60s

.PHONY: run test bench bench-python lint generate exhaustive mutants pythons uvloop loops pypy fuzz fuzz-smoke fuzz-rates libfuzzer build clean

build:
	go build -o $(BIN) ./conformance/cmd/streamspec

run: build ## judge the embedded reference, then the machine's python3
	$(BIN) run --strict
	$(BIN) run --adapter python --python $(PYTHON) --strict --jobs 4 --baseline conformance/baselines/cpython.yaml

test: ## all tests, under the race detector
	go test -race -timeout 20m ./...

lint: ## format, vet, staticcheck, dependency guards, generated files
	@test -z "$$(gofmt -l .)" || { echo "gofmt: run gofmt -w on:"; gofmt -l .; exit 1; }
	go vet ./...
	GOOS=windows go vet ./reference/... ./spec/... ./conformance/adapter/...
	GOOS=darwin go vet ./reference/... ./spec/... ./conformance/adapter/...
	go run $(STATICCHECK) ./...
	go mod tidy -diff
	sh scripts/guard.sh
	go run ./conformance/internal/generate -check

generate: ## rule index, coverage table, command reference, schemas
	go run ./conformance/internal/generate

mutants: build ## build every faulty reference, and see its rule's checks catch it
	$(BIN) mutants

exhaustive: build ## every enumeration at full depth; takes minutes in process, an hour over stdio
	$(BIN) run --strict --depth deep --label-filter 'reader.readuntil || reader.readline'

pythons: build ## every Python that is here: python3, and what pyenv has
	sh scripts/pythons.sh $(BIN) --jobs 4 --baseline conformance/baselines/cpython.yaml

uvloop: build ## uvloop in a virtual environment of its own, with stock asyncio as the control
	sh scripts/loop.sh $(BIN) uvloop --jobs 4

loops: build ## every event loop of PyPI that has a baseline, likewise
	sh scripts/loop.sh $(BIN) all --jobs 4

pypy: build ## PyPy, of Debian's packages where there is none yet
	sh scripts/pypy.sh $(BIN) --jobs 2

fuzz: ## Go's fuzzing engine on every target, each for FUZZTIME
	bash scripts/fuzz.sh $(FUZZTIME)

fuzz-smoke: ## the same for a few seconds each
	bash scripts/fuzz.sh 4s

fuzz-rates: ## what an input of each target takes, beside a target that does nothing
	bash scripts/fuzz.sh 100000x rates

libfuzzer: ## every target for libFuzzer, run for some seconds each; needs clang
	bash scripts/libfuzzer.sh 5

bench: ## side by side with bufio and others, in one run; read the ratios
	go test -run '^$$' -bench . -count 6 ./reference/... ./conformance/... | tee bench.out
	go run $(BENCHSTAT) bench.out

bench-python: ## the Python adapter against the same scenarios without it
	$(PYTHON) conformance/adapter/python/bench.py

clean:
	rm -rf bin bench.out streamspec-transcripts .venv-*
