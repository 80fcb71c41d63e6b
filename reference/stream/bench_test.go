package stream

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

// The benchmarks compare with what a Go programmer would use instead, in one run: sub-benchmarks "ours" and "theirs", and
// "twin", which is theirs once more and shows how far two equal things differ on this machine.

const benchChunk = 64 << 10 // bytes that either side gets at a time

// endless gives the same text over and over, to either side.
type endless struct {
	text []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.at == len(e.text) {
		e.at = 0
	}
	n := copy(p, e.text[e.at:])
	e.at += n
	return n, nil
}

// feed copies as much into the reader as Read would.
func (e *endless) feed(b *testing.B, r *Reader) {
	if e.at == len(e.text) {
		e.at = 0
	}
	n := min(benchChunk, len(e.text)-e.at)
	if err := r.FeedData(e.text[e.at : e.at+n]); err != nil {
		b.Fatal(err)
	}
	e.at += n
}

func benchReader(b *testing.B, limit int) *Reader {
	r, err := NewReader(limit)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// pollContext is done: a read that would have to wait comes back instead.
func pollContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func benchLines(end string) *endless {
	line := append(bytes.Repeat([]byte{'x'}, 64-len(end)), end...)
	return &endless{text: bytes.Repeat(line, 1024)}
}

var sink []byte

// readAll calls read for b.N results and feeds whenever it would have to wait.
func readAll(b *testing.B, source *endless, r *Reader, read func() ([]byte, error)) {
	b.SetBytes(64)
	for b.Loop() {
		data, err := read()
		for err != nil {
			source.feed(b, r)
			data, err = read()
		}
		sink = data
	}
}

func BenchmarkLineCopied(b *testing.B) {
	theirs := func(b *testing.B) {
		r := bufio.NewReaderSize(benchLines("\n"), benchChunk)
		readAll(b, nil, nil, func() ([]byte, error) { return r.ReadBytes('\n') })
	}
	b.Run("ours", func(b *testing.B) {
		r, ctx, lf := benchReader(b, DefaultLimit), pollContext(), []byte("\n")
		readAll(b, benchLines("\n"), r, func() ([]byte, error) { return r.ReadUntil(ctx, lf) })
	})
	b.Run("theirs", theirs)
	b.Run("twin", theirs)
}

func BenchmarkLineBorrowed(b *testing.B) {
	theirs := func(b *testing.B) {
		r := bufio.NewReaderSize(benchLines("\n"), benchChunk)
		readAll(b, nil, nil, func() ([]byte, error) { return r.ReadSlice('\n') })
	}
	b.Run("ours", func(b *testing.B) {
		r, ctx, lf := benchReader(b, DefaultLimit), pollContext(), []byte("\n")
		readAll(b, benchLines("\n"), r, func() ([]byte, error) { return r.BorrowUntil(ctx, lf) })
	})
	b.Run("default", func(b *testing.B) {
		r, ctx := benchReader(b, DefaultLimit), pollContext()
		readAll(b, benchLines("\n"), r, func() ([]byte, error) { return r.BorrowUntil(ctx) })
	})
	b.Run("theirs", theirs)
	b.Run("twin", theirs)
}

func BenchmarkCRLF(b *testing.B) {
	theirs := func(b *testing.B) {
		crlf := []byte("\r\n")
		s := bufio.NewScanner(benchLines("\r\n"))
		s.Buffer(make([]byte, benchChunk), benchChunk)
		s.Split(func(data []byte, eof bool) (int, []byte, error) {
			if i := bytes.Index(data, crlf); i >= 0 {
				return i + 2, data[:i+2], nil
			}
			return 0, nil, nil
		})
		readAll(b, nil, nil, func() ([]byte, error) { s.Scan(); return s.Bytes(), nil })
	}
	b.Run("ours", func(b *testing.B) {
		r, ctx, crlf := benchReader(b, DefaultLimit), pollContext(), []byte("\r\n")
		readAll(b, benchLines("\r\n"), r, func() ([]byte, error) { return r.BorrowUntil(ctx, crlf) })
	})
	b.Run("theirs", theirs)
	b.Run("twin", theirs)
}

// BenchmarkSeparators reads 64-byte pieces with 2 and with 16 separators, of which one or all occur, and searches text in
// which none does.
func BenchmarkSeparators(b *testing.B) {
	for _, n := range []int{2, 16} {
		var list [][]byte
		for i := range n {
			list = append(list, []byte{'#', byte('A' + i)})
		}
		for _, occur := range []int{1, n} {
			name := map[bool]string{true: "one", false: "all"}[occur == 1]
			var text []byte
			rng := rand.New(rand.NewPCG(1, 1))
			for range 1024 {
				text = append(text, bytes.Repeat([]byte{'x'}, 62)...)
				text = append(text, list[rng.IntN(occur)]...)
			}
			b.Run(fmt.Sprintf("occur=%s/separators=%d", name, n), func(b *testing.B) {
				r, ctx := benchReader(b, DefaultLimit), pollContext()
				s, err := NewSeparators(list...)
				if err != nil {
					b.Fatal(err)
				}
				readAll(b, &endless{text: text}, r, func() ([]byte, error) { return r.ReadUntilAny(ctx, s) })
			})
		}
		text := bytes.Repeat([]byte("the quick brown fox"), 4096)
		b.Run(fmt.Sprintf("occur=none/separators=%d", n), func(b *testing.B) {
			s, err := NewSeparators(list...)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, end := s.first(text); end > 0 {
					b.Fatal("found")
				}
			}
		})
		scan := func(b *testing.B) {
			var last [256]bool
			for _, s := range list {
				last[s[len(s)-1]] = true
			}
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if scanTable(text, &last) >= 0 {
					b.Fatal("found")
				}
			}
		}
		b.Run(fmt.Sprintf("occur=none/separators=%d/theirs", n), scan)
		b.Run(fmt.Sprintf("occur=none/separators=%d/twin", n), scan)
	}
}

