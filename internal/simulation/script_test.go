package simulation

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// script drives the scheduler step by step. Everything happens at once but what
// is held.
type script struct {
	*world
	t     *testing.T
	holds []*hold
}

// hold keeps calls of a process with a label back, before or after their effect.
type hold struct {
	p     *process
	label label
	phase phase
}

// play runs a script with three processes, after the first quarantine.
func play(t *testing.T, change func(*Plan), f func(s *script, a, b, c *process)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &Plan{Processes: 3, Standard: cache.Bounded(bound), TTL: time.Minute, Refuse: true}
		if change != nil {
			change(p)
		}
		s := &script{world: newWorld(p), t: t}
		s.held = func(c *call) bool {
			return slices.ContainsFunc(s.holds, func(h *hold) bool { return h.p == c.p && h.label == c.label && h.phase == c.phase })
		}
		defer func() {
			s.holds = nil
			s.heal()
			s.close()
			if t.Failed() {
				for _, e := range s.events {
					t.Log(e)
				}
			}
		}()
		for i := range s.slots {
			s.start(i)
		}
		s.calm(quarantine + bound)
		f(s, s.slots[0], s.slots[1], s.slots[2])
	})
}

// playBoth plays a script in which hits of the remote level are validated by it,
// and then one in which they aren't.
func playBoth(t *testing.T, f func(s *script, a, b, c *process, get label)) {
	for _, get := range []label{remoteGet, remotePeek} {
		t.Run(get.String(), func(t *testing.T) {
			play(t, func(p *Plan) { p.NoPeek = get == remoteGet }, func(s *script, a, b, c *process) { f(s, a, b, c, get) })
		})
	}
}

func (s *script) hold(p *process, l label, ph phase) *hold {
	h := &hold{p, l, ph}
	s.holds = append(s.holds, h)
	return h
}

// stands reports whether a call is held by h.
func (s *script) stands(h *hold) bool {
	return slices.ContainsFunc(s.calls, func(c *call) bool { return c.p == h.p && c.label == h.label && c.phase == h.phase })
}

func (s *script) release(h *hold) {
	s.t.Helper()
	require.True(s.t, s.stands(h), "nothing is held at %v", h.label)
	s.holds = slices.DeleteFunc(s.holds, func(o *hold) bool { return o == h })
	s.calm(0)
}

// do starts an operation and lets everything happen that can.
func (s *script) do(p *process, o Op) *operation {
	o.Slot = p.slot
	op := s.begin(o, p)
	s.calm(0)
	for i := 0; i < 100 && !op.finished && !slices.ContainsFunc(s.calls, func(c *call) bool { return c.op == op }); i++ {
		// It waits for another process's read.
		s.calm(time.Millisecond)
	}
	return op
}

// nonce reads a row strictly.
func (s *script) nonce(p *process, id int) int { return s.nonceOf(p, id, cache.Strict) }

func (s *script) nonceOf(p *process, id int, level cache.Consistency) int {
	s.t.Helper()
	op := s.do(p, Op{Query: query{byID, id}, Consistency: level})
	require.True(s.t, op.finished, "the read is held")
	require.NoError(s.t, op.err)
	return op.answer.rows[id-1].nonce
}

func set(id, nonce int) Op {
	return Op{Kind: Write, Writes: []statement{{kind: update, id: id, nonce: nonce, ver: 1}}}
}

// written requires that a write is done.
func (s *script) written(op *operation) {
	s.t.Helper()
	require.True(s.t, op.finished, "the write is held")
	require.NoError(s.t, op.err)
}

// cached lets the processes read a row until they have it.
func (s *script) cached(id int, ps ...*process) {
	s.t.Helper()
	for _, p := range ps {
		s.nonceOf(p, id, cache.Consistency{})
		before := p.cache.Stats().Total().Hits
		s.nonceOf(p, id, cache.Consistency{})
		require.Equal(s.t, before+1, p.cache.Stats().Total().Hits, "process %d has the row", p.id)
	}
}

// everybody requires that the nonce is read by everybody, after the bound in any
// case and strictly at once.
func (s *script) everybody(id, nonce int) {
	s.t.Helper()
	require.Equal(s.t, nonce, s.nonce(s.slots[2], id), "strict, at once")
	s.calm(bound + time.Millisecond)
	for _, p := range s.slots {
		require.Equal(s.t, nonce, s.nonceOf(p, id, cache.Consistency{}), "bounded, process %d", p.id)
	}
	for _, p := range s.slots {
		require.Equal(s.t, nonce, s.nonce(p, id), "strict, process %d", p.id)
	}
}

// bounded requires that the nonce is read by everybody after the bound.
func (s *script) bounded(id, nonce int) {
	s.t.Helper()
	s.calm(bound + time.Millisecond)
	for _, p := range s.slots {
		require.Equal(s.t, nonce, s.nonceOf(p, id, cache.Consistency{}), "bounded, process %d", p.id)
	}
}
