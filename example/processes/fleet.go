package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// patience is how long a process may take to start, to stop its visitors, to
// compare or to end.
const patience = time.Minute

// fleet is the processes.
type fleet struct {
	setup   setup
	members []*member
	events  chan event
	witness *witness
	stopped chan struct{} // nobody looks at events any more
}

// member is one of the processes, which may be started more than once.
type member struct {
	number int
	*child
	in       io.WriteCloser
	killed   bool
	done     order
	counts   counts // since the last start
	before   counts
	compared comparison
}

// event is a report of a process, or its end.
type event struct {
	from   *member
	child  *child
	report *report
}

func newFleet(s setup, w *witness) *fleet {
	f := &fleet{setup: s, witness: w, events: make(chan event, 64), stopped: make(chan struct{})}
	for i := range s.Processes {
		f.members = append(f.members, &member{number: i + 1})
	}
	return f
}

// start starts a process: this program again.
func (f *fleet) start(m *member) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), processEnv+"="+strconv.Itoa(m.number))
	cmd.Stderr = os.Stderr
	if m.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	lines, out := io.Pipe()
	cmd.Stdout = out
	c, err := startChild(cmd)
	if err != nil {
		return err
	}
	m.before.add(m.counts)
	m.child, m.killed, m.done, m.counts = c, false, "", counts{}
	go func() {
		<-c.ended
		_ = out.Close()
	}()
	go func() {
		// What doesn't fit is left in the pipe, so that it never blocks.
		defer func() { _, _ = io.Copy(io.Discard, lines) }()
		for d := json.NewDecoder(lines); ; {
			e := event{from: m, child: c, report: new(report)}
			if d.Decode(e.report) != nil {
				e.report = nil
			}
			select {
			case f.events <- e:
			case <-f.stopped:
				return
			}
			if e.report == nil {
				return
			}
		}
	}()
	s := f.setup
	s.Number = m.number
	return json.NewEncoder(m.in).Encode(s)
}

// kill kills a process with SIGKILL.
func (f *fleet) kill(m *member) {
	m.killed = true
	m.child.kill()
}

// handle takes in an event. A process that ends by itself is an error.
func (f *fleet) handle(e event) error {
	m := e.from
	if e.report == nil {
		if m.child == e.child && !m.killed {
			return fmt.Errorf("process %d ended by itself", m.number)
		}
		return nil
	}
	f.witness.told(e.report.Sightings)
	if m.child != e.child {
		return nil
	}
	m.counts = e.report.Counts
	if e.report.Done != "" {
		m.done = e.report.Done
	}
	if e.report.Compared != nil {
		m.compared = *e.report.Compared
	}
	return nil
}

// tell gives all processes an order, and waits until they have carried it out.
func (f *fleet) tell(ctx context.Context, o order) error {
	for _, m := range f.members {
		if err := json.NewEncoder(m.in).Encode(o); err != nil {
			return err
		}
	}
	return f.await(ctx, o)
}

func (f *fleet) await(ctx context.Context, o order) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not every process is %s", o))
	defer cancel()
	for {
		left := 0
		for _, m := range f.members {
			if m.done != o {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case e := <-f.events:
			if err := f.handle(e); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// end ends the processes in order, and kills those that don't. It may be called
// again.
func (f *fleet) end() error {
	select {
	case <-f.stopped:
		return nil
	default:
		close(f.stopped)
	}
	for _, m := range f.members {
		if m.in != nil {
			_ = m.in.Close()
		}
	}
	deadline := time.After(10 * time.Second)
	var errs []error
	for _, m := range f.members {
		if m.child == nil {
			continue
		}
		select {
		case <-m.ended:
		case <-deadline:
			errs = append(errs, fmt.Errorf("process %d doesn't end", m.number))
			m.child.kill()
			deadline = time.After(0)
			continue
		}
		if !m.killed && !m.cmd.ProcessState.Success() {
			errs = append(errs, fmt.Errorf("process %d: %s", m.number, m.cmd.ProcessState))
		}
	}
	return errors.Join(errs...)
}

// total is what all have counted.
func (f *fleet) total() counts {
	var t counts
	for _, m := range f.members {
		t.add(m.all())
	}
	return t
}

// all is what the process has counted over its starts.
func (m *member) all() counts {
	c := m.before
	c.add(m.counts)
	return c
}
