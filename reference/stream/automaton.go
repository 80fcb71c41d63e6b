package stream

// An automaton finds separators by looking at each byte once, after Aho and Corasick. Its states are the beginnings of the
// separators; state 0 is the empty one. Links instead of a table keep it as small as the separators.
type automaton struct {
	root   [256]int32 // the states after one byte, 0 if none
	states []state
}

type state struct {
	fail    int32 // the longest other state that this one ends in
	child   int32 // the first of the states that are one byte longer; 0 if none
	sibling int32 // the next of those that are as long and begin alike; 0 if none
	match   int32 // the length of the shortest separator that this state ends in; 0 if none
	label   byte  // its last byte
}

func newAutomaton(list [][]byte) *automaton {
	a := &automaton{states: make([]state, 1)}
	for _, sep := range list {
		at := int32(0)
		for _, b := range sep {
			at = a.grow(at, b)
		}
		if a.states[at].match == 0 {
			a.states[at].match = int32(len(sep))
		}
	}
	a.fail()
	return a
}

// grow returns the state one byte longer than at, and makes it if it is not there.
func (a *automaton) grow(at int32, b byte) int32 {
	if next := a.child(at, b); next != 0 {
		return next
	}
	next := int32(len(a.states))
	a.states = append(a.states, state{label: b})
	if at == 0 {
		a.root[b] = next
		return next
	}
	a.states[next].sibling = a.states[at].child
	a.states[at].child = next
	return next
}

func (a *automaton) child(at int32, b byte) int32 {
	if at == 0 {
		return a.root[b]
	}
	next := a.states[at].child
	for next != 0 && a.states[next].label != b {
		next = a.states[next].sibling
	}
	return next
}

// fail sets the failure links, shorter states first.
func (a *automaton) fail() {
	var queue []int32
	for _, at := range a.root {
		if at != 0 {
			queue = append(queue, at)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for next := a.states[at].child; next != 0; next = a.states[next].sibling {
			fail := a.step(a.states[at].fail, a.states[next].label)
			a.states[next].fail = fail
			if m := a.states[fail].match; m != 0 {
				a.states[next].match = m // shorter than what it may have had
			}
			queue = append(queue, next)
		}
	}
}

// step returns the state after one more byte.
func (a *automaton) step(at int32, b byte) int32 {
	for at != 0 {
		if next := a.child(at, b); next != 0 {
			return next
		}
		at = a.states[at].fail
	}
	return a.root[b]
}

// link makes the automaton take over, in the state that belongs to the bytes scanned so far.
func (s *Separators) link(text []byte, p *progress) {
	s.once.Do(func() { s.links = newAutomaton(s.list) })
	p.linked = true
	p.state = 0
	for _, b := range text[max(0, p.scanned-s.longest+1):p.scanned] {
		p.state = s.links.step(p.state, b)
	}
}

// run goes on with the automaton.
func (s *Separators) run(text []byte, p *progress) (start, end int) {
	a, at := s.links, p.state
	for i, b := range text[p.scanned:] {
		next := a.step(at, b)
		if m := a.states[next].match; m != 0 {
			end := p.scanned + i + 1
			p.scanned = end - 1
			p.state = at
			return end - int(m), end
		}
		at = next
	}
	p.scanned = len(text)
	p.state = at
	return 0, 0
}
