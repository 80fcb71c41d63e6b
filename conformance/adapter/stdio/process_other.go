//go:build !unix

package stdio

import (
	"fmt"
	"os"
	"os/exec"
)

// ownGroup does nothing where there are no process groups.
func ownGroup(*exec.Cmd) {}

// killGroup kills the program alone.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// notExecutable knows of no further reasons here.
func notExecutable(error) bool { return false }

// readWaiting cannot look into a pipe here: what waits is noticed with the next answer.
func readWaiting(*os.File, []byte) (int, error) { return 0, nil }

// exitStatus says in words how a program ended.
func exitStatus(s *os.ProcessState) string { return fmt.Sprintf("exited with status %d", s.ExitCode()) }
