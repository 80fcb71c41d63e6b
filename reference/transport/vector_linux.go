package transport

import (
	"io"
	"syscall"
	"unsafe"
)

// A vector sends many chunks with few calls.
//
// Rule: writer.write.writelines-may-coalesce.
type vector struct{ list []syscall.Iovec }

const maxVector = 1024 // the kernel's limit

// send sends as much of the chunks as it can; EAGAIN says that this is not all.
func (v *vector) send(fd int, chunks [][]byte) (n int, err error) {
	skip := 0 // bytes of chunks[0] that have been sent
	for {
		v.list = v.list[:0]
		size := 0
		for i, p := range chunks {
			if len(v.list) == maxVector {
				break
			}
			if i == 0 {
				p = p[skip:]
			}
			if len(p) > 0 {
				iov := syscall.Iovec{Base: unsafe.SliceData(p)}
				iov.SetLen(len(p))
				v.list = append(v.list, iov)
				size += len(p)
			}
		}
		if size == 0 {
			return n, nil
		}
		m, _, errno := syscall.Syscall(syscall.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v.list[0])), uintptr(len(v.list)))
		clear(v.list)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return n, errno
		}
		if m == 0 {
			return n, io.ErrUnexpectedEOF
		}
		n += int(m)
		for skip += int(m); len(chunks) > 0 && skip >= len(chunks[0]); chunks = chunks[1:] {
			skip -= len(chunks[0])
		}
	}
}
