//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package fuzz

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// A lock is held until it is released or the process ends.
type lock struct{ file *os.File }

// lockFileAt takes the lock of a path, in which the number of the process is written meanwhile.
func lockFileAt(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err == nil {
		return &lock{f}, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		err = fmt.Errorf("another campaign, process %s, is at work there", strings.TrimSpace(string(holder)))
	}
	_ = f.Close()
	return nil, err
}

func (l *lock) release() {
	_ = l.file.Truncate(0)
	_ = l.file.Close()
}
