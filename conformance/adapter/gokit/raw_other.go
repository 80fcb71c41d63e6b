//go:build !linux

package gokit

import (
	"errors"

	"github.com/streamspec/streamspec/spec/trace"
)

const haveRaw = false

var errNoRaw = errors.ErrUnsupported

func readNow(uintptr, []byte) (int, error) { return 0, errNoRaw }

func connected(trace.EndKind, int) (*raw, error) { return nil, errNoRaw }

// far is never made.
type far struct{}

func (*far) open(trace.EndKind) (End, error) { return End{}, errNoRaw }
func (*far) close()                          {}

func (*raw) farOpen() (bool, error)    { return false, errNoRaw }
func (*raw) send([]byte) (int, error)  { return 0, errNoRaw }
func (*raw) shutdown() error           { return errNoRaw }
func (*raw) reset()                    {}
func (*raw) address(bool) (any, error) { return nil, errNoRaw }
