//go:build libfuzzer

// Command libfuzzer is one of the targets as an archive for libFuzzer: see scripts/libfuzzer.sh. Go's engine has the same targets.
package main

// #include <stddef.h>
// #include <stdint.h>
import "C"

import (
	"sync"
	"unsafe"

	"github.com/streamspec/streamspec/fuzz/native"
)

// name of the target, set when it is linked.
var name = "FuzzNothing"

var target = sync.OnceValue(func() native.Target { return native.Targets[name]() })

// LLVMFuzzerTestOneInput is what libFuzzer calls. A find is a panic, which libFuzzer takes for a crash.
//
//export LLVMFuzzerTestOneInput
func LLVMFuzzerTestOneInput(data *C.uint8_t, size C.size_t) C.int {
	input := make([]byte, size) // libFuzzer's memory is not Go's to keep
	copy(input, unsafe.Slice((*byte)(unsafe.Pointer(data)), int(size)))
	if err := target().Run(input); err != nil {
		panic(err.Error())
	}
	return 0
}

func main() {}
