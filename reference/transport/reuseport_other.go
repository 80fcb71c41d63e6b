//go:build unix && !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package transport

import "errors"

func setReusePort(int) error { return errors.ErrUnsupported }
