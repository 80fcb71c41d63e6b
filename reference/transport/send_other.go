//go:build !unix

package transport

import "io"

// A sender leaves everything to push, where the system cannot send without waiting.
type sender struct{ conn io.Writer }

func newSender(conn io.Writer) (*sender, error) { return &sender{conn}, nil }

func (s *sender) send([]byte) (int, error) { return 0, nil }

func (s *sender) sendLines([][]byte) (int, error) { return 0, nil }

func (s *sender) push(chunks [][]byte) (int, error) { return s.conn.Write(chunks[0]) }
