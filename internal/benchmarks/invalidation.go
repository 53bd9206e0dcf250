package benchmarks

import (
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"
)

// Delivery is how long it took from one process to another: until a message
// that is published by hand was received, or until the cache had recorded the
// announcement of a write and refused what it touches. All are sorted.
type Delivery struct {
	// Called is from when the sender began to publish, or to announce. Answered
	// is from when it had the answer: the earliest moment at which what it wrote
	// can be visible in the database. Returned is from when the mutation
	// returned. The last two are negative where the others knew before.
	Called, Answered, Returned []time.Duration
	// Lost were not received at all.
	Lost int
	// Late is by how much timers of the same processes were late.
	Late []time.Duration
	// Rate is the messages or writes a second, of all processes together, CPU
	// and Server their processor time for one, in all processes together.
	Rate        float64
	CPU, Server time.Duration
}

// Invalidation runs processes of this program that write at the given rate
// together, each to a database of its own, so that the database isn't what is
// measured, and takes turns with publishing messages by hand at the same rate.
// The program must call Process.
func Invalidation(ctx context.Context, processes int, rate float64, rounds int, each time.Duration) (bare, writes *Delivery, err error) {
	server, err := StartRedis(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	children := make([]*child, processes)
	for i := range children {
		c, err := startChild(ctx, server.Addr)
		if err != nil {
			return nil, nil, err
		}
		defer c.stop()
		children[i] = c
	}
	for _, c := range children {
		if err := c.replies.Decode(new(outcome)); err != nil {
			return nil, nil, fmt.Errorf("entcache: a process didn't become ready: %w", err)
		}
	}
	bare, writes = new(Delivery), new(Delivery)
	for round := range rounds {
		for k := range 2 {
			kind := (round + k) % 2
			d := [...]*Delivery{bare, writes}[kind]
			if err := d.phase(ctx, server, children, phase{Bare: kind == 0, Rate: rate / float64(processes), Lasts: each}); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, d := range []*Delivery{bare, writes} {
		d.Rate /= float64(rounds) * each.Seconds()
		if n := time.Duration(len(d.Called) / max(1, processes-1)); n > 0 {
			d.CPU, d.Server = d.CPU/n, d.Server/n
		}
		for _, l := range [][]time.Duration{d.Called, d.Answered, d.Returned, d.Late} {
			slices.Sort(l)
		}
	}
	return bare, writes, nil
}

func (d *Delivery) phase(ctx context.Context, server *Redis, children []*child, ph phase) error {
	before, err := server.CPU(ctx)
	if err != nil {
		return err
	}
	for i, c := range children {
		ph.First = uint64(i+1) << 32
		if err := c.orders.Encode(ph); err != nil {
			return err
		}
	}
	outcomes := make([]outcome, len(children))
	for i, c := range children {
		if err := c.replies.Decode(&outcomes[i]); err != nil {
			return fmt.Errorf("entcache: a process failed: %w", err)
		}
	}
	after, err := server.CPU(ctx)
	if err != nil {
		return err
	}
	d.Server += after - before
	for i, o := range outcomes {
		d.Rate += float64(len(o.Sent))
		d.CPU += o.CPU
		d.Late = append(d.Late, o.Late...)
		for _, s := range o.Sent {
			for j := range outcomes {
				if j == i {
					continue
				}
				at, ok := outcomes[j].Received[s.Position]
				if !ok {
					d.Lost++
					continue
				}
				d.Called = append(d.Called, time.Duration(at-s.Called))
				d.Answered = append(d.Answered, time.Duration(at-s.Answered))
				d.Returned = append(d.Returned, time.Duration(at-s.Returned))
			}
		}
	}
	return nil
}

// Within returns the part of sorted latencies that are at most d.
func Within(sorted []time.Duration, d time.Duration) float64 {
	n, _ := slices.BinarySearch(sorted, d+1)
	return float64(n) / float64(max(1, len(sorted)))
}

// child is a process of this program.
type child struct {
	cmd     *exec.Cmd
	in      io.Closer
	orders  *gob.Encoder
	replies *gob.Decoder
}

func startChild(ctx context.Context, addr string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), processEnv+"="+addr)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &child{cmd: cmd, in: in, orders: gob.NewEncoder(in), replies: gob.NewDecoder(out)}, nil
}

// stop ends the process: there are no more phases.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}
