package model

import (
	"fmt"
	"strings"
)

// Counterexample is how a promise is broken.
type Counterexample struct {
	// Broken is the promise.
	Broken string
	// Steps lead from the initial state to it.
	Steps []Step
}

// Step is one of a counterexample.
type Step struct {
	// Name is who does what: the name Follow takes.
	Name string
	// Changes is what differs after it.
	Changes string
}

// String lists the steps, each with what it changed.
func (c *Counterexample) String() string {
	var b strings.Builder
	for i, s := range c.Steps {
		fmt.Fprintf(&b, "%3d  %-40s %s\n", i+1, s.Name, s.Changes)
	}
	fmt.Fprintf(&b, "     %s", c.Broken)
	return b.String()
}

// Names returns the names of the steps.
func (c *Counterexample) Names() []string {
	names := make([]string, len(c.Steps))
	for i, s := range c.Steps {
		names[i] = s.Name
	}
	return names
}

func (st *step) name() string { return st.actor + " " + st.action }

// Follow takes the named steps in order. It fails if one can't be taken; a
// promise that is broken on the way ends it.
func Follow(c Config, names ...string) (Result, error) {
	m := &model{Config: c}
	s := m.initial()
	var r Result
	var choices []int
	for _, name := range names {
		steps := m.next(&s)
		choice := indexOf(steps, name)
		if choice < 0 {
			return r, fmt.Errorf("step %d: %q isn't one of those that can follow: %s", r.Steps+1, name, listOf(steps))
		}
		r.Steps++
		choices = append(choices, choice)
		if b := m.brokenBy(&steps[choice]); b != "" {
			r.Counterexample = m.replay(choices, b)
			return r, nil
		}
		s = steps[choice].to
	}
	return r, nil
}

func indexOf(steps []step, name string) int {
	for i := range steps {
		if steps[i].name() == name {
			return i
		}
	}
	return -1
}

func listOf(steps []step) string {
	names := make([]string, len(steps))
	for i := range steps {
		names[i] = steps[i].name()
	}
	return strings.Join(names, ", ")
}

// replay names the steps of a sequence of choices.
func (m *model) replay(choices []int, broken string) *Counterexample {
	s := m.initial()
	c := &Counterexample{Broken: broken}
	for _, choice := range choices {
		st := m.next(&s)[choice]
		c.Steps = append(c.Steps, Step{Name: st.name(), Changes: changes(&s, &st.to)})
		s = st.to
	}
	return c
}

// changes lists what differs between two states, as a reader of a counterexample
// wants to see it.
func changes(from, to *state) string {
	before, after := from.describe(), to.describe()
	var changed []string
	for i := range after {
		if after[i] != before[i] {
			changed = append(changed, after[i])
		}
	}
	return strings.Join(changed, "; ")
}

// describe returns the parts of a state, always as many in the same order.
func (s *state) describe() []string {
	r := &s.redis
	parts := []string{
		fmt.Sprintf("database %v", s.db),
		fmt.Sprintf("epoch %d n %d", r.epoch, r.n),
		fmt.Sprintf("quarantine %t", r.quarantine),
		fmt.Sprintf("floors %v", r.floor),
		fmt.Sprintf("pending X:%v Y:%v", r.pending[0], r.pending[1]),
		fmt.Sprintf("cells %v", r.cell),
		fmt.Sprintf("entry %v", r.entry),
	}
	for i := range processes {
		p, rd := &s.processes[i], &s.readers[i]
		parts = append(parts,
			fmt.Sprintf("%s epoch %d applied %d floor %d ledger %v own %v", processName[i], p.epoch, p.applied, p.floor, p.ledger, p.own),
			fmt.Sprintf("%s near entry %v", processName[i], p.entry),
			fmt.Sprintf("%s proven up to %v", processName[i], p.proven),
			fmt.Sprintf("%s inbox %v", processName[i], p.inbox[:p.waiting]),
			fmt.Sprintf("%s has epoch %d n %d value %v", readerName[i], rd.epoch, rd.n, rd.value),
		)
	}
	return parts
}

func (e remoteEntry) String() string {
	if !e.exists {
		return "gone"
	}
	return fmt.Sprintf("%v of epoch %d at %d, cells %v", e.value, e.epoch, e.n, e.cell)
}

func (e nearEntry) String() string {
	if !e.exists {
		return "gone"
	}
	return fmt.Sprintf("%v of epoch %d at %d", e.value, e.epoch, e.n)
}

func (v versions) String() string { return fmt.Sprintf("X=%d Y=%d", v[0], v[1]) }

func (l lease) String() string { return [...]string{"-", "live", "expired"}[l] }

func (msg message) String() string {
	return fmt.Sprintf("n=%d of epoch %d", msg.n, msg.epoch)
}
