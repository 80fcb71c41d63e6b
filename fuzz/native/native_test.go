package native

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
)

// corpus is where the inputs are that the engines begin with: a directory of raw files for each target.
const corpus = "../../fixtures/corpus"

// run has Go's engine look for inputs, beginning with those of the corpus.
func run(f *testing.F) {
	target := Targets[f.Name()]()
	if flag.Lookup("test.fuzzworker").Value.String() == "true" {
		debug.SetGCPercent(400) // what inputs leave behind is small, and much of it
		runtime.GOMAXPROCS(1)   // a session and who drives it take turns, which is quicker without a switch of processors
	}
	files, err := filepath.Glob(filepath.Join(corpus, f.Name(), "*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	inputs, outcomes := make(chan []byte), make(chan error)
	f.Cleanup(func() { close(inputs) })
	go func() { // the engine has a new goroutine for each input, whose stack would have to grow each time
		for data := range inputs {
			outcomes <- tried(target, data)
		}
	}()
	f.Fuzz(func(t *testing.T, data []byte) {
		inputs <- data
		if err := <-outcomes; err != nil {
			t.Fatal(err)
		}
	})
}

// tried runs a target with an input. A panic is a find like others.
func tried(target Target, data []byte) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return target.Run(data)
}

func FuzzNothing(f *testing.F)    { run(f) }
func FuzzReader(f *testing.F)     { run(f) }
func FuzzStream(f *testing.F)     { run(f) }
func FuzzTransport(f *testing.F)  { run(f) }
func FuzzServer(f *testing.F)     { run(f) }
func FuzzWireClient(f *testing.F) { run(f) }
func FuzzWireServer(f *testing.F) { run(f) }
func FuzzCatalogue(f *testing.F)  { run(f) }
func FuzzTranscript(f *testing.F) { run(f) }
func FuzzBytes(f *testing.F)      { run(f) }
