//go:build !linux

package gokit

import (
	"errors"
	"net/netip"
	"os"

	"github.com/streamspec/streamspec/spec/trace"
)

const haveRaw = false

var errNoRaw = errors.ErrUnsupported

func readNow(uintptr, []byte) (int, error) { return 0, errNoRaw }

func connectedPair(trace.EndKind, int) (*raw, error) { return nil, errNoRaw }

// far is never made.
type far struct{ identity }

func (*far) open(trace.EndKind) (End, error) { return End{}, errNoRaw }
func (*far) close()                          {}

func (*raw) farOpen() (bool, error)    { return false, errNoRaw }
func (*raw) locate()                   {}
func (*raw) send([]byte) (int, error)  { return 0, errNoRaw }
func (*raw) shutdown() error           { return errNoRaw }
func (*raw) reset()                    {}
func (*raw) address(bool) (any, error) { return nil, errNoRaw }

func (*raw) connect(*address) error { return errNoRaw }
func (*raw) connected() error       { return errNoRaw }

func identify(int) (identity, error) { return identity{}, errNoRaw }

func (identity) isOpen() (bool, error) { return false, errNoRaw }

// occupant is nobody.
type occupant struct{ identity }

func (*occupant) leave() {}

func (*address) listen() error                              { return errNoRaw }
func (*address) silence() error                             { return errNoRaw }
func (*address) accept() (*raw, error)                      { return nil, errNoRaw }
func (*address) ask(string, map[identity]bool) (any, error) { return nil, errNoRaw }

func newConnecting(*address, int) (*raw, error) { return nil, errNoRaw }

func newSocket(trace.EndKind, bool, *address) (*os.File, identity, error) {
	return nil, identity{}, errNoRaw
}

func lockPort() (port, lock int, err error) { return 0, 0, errNoRaw }
func unlockPort(int)                        {}

func hasIP(netip.Addr) bool { return false }
