// Package python brings the adapter that drives the asyncio of any Python, 3.6 and later.
//
// The adapter is one Python file, embedded here, which is written out when it is to run. It speaks the wire protocol on its
// standard input and output, replays transcripts by itself (--replay FILE) and checks itself (--self-check).
package python

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Source is the adapter, a Python file that needs nothing but the standard library.
//
//go:embed adapter.py
var Source string

// fileName is what the adapter is called in tracebacks and debuggers.
const fileName = "streamspec-adapter.py"

// Command writes the adapter to a temporary file and returns the arguments that run it: the interpreter first, which may
// be a path or a name to be looked up in PATH. loop, MODULE:FACTORY, names event loops to drive in place of asyncio's own,
// which it does when it is empty. The protocol is spoken when nothing is appended to the arguments. When no process that
// they started runs any more, remove deletes the file; it may be called more than once.
func Command(interpreter, loop string) (args []string, remove func() error, err error) {
	path, err := exec.LookPath(interpreter)
	if err != nil {
		return nil, nil, fmt.Errorf("python adapter: %w", err)
	}
	// In a folder of its own: Python looks for modules in the script's folder before anywhere else.
	dir, err := os.MkdirTemp("", "streamspec-")
	if err != nil {
		return nil, nil, fmt.Errorf("python adapter: %w", err)
	}
	file := filepath.Join(dir, fileName)
	if err := os.WriteFile(file, []byte(Source), 0o644); err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, fmt.Errorf("python adapter: %w", err)
	}
	args = []string{path, file}
	if loop != "" {
		args = append(args, "--loop", loop)
	}
	return args, func() error { return os.RemoveAll(dir) }, nil
}

// A LoopError is an event loop that cannot be driven.
type LoopError struct{ Text string }

// Error implements error.
func (e *LoopError) Error() string { return e.Text }

// CheckLoop has the adapter load the event loop that its arguments name, without judging anything. A *[LoopError] says what
// is wrong with it.
func CheckLoop(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, args[0], append(args[1:len(args):len(args)], "--describe")...)
	cmd.WaitDelay = time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err := cmd.Run()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(stderr.String())
	said = said[strings.LastIndexByte(said, '\n')+1:]
	var status *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return &LoopError{"loading it took too long"}
	case errors.As(err, &status) && status.ExitCode() == 2 && said != "":
		return &LoopError{said}
	case said != "":
		return &LoopError{fmt.Sprintf("loading it ended with %v, and the last line of its standard error is %q", err, said)}
	}
	return &LoopError{fmt.Sprintf("loading it ended with %v", err)}
}

// Find returns the path of the Python that is used when none is named: python3 of PATH.
func Find() (string, error) {
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("no Python found: %w", err)
	}
	return path, nil
}

// An Interpreter is an installed Python.
type Interpreter struct {
	Name string // as pyenv calls it: 3.13.0, pypy3.10-7.3.12
	Path string // of the executable
}

// Interpreters lists the Pythons that pyenv has installed, in its order, without those of version 2. Where there is no
// pyenv the list is empty.
func Interpreters() []Interpreter {
	root, err := exec.Command("pyenv", "root").Output()
	if err != nil {
		return nil
	}
	names, err := exec.Command("pyenv", "versions", "--bare").Output()
	if err != nil {
		return nil
	}
	var found []Interpreter
	for _, name := range strings.Fields(string(names)) {
		if strings.HasPrefix(name, "2.") || strings.HasPrefix(name, "pypy2") || strings.Contains(name, "/") { // a slash: a virtual environment
			continue
		}
		path := filepath.Join(strings.TrimSpace(string(root)), "versions", name, "bin", "python")
		if _, err := exec.LookPath(path); err == nil {
			found = append(found, Interpreter{Name: name, Path: path})
		}
	}
	return found
}