//go:noinline
func scanTable(text []byte, last *[256]bool) int {
	for i, c := range text {
		if last[c] {
			return i
		}
	}
	return -1
}

// kmp is the search of Knuth, Morris and Pratt over what it is fed and keeps, as safe for a feeding goroutine as a reader.
type kmp struct {
	mu    sync.Mutex
	sep   []byte
	fail  []int
	state int
	buf   []byte
	found bool
}

func newKMP(sep []byte) *kmp {
	k := &kmp{sep: sep, fail: make([]int, len(sep)+1)}
	for i, n := 1, 0; i < len(sep); i++ {
		for n > 0 && sep[n] != sep[i] {
			n = k.fail[n]
		}
		if sep[n] == sep[i] {
			n++
		}
		k.fail[i+1] = n
	}
	return k
}

func (k *kmp) feed(p []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.buf = append(k.buf, p...)
	n := k.state
	for _, c := range p {
		for n > 0 && k.sep[n] != c {
			n = k.fail[n]
		}
		if k.sep[n] == c {
			n++
		}
		if n == len(k.sep) {
			k.found = true
			break
		}
	}
	k.state = n
}

// BenchmarkSearchFed feeds a text in chunks to a waiting read until its separator comes, at the very end.
func BenchmarkSearchFed(b *testing.B) {
	for _, size := range []int{2, 64, 4096} {
		for _, kind := range []string{"random", "aaab", "baaa"} {
			sep := bytes.Repeat([]byte{'a'}, size)
			fill := func(text []byte) {
				for i := range text {
					text[i] = 'a'
				}
			}
			switch kind {
			case "random":
				rng := rand.New(rand.NewPCG(1, 1))
				fill = func(text []byte) {
					for i := range text {
						text[i] = byte(rng.IntN(256))
					}
				}
				fill(sep)
			case "aaab":
				sep[size-1] = 'b'
			case "baaa":
				sep[0] = 'b'
			}
			for _, total := range []int{64 << 10, 1 << 20} {
				text := make([]byte, total)
				fill(text)
				for i := bytes.Index(text, sep); i >= 0; i = bytes.Index(text, sep) {
					text[i]++
				}
				text = append(text, sep...)
				for _, chunk := range []int{1, 7, 64, 1024} {
					name := fmt.Sprintf("separator=%d/%s/chunk=%d/total=%dK", size, kind, chunk, total>>10)
					benchSearchFed(b, name, sep, text, chunk)
				}
			}
		}
	}
}

func benchSearchFed(b *testing.B, name string, sep, text []byte, chunk int) {
	theirs := func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		k := newKMP(sep)
		for b.Loop() {
			k.buf, k.state, k.found = k.buf[:0], 0, false
			for rest := text; len(rest) > 0; {
				n := min(chunk, len(rest))
				k.feed(rest[:n])
				rest = rest[n:]
			}
			if !k.found {
				b.Fatal("not found")
			}
		}
	}
	b.Run(name+"/ours", func(b *testing.B) {
		r := benchReader(b, 4<<20)
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			done := make(chan error)
			go func() {
				data, err := r.BorrowUntil(context.Background(), sep)
				if err == nil && len(data) != len(text) {
					err = io.ErrUnexpectedEOF
				}
				done <- err
			}()
			for rest := text; len(rest) > 0; {
				n := min(chunk, len(rest))
				_ = r.FeedData(rest[:n])
				rest = rest[n:]
			}
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name+"/theirs", theirs)
	b.Run(name+"/twin", theirs)
}
