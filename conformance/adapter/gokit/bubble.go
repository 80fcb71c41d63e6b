package gokit

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// bubble runs f in a bubble. Outside of "go test" the package testing/synctest takes a zero testing.T; that is not
// documented, hence [SelfTest].
func bubble(f func()) { synctest.Test(new(testing.T), func(*testing.T) { f() }) }

// SelfTest tells whether bubbles work here: a goroutine that waits is seen to wait, and its end is seen too.
var SelfTest = sync.OnceValue(func() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("testing/synctest does not work in this program: %v", p)
		}
	}()
	ended := false
	bubble(func() {
		c, state := make(chan int), 0
		go func() { state = 1; <-c; state = 2 }()
		synctest.Wait()
		before := state
		c <- 0
		synctest.Wait()
		ended = before == 1 && state == 2
	})
	if !ended {
		return errors.New("testing/synctest does not work in this program: a goroutine was not seen to wait and to end")
	}
	return nil
})
