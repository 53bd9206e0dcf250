package model

// step is one that can follow a state.
type step struct {
	actor, action string
	to            state
	broken        string // the promise that the step itself breaks, if any
	fault         bool
}

var (
	processName = [processes]string{"P0", "P1"}
	writerName  = [processes]string{"W0", "W1"}
	readerName  = [processes]string{"R0", "R1"}
)

const redisName = "Redis"

// next returns every step that can follow s, always in the same order. The slice
// is overwritten by the next call.
func (m *model) next(s *state) []step {
	m.steps = m.steps[:0]
	for i := range processes {
		m.connect(s, i)
		m.subscribe(s, i)
	}
	for i := range processes {
		m.write(s, i)
		m.crash(s, i)
		m.expireLease(s, i)
	}
	m.endQuarantine(s)
	for i := range processes {
		m.read(s, i)
	}
	for i := range processes {
		m.receive(s, i)
		m.probe(s, i)
		m.lapse(s, i)
	}
	m.restart(s)
	return m.steps
}

// step adds one that can follow s and returns the state it leads to, a copy of s
// to be changed before the next step is added.
func (m *model) step(s *state, actor, action string) *state {
	m.steps = append(m.steps, step{actor: actor, action: action, to: *s})
	return &m.steps[len(m.steps)-1].to
}

// fault adds a step that is one.
func (m *model) fault(s *state, actor, action string) *state {
	to := m.step(s, actor, action)
	m.steps[len(m.steps)-1].fault = true
	return to
}

// breaks records that the step added last breaks a promise.
func (m *model) breaks(promise string) {
	if last := &m.steps[len(m.steps)-1]; last.broken == "" {
		last.broken = promise
	}
}
