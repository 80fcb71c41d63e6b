package fuzz

import (
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Status is how far a campaign is.
type Status struct {
	Adapter       trace.Description  `json:"adapter"`
	Against       *trace.Description `json:"against,omitempty"`
	Target        string             `json:"target"`
	Seed          uint64             `json:"seed"`
	Next          uint64             `json:"next"`           // every program before this number was judged
	Programs      int                `json:"programs"`       // judged in this run
	Seconds       float64            `json:"seconds"`        // of this run
	Rate          float64            `json:"rate"`           // programs a second in this run
	Total         int                `json:"total_programs"` // judged in all runs
	Commands      int                `json:"commands"`       // kinds of command that were issued
	CommandsThere int                `json:"commands_there"` // kinds of command that the implementation has
	Rules         int                `json:"rules"`          // in force that were exercised
	Pairs         int                `json:"pairs"`          // of steps one after the other on the same object
	Finds         []Find             `json:"finds"`
	Flaky         []Find             `json:"flaky"`
	Broken        map[string]int     `json:"broken"` // how many programs broke each rule
}

// Status returns how far the campaign is. It may be called at any time.
func (c *Campaign) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Adapter: c.state.Adapter, Against: c.state.Against, Target: c.state.Target, Seed: c.state.Seed, Next: c.state.Next,
		Programs: c.programs, Total: c.state.Programs, Commands: len(c.coverage.Commands), Pairs: c.coverage.Pairs(), Broken: map[string]int{},
	}
	ran := c.ran
	if ran == 0 && !c.begun.IsZero() {
		ran = time.Since(c.begun)
	}
	s.Seconds = ran.Seconds()
	s.Rate = float64(s.Programs) / max(s.Seconds, 1e-3)
	for i := range trace.Commands {
		command := trace.Command{Op: trace.Commands[i].Op}
		if c.d.Lacks(&command) == "" {
			s.CommandsThere++
		}
	}
	for id := range c.coverage.Rules {
		if c.judge.InForce(id) {
			s.Rules++
		}
	}
	for rule, b := range c.state.Broken {
		s.Broken[rule] = b.Programs
	}
	for _, f := range c.order {
		if f.Flaky {
			s.Flaky = append(s.Flaky, c.placed(f))
		} else {
			s.Finds = append(s.Finds, c.placed(f))
		}
	}
	return s
}

// line is the status as a line of the log.
func (s Status) line(event string) logLine {
	return logLine{
		Event: event, Seed: s.Seed, Next: s.Next, Programs: s.Programs, Rate: s.Rate, Commands: s.Commands, Rules: s.Rules, Pairs: s.Pairs,
		Finds: len(s.Finds), Flaky: len(s.Flaky),
	}
}
