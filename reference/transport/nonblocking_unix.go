//go:build unix

package transport

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// nonblocking replaces the file by one whose reads and writes can be interrupted.
func nonblocking(file *os.File) (*os.File, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return file, err
	}
	copied := -1
	var failed error
	err = raw.Control(func(fd uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if copied, failed = syscall.Dup(int(fd)); failed == nil {
			syscall.CloseOnExec(copied)
			failed = syscall.SetNonblock(copied, true)
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return file, err
	}
	other := os.NewFile(uintptr(copied), file.Name())
	if err := other.SetDeadline(interruptDeadline(false)); err != nil {
		_ = other.Close()
		return file, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	_ = file.Close()
	return other, nil
}
