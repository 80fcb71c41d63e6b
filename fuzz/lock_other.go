//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package fuzz

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// A lock is held until it is released; that of a process which was killed has to be removed by hand.
type lock struct{ path string }

// lockFileAt takes the lock of a path, in which the number of the process is written meanwhile.
func lockFileAt(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		holder, _ := os.ReadFile(path)
		return nil, fmt.Errorf("another campaign, process %s, is at work there; if it is not, remove %s", strings.TrimSpace(string(holder)), path)
	}
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	if e := f.Close(); err == nil {
		err = e
	}
	return &lock{path}, err
}

func (l *lock) release() { _ = os.Remove(l.path) }
