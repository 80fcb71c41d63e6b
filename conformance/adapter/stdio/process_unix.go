//go:build unix

package stdio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup has the program run in a process group of its own: it can be killed with everything that it has started, and
// an interrupt from the terminal does not reach it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the program and everything in its process group. What has left the group survives.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Process.Kill() // in case it has left the group itself
}

// notExecutable reports whether starting failed because the file is not a program.
func notExecutable(err error) bool {
	return errors.Is(err, syscall.ENOEXEC) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR)
}

// readWaiting reads what waits in a pipe, without waiting itself and in spite of a deadline that has passed. It returns 0
// and no error when nothing waits.
func readWaiting(f *os.File, p []byte) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		for {
			if n, err = syscall.Read(int(fd), p); err != syscall.EINTR {
				return
			}
		}
	})
	switch {
	case controlErr != nil:
		return 0, controlErr
	case err == syscall.EAGAIN:
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// exitStatus says in words how a program ended.
func exitStatus(s *os.ProcessState) string {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return fmt.Sprintf("exited with status %d", s.ExitCode())
	}
	text := fmt.Sprintf("was killed by signal %d (%v)", int(status.Signal()), status.Signal())
	if status.CoreDump() {
		text += " and dumped core"
	}
	return text
}
