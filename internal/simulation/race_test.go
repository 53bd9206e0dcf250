package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// The first row is old at first.
const (
	old   = 1
	fresh = 100
)

var bounded = cache.Consistency{}

func TestRace_R01_FillAfterInvalidation(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		h := s.hold(a, dbQuery, done)
		r := s.do(a, Op{Query: query{byID, 1}}) // R misses and reads D
		s.written(s.do(b, set(1, fresh)))       // W commits and invalidates
		s.release(h)                            // R fills
		require.Equal(t, old, r.answer.rows[0].nonce)
		s.everybody(1, fresh)
	})
}

func TestRace_R02_FillBeforeCommit(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		h := s.hold(b, dbCommit, sent)
		w := s.do(b, set(1, fresh)) // W invalidates
		require.Equal(t, old, s.nonceOf(a, 1, bounded))
		e := s.hold(b, remoteEnd, sent)
		s.release(h) // W commits
		s.written(w)
		s.bounded(1, fresh) // before anything is recorded
		s.release(e)
		s.everybody(1, fresh)
	})
}

func TestRace_R03_ReadBetweenCommitAndEnd(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		h, e := s.hold(b, dbCommit, done), s.hold(b, remoteEnd, sent)
		w := s.do(b, set(1, fresh))
		require.Equal(t, fresh, s.nonce(a, 1), "W has committed")
		require.Equal(t, fresh, s.nonceOf(c, 1, bounded), "and was announced")
		s.release(h)
		s.written(w)
		require.Equal(t, fresh, s.nonce(c, 1), "nothing is recorded")
		s.release(e)
		s.everybody(1, fresh)
	})
}

func TestRace_R04_CrashBeforeEnd(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		h := s.hold(b, remoteEnd, sent)
		s.written(s.do(b, set(1, fresh)))
		require.True(t, s.stands(h))
		s.crash(b)
		s.orphans = nil
		require.Equal(t, fresh, s.nonce(a, 1))
		s.calm(lease + time.Millisecond)
		s.everybody(1, fresh)
	})
}

func TestRace_R05_LeaseRunsOutUnderARead(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		commit, fill := s.hold(b, dbCommit, sent), s.hold(a, remoteFill, sent)
		s.do(b, set(1, fresh))
		require.Equal(t, old, s.nonceOf(a, 1, bounded), "captured and read while W is announced")
		s.hold(b, dbCommit, done)
		s.release(commit) // W commits and dies
		s.crash(b)
		s.orphans = nil
		s.calm(lease + time.Millisecond)
		s.release(fill)
		s.everybody(1, fresh)
	})
}

func TestRace_R08_Rollback(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		w := s.do(b, Op{Kind: Transaction, Rollback: true, Writes: set(1, fresh).Writes})
		require.ErrorIs(t, w.err, errRolledBack)
		for _, p := range s.slots {
			hits := p.cache.Stats().Total().Hits
			require.Equal(t, old, s.nonceOf(p, 1, bounded))
			require.Equal(t, hits+1, p.cache.Stats().Total().Hits, "nothing was touched")
		}
		s.everybody(1, old)
	})
}

func TestRace_R09_AmbiguousCommit(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		s.armed = []Fault{{Kind: CommitLate}}
		h := s.hold(b, dbCommit, sent)
		w := s.begin(set(1, fresh), b)
		s.calm(0)
		var commit *call
		for _, cl := range s.calls {
			if cl.label == dbCommit {
				commit = cl
			}
		}
		require.NotNil(t, commit)
		s.hit(commit) // W believes that it failed
		s.holds = nil
		s.calm(inDoubt / 2)
		require.True(t, w.finished)
		require.Error(t, w.err)
		require.False(t, s.stands(h))
		require.Equal(t, old, s.nonceOf(b, 1, bounded))
		require.Equal(t, old, s.nonceOf(a, 1, bounded))
		require.NoError(t, commit.effect()) // and D commits
		require.Equal(t, fresh, s.nonce(a, 1))
		require.Equal(t, fresh, s.nonceOf(b, 1, bounded), "the writer's own process too")
		s.everybody(1, fresh)
		s.calm(inDoubt)
		s.everybody(1, fresh)
	})
}

func TestRace_R10_TwoWriters(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		h := s.hold(b, dbCommit, sent)
		w := s.do(b, set(1, fresh))
		s.written(s.do(c, set(1, fresh+1))) // the other ends first
		require.Equal(t, fresh+1, s.nonceOf(a, 1, bounded))
		s.release(h)
		s.written(w)
		s.everybody(1, fresh)
	})
}

func TestRace_R12_HitAfterItsInvalidation(t *testing.T) {
	playBoth(t, func(s *script, a, b, c *process, get label) {
		s.cached(1, b)
		h := s.hold(a, get, done)
		r := s.do(a, Op{Query: query{byID, 1}}) // R gets x
		s.written(s.do(c, set(1, fresh)))       // P hears of W, and has nothing to drop
		s.release(h)                            // R stores x
		want := old
		if get == remotePeek {
			want = fresh // it isn't taken any more
		}
		require.Equal(t, want, r.answer.rows[0].nonce)
		require.Equal(t, fresh, s.nonceOf(a, 1, bounded), "P knows of W")
		s.everybody(1, fresh)
	})
}

