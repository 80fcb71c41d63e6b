package fuzz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// maker is the name by which the maker of something goes: of c1.transport that is c1, and of s#2.writer s.
func maker(name string) string {
	if i := strings.IndexAny(name, ".#"); i >= 0 {
		return name[:i]
	}
	return name
}

// renamed is the command with every name that it uses replaced by f, but for those in reactions and the one that it gives itself.
func renamed(c trace.Command, f func(string) string) trace.Command {
	for _, name := range []*string{&c.On, &c.Transport, &c.Raw, &c.Reader, &c.Protocol, &c.Address, &c.Local, &c.Socket} {
		if *name != "" {
			*name = f(*name)
		}
	}
	for _, names := range []*[]string{&c.Names, &c.Addresses} {
		*names = slices.Clone(*names)
		for i, name := range *names {
			(*names)[i] = f(name)
		}
	}
	if c.Until != nil {
		until := *c.Until
		if until.Done != "" {
			until.Done = f(until.Done)
		}
		if until.On != "" {
			until.On = f(until.On)
		}
		c.Until = &until
	}
	return c
}

// inReactions is the command with f applied to all commands of its reactions; those for which f is false are left out, and so are
// reactions that do nothing any more.
func inReactions(c trace.Command, f func(trace.Command) (trace.Command, bool)) trace.Command {
	if c.Program == nil {
		return c
	}
	reactions := make([]trace.Reaction, 0, len(c.Program))
	for _, r := range c.Program {
		var kept []trace.Command
		for _, done := range r.Do {
			if done, ok := f(done); ok {
				kept = append(kept, done)
			}
		}
		if len(kept) < len(r.Do) && len(kept) == 0 && r.Return == nil && r.Raise == nil && !r.Hold {
			continue
		}
		r.Do = kept
		reactions = append(reactions, r)
	}
	if c.Program = reactions; len(reactions) == 0 {
		c.Program = nil
	}
	return c
}

// scope is the set of the names that stand for something at one point of a program.
type scope map[string]bool

// unknown is a name that the command uses and that stands for nothing, empty if there is none.
func (s scope) unknown(c trace.Command) (name string) {
	renamed(c, func(used string) string {
		if !s[maker(used)] && name == "" {
			name = used
		}
		return used
	})
	return name
}

// after takes note of what the command makes and forgets.
func (s scope) after(c trace.Command) {
	switch {
	case c.As != "":
		s[c.As] = true
	case c.Op == trace.Forget && c.Names == nil:
		clear(s)
	case c.Op == trace.Forget:
		for _, name := range c.Names {
			delete(s, name)
		}
	}
}

// everMade is the set of all names that the program gives. A reaction can use each of them, since it takes place later.
func (p Program) everMade() scope {
	made := scope{}
	for _, c := range p {
		if c.As != "" {
			made[c.As] = true
		}
	}
	return made
}

// validateNames reports names that are used before they are made, and those that are given twice.
func (p Program) validateNames() error {
	ever, now := p.everMade(), scope{}
	for i, c := range p {
		name := now.unknown(c)
		inReactions(c, func(c trace.Command) (trace.Command, bool) {
			if name == "" {
				name = ever.unknown(c)
			}
			return c, true
		})
		if name != "" {
			return fmt.Errorf("command %d: %s uses %q, which nothing has made", i+1, c.Op, name)
		}
		if c.As != "" && now[c.As] {
			return fmt.Errorf("command %d: the name %q is taken", i+1, c.As)
		}
		now.after(c)
	}
	return nil
}

// consistent is the program without what uses names that nothing makes any more.
func (p Program) consistent() Program {
	for {
		ever, now := p.everMade(), scope{}
		kept := make(Program, 0, len(p))
		for _, c := range p {
			c = inReactions(c, func(c trace.Command) (trace.Command, bool) { return c, ever.unknown(c) == "" })
			for _, names := range []*[]string{&c.Names, &c.Addresses} {
				known := slices.DeleteFunc(slices.Clone(*names), func(name string) bool { return !now[maker(name)] })
				if len(known) > 0 || len(*names) == 0 {
					*names = known // else the command goes as a whole
				}
			}
			if now.unknown(c) == "" {
				now.after(c)
				kept = append(kept, c)
			}
		}
		if len(kept) == len(p) {
			return kept
		}
		p = kept
	}
}

// usualNames are what objects of each kind are called.
var usualNames = map[string]string{
	"reader": "r", "writer": "w", "protocol": "p", "transport": "t", "raw end": "raw", "address": "a", "socket": "sock", "server": "srv",
}

// usual is the program with its objects and calls renamed as is usual: r, w, p, and calls c1, c2, in the order in which they are
// made.
func (p Program) usual() Program {
	counts, names := map[string]int{}, map[string]string{}
	for _, c := range p {
		if c.As == "" || names[c.As] != "" {
			continue
		}
		spec := trace.Spec(c.Op)
		name, ok := usualNames[spec.Makes]
		if !ok || spec.Style == trace.Start && c.Op != trace.StreamServe {
			name = "c"
		}
		counts[name]++
		if n := counts[name]; n > 1 || name == "c" {
			name = fmt.Sprintf("%s%d", name, n)
		}
		names[c.As] = name
	}
	rename := func(name string) string {
		from := maker(name)
		if to := names[from]; to != "" {
			return to + name[len(from):]
		}
		return name
	}
	out := make(Program, len(p))
	for i, c := range p {
		c = renamed(c, rename)
		if c.As != "" {
			c.As = rename(c.As)
		}
		out[i] = inReactions(c, func(c trace.Command) (trace.Command, bool) { return renamed(c, rename), true })
	}
	return out
}
