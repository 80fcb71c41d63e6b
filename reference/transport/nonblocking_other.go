//go:build !unix

package transport

import (
	"errors"
	"os"
)

// nonblocking cannot replace the file by one whose reads and writes can be interrupted.
func nonblocking(file *os.File) (*os.File, error) { return file, errors.ErrUnsupported }
