package native

import (
	"context"
	"errors"
	"fmt"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// programs is a target whose inputs are programs of one kind: an implementation carries them out in one session, one after the
// other, and monitors compare it with what the documents say. It allocates as little as it can, for it runs very often.
type programs struct {
	kind    fuzz.Kind
	adapter func() adapter.Adapter

	judge    *fuzz.Judge
	session  adapter.Session
	monitor  *monitor.Monitor
	decoder  fuzz.Decoder
	commands []trace.Command
}

// begin makes ready what is used for all inputs.
func (p *programs) begin(ctx context.Context) error {
	judge, err := fuzz.NewJudge(ctx, p.adapter(), fuzz.Options{})
	if err != nil {
		return err
	}
	p.judge, p.monitor = judge, judge.NewMonitor()
	p.commands = []trace.Command{{Op: trace.Forget}}
	return nil
}

// Run carries out a program and says what is wrong with what the implementation did.
func (p *programs) Run(data []byte) error {
	ctx := context.Background()
	if p.judge == nil {
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	if p.session == nil {
		s, err := p.judge.NewSession(ctx)
		if err != nil {
			return err
		}
		p.session = s
	}
	p.commands = p.decoder.Decode(p.commands[:1], data, p.kind)
	replies, err := p.session.Do(ctx, p.commands)
	if err != nil {
		p.session = nil
		return p.explain(ctx, err)
	}
	p.monitor.Reset()
	for i := 1; i < len(p.commands); i++ {
		p.monitor.Before(&p.commands[i])
		p.monitor.After(&p.commands[i], &replies[i])
		if fault := replies[i].Fault; fault != "" {
			return p.explain(ctx, fmt.Errorf("the adapter could not carry out %s: %s", p.commands[i], fault))
		}
	}
	for _, v := range p.monitor.Violations() {
		if p.judge.Counts(v) {
			return p.explain(ctx, errors.New(v.String()))
		}
	}
	return nil
}

// explain carries out the program again, alone, and tells what it is and what came of it.
func (p *programs) explain(ctx context.Context, first error) error {
	program := fuzz.Program(p.commands[1:])
	v, err := p.judge.Run(ctx, program)
	switch {
	case err != nil:
		return err
	case v.Failure != nil:
		first = v.Failure
	case len(v.Violations) > 0:
		first = errors.New(v.Violations[0].String())
	}
	return fmt.Errorf("%w\nprogram: %s", first, program)
}

// wired is a target like programs, for implementations of which it is not known when they are at rest. What is found has to show when
// the program is carried out alone.
type wired struct {
	kind    fuzz.Kind
	adapter func() adapter.Adapter

	judge *fuzz.Judge
	line  *fuzz.Line
}

// Run implements [Target].
func (w *wired) Run(data []byte) error {
	ctx := context.Background()
	if w.judge == nil {
		judge, err := fuzz.NewJudge(ctx, w.adapter(), fuzz.Options{})
		if err != nil {
			return err
		}
		w.judge, w.line = judge, judge.NewLine()
	}
	program := fuzz.Decode(data, w.kind)
	verdicts, err := w.line.Run(ctx, []fuzz.Program{program})
	if err != nil || verdicts[0].Good() {
		return err
	}
	v, err := w.judge.Run(ctx, program)
	if err != nil || v.Good() {
		return err
	}
	if v.Failure != nil {
		return fmt.Errorf("%w\nprogram: %s", v.Failure, program)
	}
	return fmt.Errorf("%s\nprogram: %s", v.Violations[0], program)
}
