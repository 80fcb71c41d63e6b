package fuzz

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// Shrink returns the smallest program it finds within the budget that still breaks what p breaks, as told by breaks: fewer commands
// first, then less said in each. It goes greedily from one program to a smaller one, always in the same order, and tries none twice.
// The program returned is never larger than p, and it is valid if p is. What was found so far is returned with an error, too, which
// is that of breaks or of a context that has ended; that the budget is spent is none.
func Shrink(ctx context.Context, p Program, budget time.Duration, breaks func(context.Context, Program) (bool, error)) (Program, error) {
	within, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	s := &shrinker{ctx: within, best: p, breaks: breaks, tried: map[[sha256.Size]byte]bool{p.hash(): true}}
	for s.smaller = true; s.smaller && s.goesOn(); {
		s.smaller = false
		s.dropCommands()
		s.mergeNeighbours()
		s.simplifyCommands()
		s.lowerTogether()
	}
	if within.Err() != nil {
		s.err = ctx.Err()
	}
	s.ctx = ctx // names are worth one try more
	s.try(s.best.usual())
	return s.best, s.err
}

// Shrink returns the verdict of the smallest program it finds within the budget that still breaks the rule, or what
// [Verdict.Breaks] has for one, as that of v does, and does not break it for any of the others. A program that cannot be carried
// out is not counted as breaking anything, unless that of v cannot. Programs are tried with little patience; what comes out is
// judged again with all of it, and if that does not hold it is all done again with as much. It returns v itself if there is nothing
// smaller. The error is that of a context that has ended.
func (j *Judge) Shrink(ctx context.Context, v *Verdict, rule string, budget time.Duration, others ...*Judge) (*Verdict, error) {
	hasty := *j
	hasty.options.Deadline = min(j.options.Deadline, hastyDeadline)
	hasty.options.Patience = min(j.options.Patience, hastyPatience)
	careful := v.Fault == ""
	breaks := func(ctx context.Context, j *Judge, p Program) (*Verdict, error) {
		if j.Lacks(p) {
			return nil, nil
		}
		w, err := j.Run(ctx, p)
		if err != nil || !w.BreaksAlso(rule) || w.Fault != "" && careful {
			return nil, err
		}
		for _, o := range others {
			if w, err := o.Run(ctx, p); err != nil || w.BreaksAlso(rule) {
				return nil, err
			}
		}
		return w, nil
	}
	for _, patient := range []*Judge{&hasty, j} {
		small := v
		p, err := Shrink(ctx, v.Program, budget, func(ctx context.Context, p Program) (bool, error) {
			w, err := breaks(ctx, patient, p.hurried(patient.options.Patience))
			if w != nil && ctx.Err() == nil {
				small = w
			}
			return w != nil, err
		})
		if err != nil {
			return small, err
		}
		if w, err := breaks(ctx, j, p); w != nil || err != nil {
			return cmp.Or(w, small), err
		}
	}
	return v, nil
}

// How long a program may take, and how long is waited for what is owed at its end, while programs are shrunk.
const (
	hastyDeadline = 5 * time.Second
	hastyPatience = time.Second
)

// hurried is the program with no more patience than is given in what it waits for.
func (p Program) hurried(patience time.Duration) Program {
	out := slices.Clone(p)
	for i := range out {
		if c := &out[i]; c.Op == trace.Run {
			c.Ms = min(c.Ms, int(patience.Milliseconds()))
		}
	}
	return out
}

// hash tells programs apart.
func (p Program) hash() [sha256.Size]byte {
	var text bytes.Buffer
	_ = p.Write(&text) // it holds nothing that cannot be encoded
	return sha256.Sum256(text.Bytes())
}

// A shrinker looks for a smaller program.
type shrinker struct {
	ctx     context.Context
	breaks  func(context.Context, Program) (bool, error)
	best    Program
	tried   map[[sha256.Size]byte]bool
	smaller bool  // something was found in this round
	err     error // why it is over
}

func (s *shrinker) goesOn() bool { return s.err == nil && s.ctx.Err() == nil }

// try takes a program for the best if it breaks the same.
func (s *shrinker) try(p Program) bool {
	if !s.goesOn() || p.Validate() != nil {
		return false
	}
	h := p.hash()
	if s.tried[h] {
		return false
	}
	s.tried[h] = true
	ok, err := s.breaks(s.ctx, p)
	if err != nil {
		s.err = err
	}
	if err != nil || !ok || s.ctx.Err() != nil {
		return false
	}
	s.best, s.smaller = p, true
	return true
}

// dropCommands leaves out commands, and with each all that uses what it makes: many at once, then fewer, then single ones, from
// the end.
func (s *shrinker) dropCommands() {
	for size := len(s.best); size > 0 && s.goesOn(); size /= 2 {
		for end := len(s.best); end > 0 && s.goesOn(); {
			end = min(end, len(s.best))
			start := max(end-size, 0)
			p := append(append(make(Program, 0, len(s.best)), s.best[:start]...), s.best[end:]...)
			s.try(p.consistent())
			end = start
		}
	}
}

// mergeNeighbours makes one of two commands in a row that feed, send or write data.
func (s *shrinker) mergeNeighbours() {
	for i := 0; i+1 < len(s.best) && s.goesOn(); {
		if one, ok := merged(s.best[i], s.best[i+1]); !ok || !s.try(s.best.with(i, 2, one)) {
			i++
		}
	}
}

// merged is one command that does what two do that feed, send or write data to the same object.
func merged(a, b trace.Command) (trace.Command, bool) {
	if a.Op != b.Op || a.On != b.On || a.Data == nil || b.Data == nil || a.Data.Form != b.Data.Form {
		return a, false
	}
	a.Data = &trace.Data{Form: a.Data.Form, Bytes: append(bytes.Clone(a.Data.Bytes), b.Data.Bytes...)}
	a.NoSettle = a.NoSettle && b.NoSettle
	return a, true
}

// with is the program with n commands from i on replaced.
func (p Program) with(i, n int, by ...trace.Command) Program {
	return append(append(append(make(Program, 0, len(p)), p[:i]...), by...), p[i+n:]...)
}

// simplifyCommands has each command say less.
func (s *shrinker) simplifyCommands() {
	for i := 0; i < len(s.best) && s.goesOn(); i++ {
		for again := true; again && i < len(s.best); {
			again = false
			for c := range simpler(s.best[i]) {
				if again = s.try(s.best.with(i, 1, c).consistent()); again || !s.goesOn() {
					break
				}
			}
		}
	}
}

// lowerTogether lowers a number and the length of data that is the same wherever it occurs, since often one is about the other.
func (s *shrinker) lowerTogether() {
	tooLow := map[int]bool{} // sizes that cannot be lowered
	for s.goesOn() {
		size := 0
		for _, n := range s.best.sizes() {
			if n > size && !tooLow[n] {
				size = n
			}
		}
		if size < 2 {
			return
		}
		lowered := false
		for n := range lower(size) {
			if lowered = s.try(s.best.resized(size, n)); lowered || !s.goesOn() {
				break
			}
		}
		tooLow[size] = !lowered
	}
}
