package transport

import (
	"runtime"
	"strings"
	"syscall"
)

// setReusePort sets SO_REUSEPORT, which package syscall does not name everywhere.
func setReusePort(fd int) error {
	option := 0xf
	if strings.HasPrefix(runtime.GOARCH, "mips") {
		option = 0x200
	}
	return setOption(fd, syscall.SOL_SOCKET, option)
}
