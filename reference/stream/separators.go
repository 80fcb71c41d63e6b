package stream

import (
	"bytes"
	"slices"
	"sync"
)

// Separators is one separator or several, prepared for searching. It does not change, and any number of readers and
// goroutines may use it.
type Separators struct {
	given   [][]byte    // as they were given
	list    [][]byte    // shortest first, each once
	longest int         // bytes
	last    byte        // the last byte, of the only separator
	ends    [256]uint8  // 1 for each last byte
	group   [256]uint16 // for each last byte, the index in groups of the separators that end in it
	groups  [][][]byte  // shortest first in each; groups[0] is empty

	once  sync.Once
	links *automaton // for text that is hard to search; made when first needed
}

// newline is the separator of lines.
//
// Rule: reader.readuntil.default-separator-is-lf.
var newline, _ = NewSeparators([]byte{'\n'})

// NewSeparators prepares alternative separators; it keeps copies. At least one is needed and none may be empty, otherwise
// the error is an [*ArgumentError]. Their order is of no importance.
//
// Rules: reader.readuntil.tuple-accepted, reader.readuntil.empty-tuple-refused, reader.readuntil.empty-separator-refused.
func NewSeparators(separators ...[]byte) (*Separators, error) {
	if len(separators) == 0 {
		return nil, &ArgumentError{Name: "separators", Value: "()", Reason: "must contain at least one"}
	}
	s := &Separators{}
	for _, sep := range separators {
		if len(sep) == 0 {
			return nil, &ArgumentError{Name: "separator", Value: `""`, Reason: "must be at least one byte"}
		}
		s.given = append(s.given, bytes.Clone(sep))
	}
	s.list = slices.Clone(s.given)
	slices.SortFunc(s.list, func(a, b []byte) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return bytes.Compare(a, b)
	})
	s.list = slices.CompactFunc(s.list, bytes.Equal)
	s.longest = len(s.list[len(s.list)-1])
	s.groups = [][][]byte{nil}
	for _, sep := range s.list {
		s.last = sep[len(sep)-1]
		s.ends[s.last] = 1
		if s.group[s.last] == 0 {
			s.group[s.last] = uint16(len(s.groups))
			s.groups = append(s.groups, nil)
		}
		g := s.group[s.last]
		s.groups[g] = append(s.groups[g], sep)
	}
	return s, nil
}

// compile returns the separators prepared, again those of the call before if they are the same.
func (r *Reader) compile(separators [][]byte) (*Separators, error) {
	if separators == nil {
		return newline, nil // reader.readuntil.default-separator-is-lf
	}
	if r.last != nil && r.last.same(separators) {
		return r.last, nil
	}
	s, err := NewSeparators(separators...)
	if err != nil {
		return nil, err
	}
	r.last = s
	return s, nil
}

func (s *Separators) same(separators [][]byte) bool {
	if len(separators) != len(s.given) {
		return false
	}
	for i, sep := range separators {
		if string(sep) != string(s.given[i]) {
			return false
		}
	}
	return true
}

// progress is how far a search has come in the buffered bytes, so that it need not begin again when more are fed.
type progress struct {
	separators *Separators // what is searched for
	scanned    int         // no separator ends within this many bytes
	work       int         // bytes compared on false alarms
	linked     bool        // the automaton has taken over
	state      int32       // its state after the scanned bytes
}

// restart makes the search begin at the front again; bytes have been consumed.
func (p *progress) restart() {
	p.scanned = 0
	p.work = 0
	p.linked = false
}

// first is find for a new search that is not worth going on with: it may give up.
func (s *Separators) first(text []byte) (start, end int) {
	if len(s.list) == 1 {
		return first(text, s.list[0])
	}
	var p progress
	return s.find(text, &p)
}

// first looks for sep where a few of its last bytes are.
func first(text, sep []byte) (start, end int) {
	last := len(sep) - 1
	if last < 0 {
		return 0, 0
	}
	for range 4 {
		i := bytes.IndexByte(text[end:], sep[last])
		if i < 0 {
			break
		}
		end += i + 1
		if end > last && (last == 0 || text[end-2] == sep[last-1] && string(text[end-1-last:end]) == string(sep)) {
			return end - 1 - last, end
		}
	}
	return 0, 0
}

// find returns where the first separator in text starts and ends: the one that ends first, and of those that end there
// the shortest. Without one, end is 0 or less. It begins where p says, and leaves there how far it came; a second find with
// more text behind, or the same, goes on.
//
// It looks for the last bytes of the separators and compares backwards. That is quick on text that is not made to be
// hard; when the comparing comes to more than the text is worth, an automaton takes over, which looks at each byte once.
//
// Rules: reader.readuntil.tuple-earliest-end-wins, reader.readuntil.tuple-limit-counts-shortest,
// reader.readuntil.tuple-chunking-independent, reader.readuntil.false-start-hides-no-match.
func (s *Separators) find(text []byte, p *progress) (start, end int) {
	if s.longest == 1 && len(s.list) == 1 {
		return s.findByte(text, p)
	}
	for !p.linked {
		i := s.candidate(text[p.scanned:])
		if i < 0 {
			p.scanned = len(text)
			return 0, 0
		}
		end := p.scanned + i + 1
		for _, sep := range s.groups[s.group[text[end-1]]] {
			if len(sep) > end {
				break
			}
			if len(sep) == 1 {
				p.scanned = end - 1
				return end - 1, end
			}
			if text[end-2] != sep[len(sep)-2] {
				p.work++
				continue
			}
			if string(text[end-len(sep):end]) == string(sep) {
				p.scanned = end - 1
				return end - len(sep), end
			}
			p.work += len(sep)
		}
		p.scanned = end
		p.work += 8
		if p.work > 4*(p.scanned+s.longest)+64 {
			s.link(text, p)
		}
	}
	return s.run(text, p)
}

// findByte is find for the only separator, of one byte.
func (s *Separators) findByte(text []byte, p *progress) (start, end int) {
	i := bytes.IndexByte(text[p.scanned:], s.last)
	if i < 0 {
		p.scanned = len(text)
		return 0, 0
	}
	p.scanned += i
	return p.scanned, p.scanned + 1
}

// candidate returns the index of the first byte that is the last of a separator, or -1.
func (s *Separators) candidate(text []byte) int {
	if len(s.list) == 1 {
		return bytes.IndexByte(text, s.last)
	}
	i := 0
	for ; len(text)-i >= 8; i += 8 {
		t := text[i : i+8]
		if s.ends[t[0]]|s.ends[t[1]]|s.ends[t[2]]|s.ends[t[3]]|s.ends[t[4]]|s.ends[t[5]]|s.ends[t[6]]|s.ends[t[7]] != 0 {
			break
		}
	}
	for ; i < len(text); i++ {
		if s.ends[text[i]] != 0 {
			return i
		}
	}
	return -1
}
