//go:build unix

package fuzz

import (
	"context"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/python"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/spec/trace"
)

const (
	benchWorkers = 2
	benchBlocks  = 32 // of programs at a time
)

// pythonJudge is the judge of this machine's Python, with what ends its children.
func pythonJudge(b *testing.B) (*Judge, func()) {
	if _, err := exec.LookPath("python3"); err != nil {
		b.Skip("there is no python3")
	}
	argv, remove, err := python.Command("python3", "")
	if err != nil {
		b.Fatal(err)
	}
	a := stdio.New(argv, stdio.Options{})
	j, err := NewJudge(b.Context(), a, Options{})
	if err != nil {
		b.Fatal(err)
	}
	return j, func() { _, _ = a.Close(), remove() }
}

// A cost is the time on the clock, and that of the processors, here and in children that have ended.
type cost struct{ clock, processors time.Duration }

// costs adds to c what f costs.
func (c *cost) costs(b *testing.B, f func(*Judge)) {
	begun, before := time.Now(), processors()
	j, closeJudge := pythonJudge(b)
	f(j)
	closeJudge()
	c.clock += time.Since(begun)
	c.processors += processors() - before
}

func processors() (total time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return total
}

// BenchmarkCampaign has children carry out the same programs by turns in a campaign and alone: without programs being written, judged
// or kept. Programs that break a rule are left out, since looking at them comes to an end in the long run.
func BenchmarkCampaign(b *testing.B) {
	dir, seed := b.TempDir(), uint64(1)
	j, closeJudge := pythonJudge(b)
	defer closeJudge()
	write := NewGenerator(j.Description, seed).Program
	bad := map[uint64]bool{}
	o := CampaignOptions{
		Dir: dir, Seed: &seed, Most: benchBlocks * blockSize, Workers: benchWorkers, Shrink: time.Millisecond,
		Write: func(d trace.Description, seed uint64) func(uint64) Program {
			write := NewGenerator(d, seed).Program
			return func(n uint64) Program {
				if p := write(n); !bad[n] {
					return p
				}
				return nil
			}
		},
	}
	var campaign, alone cost
	programs, next := 0, uint64(0)
	for b.Loop() {
		var batches [][][]trace.Command // each block as what is asked at once
		for range benchBlocks {
			line := j.NewLine()
			var good []*Verdict
			for range blockSize {
				verdicts, err := line.Run(b.Context(), []Program{write(next)})
				if err != nil {
					b.Fatal(err)
				}
				if bad[next] = !verdicts[0].Good(); !bad[next] {
					good = append(good, verdicts[0])
				}
				next++
			}
			_ = line.Close(b.Context())
			batches, programs = append(batches, asked(line, good)), programs+len(good)
		}
		alone.costs(b, func(j *Judge) { childrenAlone(b, j.adapter, batches) })
		campaign.costs(b, func(j *Judge) {
			c, err := NewCampaign(j, o)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			if err := c.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(programs)/alone.clock.Seconds(), "alone/s")
	b.ReportMetric(float64(programs)/campaign.clock.Seconds(), "campaign/s")
	b.ReportMetric(float64(alone.clock)/float64(campaign.clock), "ratio")
	b.ReportMetric(float64(alone.processors)/float64(campaign.processors), "processors-ratio")
}

// childrenAlone has children carry out blocks of batches.
func childrenAlone(b *testing.B, a adapter.Adapter, blocks [][][]trace.Command) {
	var next atomic.Int32
	var workers sync.WaitGroup
	for range benchWorkers {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(blocks); i = int(next.Add(1)) - 1 {
				if err := replay(b.Context(), a, blocks[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	workers.Wait()
}

// asked is what a line asks of the adapter for programs, at once as far as it does.
func asked(l *Line, verdicts []*Verdict) (batches [][]trace.Command) {
	var batch []trace.Command
	flush := func() {
		if len(batch) > 0 {
			batches = append(batches, batch)
		}
		batch = nil
	}
	for _, v := range verdicts {
		alone := l.mayOwe(v.Program) || lasting(v.Program)
		if alone {
			flush()
		}
		batch = append(append(batch, forgetAll), v.Program...)
		if alone {
			flush()
		}
		for _, s := range v.Steps[len(v.Program):] {
			batch = append(batch, s.Command)
			flush()
		}
	}
	flush()
	return batches
}

// replay has an adapter carry out batches in one session.
func replay(ctx context.Context, a adapter.Adapter, batches [][]trace.Command) error {
	s, err := a.NewSession(ctx)
	if err != nil {
		return err
	}
	for _, batch := range batches {
		if _, err := s.Do(ctx, batch); err != nil {
			return err
		}
	}
	_, err = s.Close(ctx)
	return err
}
