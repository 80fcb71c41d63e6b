//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package transport

import "syscall"

func setReusePort(fd int) error { return setOption(fd, syscall.SOL_SOCKET, syscall.SO_REUSEPORT) }
