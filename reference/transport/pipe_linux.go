package transport

import (
	"syscall"
	"unsafe"
)

// awaitPeer waits until the reading end is closed, or interrupt, or close.
func (e writeEnd) awaitPeer() error {
	err := e.sender.raw.Read(gone)
	if err = interruption(err); err == nil || err == errInterrupted {
		return err
	}
	closed := false // a pipe that is full besides counts as not pollable
	if failed := e.sender.raw.Control(func(fd uintptr) { closed = gone(fd) }); failed != nil || !closed {
		return err
	}
	return nil
}

// gone reports whether the reading end is closed. Bytes that have come, as on a socket, do not matter.
func gone(fd uintptr) bool {
	poll := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd)}
	var now syscall.Timespec
	n, _, _ := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n == 1 // events that were not asked for are errors and hang-ups
}
