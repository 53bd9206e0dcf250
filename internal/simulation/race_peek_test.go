package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// What another process stored is read plainly where this process knows enough of
// the log to tell that it is valid. Each test leaves one reason why it may not.

// peeked reads a row and requires the nonce, and that so many reads were plain.
func (s *script) peeked(p *process, o Op, nonce int, hits uint64) {
	s.t.Helper()
	o.Query = query{byID, 1}
	before := p.cache.Stats().Remote.Peeked
	op := s.do(p, o)
	require.True(s.t, op.finished, "the read is held")
	require.NoError(s.t, op.err)
	require.Equal(s.t, nonce, op.answer.rows[0].nonce)
	require.Equal(s.t, hits, p.cache.Stats().Remote.Peeked-before, "hits by a plain read")
}

func TestPeek_Hit(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, b)
		s.hold(a, remoteGet, sent)
		s.peeked(a, Op{}, old, 1)
		s.peeked(a, Op{}, old, 0) // it has it
		s.written(s.do(c, set(1, fresh)))
		s.holds = nil
		s.everybody(1, fresh)
	})
}

// A strict read isn't served that way, whatever the log says.
func TestPeek_Strict(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		s.cached(1, b)
		s.peeked(a, Op{Consistency: cache.Strict}, old, 0)
		require.EqualValues(t, 1, a.cache.Stats().Remote.Hits)
	})
}

// The entry stays when what proves it valid is gone.
func TestPeek_FactTouched(t *testing.T) {
	for _, level := range []cache.Consistency{{}, cache.Eventual(bound / 4), cache.Eventual(4 * bound)} {
		play(t, nil, func(s *script, a, b, c *process) {
			s.cached(1, b)
			s.written(s.do(c, set(1, fresh)))
			s.peeked(a, Op{Consistency: level}, fresh, 0)
		})
	}
}

// Nobody told the process of the write, so it counts when the bound is over: of
// the read, which may be shorter than that of the cache.
func TestPeek_GateClosed(t *testing.T) {
	for level, after := range map[cache.Consistency]time.Duration{
		{}: bound, cache.Bounded(bound / 2): bound / 2, cache.Bounded(2 * bound): 2 * bound, cache.Eventual(4 * bound): bound, cache.Eventual(bound / 4): bound / 4,
	} {
		t.Run(level.String(), func(t *testing.T) {
			play(t, nil, func(s *script, a, b, c *process) {
				s.cached(1, b)
				a.post = time.Hour
				s.hold(a, remoteProbe, sent)
				s.written(s.do(c, set(1, fresh)))
				s.calm(after + time.Millisecond)
				s.peeked(a, Op{Consistency: level}, fresh, 0)
			})
		})
	}
}

// Until then the old result is as good as any.
func TestPeek_WithinTheBound(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, b)
		a.post = time.Hour
		s.hold(a, remoteProbe, sent)
		s.written(s.do(c, set(1, fresh)))
		s.peeked(a, Op{}, old, 1)
		s.calm(bound + time.Millisecond)
		s.peeked(a, Op{}, fresh, 0)
	})
}

// The server's clock is set back, so the entry seems to be younger than it is. It
// isn't served for longer because of that.
func TestPeek_ServerClockSetBack(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, b)
		s.calm(2 * bound)
		s.skew.Store(int64(-4 * bound))
		a.post = time.Hour
		s.hold(a, remoteProbe, sent)
		s.written(s.do(c, set(1, fresh)))
		s.calm(bound / 2)
		s.peeked(a, Op{}, old, 1)
		s.calm(bound/2 + time.Millisecond)
		s.peeked(a, Op{}, fresh, 0)
	})
}

// The process hasn't heard of its own write yet: the entry is older, which its own
// ledger can't say of what it never had.
func TestPeek_OwnWrite(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		s.cached(1, b)
		a.post = time.Hour
		probe := s.hold(a, remoteProbe, done)
		s.written(s.do(a, set(1, fresh)))
		s.peeked(a, Op{}, fresh, 0)

		// Of what it didn't write, too, until it has.
		s.cached(2, b)
		op := s.do(a, Op{Query: query{byID, 2}})
		require.Zero(t, a.cache.Stats().Remote.Peeked)
		require.True(t, op.finished)
		a.post = 0
		if s.stands(probe) {
			s.release(probe)
		}
		s.holds = nil
		s.calm(bound)
		a.near.Purge()
		s.nonceOf(a, 2, cache.Consistency{})
		require.EqualValues(t, 1, a.cache.Stats().Remote.Peeked)
	})
}

// Its clock says the same of the last probe and of the end of its write, so which of
// them came first isn't known.
func TestPeek_OwnWriteAtTheSameMoment(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		s.cached(1, b)
		a.post = time.Hour
		const period = bound / 3
		s.calm(period - s.now()%period)
		s.hold(a, remoteProbe, sent)
		s.written(s.do(a, set(1, fresh)))
		require.Zero(t, s.now()%period)
		s.peeked(a, Op{}, fresh, 0)
	})
}

func TestPeek_TokenBehind(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, b)
		a.post = time.Hour
		s.hold(a, remoteProbe, done)
		s.written(s.do(c, set(1, fresh)))
		require.NotNil(t, s.do(c, Op{Kind: MakeToken}).token)
		s.peeked(a, Op{Token: true}, fresh, 0)
	})
}

// A server that comes back as it was has entries of the epoch it was in.
func TestPeek_OtherEpoch(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, b)
		saved := s.server.Snapshot()
		s.written(s.do(b, set(1, fresh))) // what it does in Redis is lost
		s.server.Restart(saved)
		s.calm(quarantine + bound)
		s.peeked(a, Op{}, fresh, 0)
		s.peeked(c, Op{}, fresh, 1)
	})
}

// What was stored before the process joined may have been invalidated before, too.
func TestPeek_BeforeItJoined(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, b)
		s.written(s.do(c, set(2, fresh)))
		d := s.start(a.slot)
		s.calm(bound)
		s.peeked(d, Op{}, old, 0)
		require.EqualValues(t, 1, d.cache.Stats().Remote.Hits, "it was validated")
	})
}

// Where plain reads come to nothing most reads go without, and one that doesn't
// ends that.
func TestPeek_Futile(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		peeks := func(n int) (made int) {
			steps := len(s.events)
			for range n {
				a.near.Purge()
				s.server.EvictEntry(s.keys[0])
				s.nonceOf(a, 1, cache.Consistency{})
			}
			for _, e := range s.events[steps:] {
				if e.c != nil && e.c.p == a && e.c.label == remotePeek && e.what == "effect" {
					made++
				}
			}
			return made
		}
		s.cached(1, b)
		require.Equal(t, 4+2, peeks(4+32))
		s.peeked(a, Op{}, old, 0)
		for range 16 {
			a.near.Purge()
			s.nonceOf(a, 1, cache.Consistency{})
		}
		require.NotZero(t, a.cache.Stats().Remote.Peeked)
		require.Equal(t, 4, peeks(4))
	})
}