// The same with a write of the process's own, before it hears of that.
func TestRace_R12_HitAfterItsOwnInvalidation(t *testing.T) {
	playBoth(t, func(s *script, a, b, _ *process, get label) {
		s.cached(1, b)
		a.post = time.Hour
		h := s.hold(a, get, done)
		r := s.do(a, Op{Query: query{byID, 1}})
		s.written(s.do(a, set(1, fresh)))
		s.release(h)
		require.True(t, r.finished)
		require.Equal(t, fresh, s.nonceOf(a, 1, bounded), "own write")
		a.post = 0
		s.everybody(1, fresh)
	})
}

func TestRace_R13_LostMessage(t *testing.T) {
	for _, name := range []string{"in the middle", "at the end"} {
		t.Run(name, func(t *testing.T) {
			play(t, nil, func(s *script, a, b, c *process) {
				s.cached(1, a, b, c)
				a.inbox.muted = true
				s.written(s.do(b, set(1, fresh)))
				a.inbox.muted = false
				if name == "in the middle" {
					s.written(s.do(b, set(2, fresh)))
					require.EqualValues(t, 1, a.cache.Stats().Remote.Gaps)
					require.Equal(t, fresh, s.nonceOf(a, 1, bounded), "the next one shows that one is missing")
				}
				s.bounded(1, fresh)
			})
		})
	}
}

// A probe says what was there when it was sent, and not when its answer comes.
func TestRace_R14_AnswerThatComesLate(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		h := s.hold(a, remoteProbe, done)
		s.calm(bound / 2)
		require.True(t, s.stands(h))
		a.post = time.Hour
		s.written(s.do(b, set(1, fresh)))
		s.calm(bound)
		s.hold(a, remoteProbe, sent)
		s.release(h)
		require.Equal(t, fresh, s.nonceOf(a, 1, bounded))
		a.post = 0
	})
}

func TestRace_R14_Partition(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		s.fault(Fault{Kind: Cut, Target: a.slot + 24, For: time.Hour}) // without a word
		get, probe := s.hold(a, remoteGet, sent), s.hold(a, remoteProbe, sent)
		s.written(s.do(b, set(1, fresh)))
		s.calm(bound + time.Millisecond)
		r := s.do(a, Op{Query: query{byID, 1}})
		require.False(t, r.finished, "P doesn't know whether x is valid")
		for _, h := range []*hold{get, probe} {
			for _, cl := range s.calls {
				if cl.p == h.p && cl.label == h.label {
					s.giveUp(cl, errUnreachable, false)
				}
			}
		}
		s.calm(0)
		require.True(t, r.finished)
		require.Equal(t, fresh, r.answer.rows[0].nonce)
	})
}

func TestRace_R15_RepeatedAndLate(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		a.post = time.Hour
		s.written(s.do(b, set(1, fresh)))
		s.written(s.do(b, set(1, fresh+1)))
		n := len(a.inbox.mail)
		require.Equal(t, 4, n)
		// Backwards, and twice.
		for i := range n {
			a.inbox.mail = append(a.inbox.mail, a.inbox.mail[n-1-i])
		}
		a.inbox.mail = append(a.inbox.mail[n:], a.inbox.mail[:n]...)
		a.post = 0
		s.everybody(1, fresh+1)
	})
}

func TestRace_R16_JoinOfAnOlderRead(t *testing.T) {
	play(t, nil, func(s *script, a, _, _ *process) {
		h := s.hold(a, dbQuery, done)
		r1 := s.do(a, Op{Query: query{byID, 1}})
		s.written(s.do(a, set(1, fresh)))
		r2 := s.do(a, Op{Query: query{byID, 1}})
		strict := s.begin(Op{Query: query{byID, 1}, Consistency: cache.Strict}, a)
		s.calm(0)
		s.release(h)
		s.calm(timeout)
		require.True(t, r1.finished && r2.finished && strict.finished)
		require.Equal(t, fresh, r2.answer.rows[0].nonce, "own write")
		require.Equal(t, fresh, strict.answer.rows[0].nonce)
	})
}

func TestRace_R32_OwnWriteWhileEdgesAreAskedForAhead(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		q := query{rowNotes, 1}
		s.do(b, Op{Query: q})
		s.calm(0)
		// A finds the row at the remote level, which names its notes, and asks for them.
		var row *call
		wait := true
		s.held = func(c *call) bool {
			if c.p != a || c.label != remoteGet || c.phase != done {
				return false
			}
			if row == nil {
				row = c
			}
			return c != row && wait
		}
		r := s.do(a, Op{Query: q, Consistency: cache.Strict})
		require.False(t, r.finished, "the notes are on their way")
		s.written(s.do(a, Op{Kind: Write, Writes: []statement{{kind: update, note: true, id: 1, nonce: fresh, ver: 1}}}))
		wait = false
		s.calm(0)
		require.True(t, r.finished)
		again := s.do(a, Op{Query: q, Consistency: cache.Eventual(4 * bound)})
		require.Equal(t, fresh, again.loaded[0].notes[0].nonce, "own write")
	})
}
