package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

func TestRace_R17_RestartEmpty(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		s.server.Restart(nil)
		// The log begins anew: positions come again.
		s.written(s.do(b, set(1, fresh)))
		s.everybody(1, fresh)
		s.calm(quarantine)
		s.everybody(1, fresh)
		s.cached(1, a, b, c)
	})
}

func TestRace_R17b_RestartWithRollback(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		saved := s.server.Snapshot()
		s.written(s.do(b, set(1, fresh))) // what it does in Redis is lost
		s.server.Restart(saved)
		s.everybody(1, fresh)
		s.calm(quarantine)
		s.everybody(1, fresh)
	})
}

func TestRace_R17c_AnnouncementLost(t *testing.T) {
	play(t, nil, func(s *script, a, b, _ *process) {
		h := s.hold(b, dbCommit, sent)
		s.do(b, set(1, fresh))
		s.server.Restart(nil)
		fill := s.hold(a, remoteFill, sent)
		require.Equal(t, old, s.nonceOf(a, 1, bounded), "read in the new epoch")
		s.hold(b, dbCommit, done)
		s.hold(b, remoteBegin, sent) // it isn't renewed
		s.release(h)                 // W commits and dies
		s.crash(b)
		s.orphans = nil
		s.calm(quarantine)
		if s.stands(fill) { // what was read in the quarantine isn't stored after it
			s.release(fill)
		}
		s.everybody(1, fresh)
	})
}

// A primary that was left behind answers Get as long as it lives. What keeps its
// readers from it is that it refuses probes.
func TestRace_R18_SplitBrain(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		s.server.Isolate(errUnreachable)
		// Written by a process that uses the new primary.
		s.db.commit(set(1, fresh).Writes, s.now(), &operation{p: b})
		s.calm(bound + time.Millisecond)
		require.Equal(t, old, s.nonceOf(a, 1, bounded), "validated by the old one")
		s.calm(2 * time.Second)
		for _, p := range s.slots {
			require.Equal(t, fresh, s.nonceOf(p, 1, bounded))
			require.Equal(t, fresh, s.nonce(p, 1))
		}
	})
}

func TestRace_R19_EvictedState(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		h := s.hold(b, dbCommit, sent)
		w := s.do(b, set(1, fresh))
		s.server.EvictState() // with it, that W was announced
		require.Equal(t, old, s.nonceOf(a, 1, bounded))
		s.release(h)
		s.written(w)
		s.everybody(1, fresh)
		s.calm(quarantine)
		s.everybody(1, fresh)
	})
}

// An entry is as old in the second process as it was in the first.
func TestRace_R20_TimeToLive(t *testing.T) {
	const ttl = time.Second
	play(t, func(p *Plan) { p.TTL = ttl }, func(s *script, a, b, c *process) {
		s.cached(1, a)
		// Nobody is told of this one.
		s.db.commit(set(1, fresh).Writes, s.now(), &operation{p: b})
		for range 4 {
			s.calm(ttl / 5)
			require.Equal(t, old, s.nonceOf(b, 1, bounded))
			require.Equal(t, old, s.nonceOf(c, 1, bounded))
		}
		s.calm(ttl / 4)
		for _, p := range s.slots {
			require.Equal(t, fresh, s.nonceOf(p, 1, bounded))
		}
	})
}

// A process stands still before it takes an answer in, and nothing tells it what
// came after: the answer is as old as the question.
func TestRace_R14_StandsStillBeforeTheAnswer(t *testing.T) {
	playBoth(t, func(s *script, a, b, _ *process, get label) {
		s.cached(1, b)
		answer := s.hold(a, get, done)
		s.hold(a, remoteProbe, sent)
		s.do(a, Op{Query: query{byID, 1}})
		a.post = time.Hour
		s.written(s.do(b, set(1, fresh)))
		s.calm(2 * bound)
		s.release(answer)
		require.Equal(t, fresh, s.nonceOf(a, 1, bounded))
	})
}

// An answer that takes long isn't younger for it.
func TestRace_R20_AnswerThatTakesLong(t *testing.T) {
	playBoth(t, func(s *script, a, b, _ *process, get label) {
		s.cached(1, b)
		h := s.hold(a, get, done)
		s.do(a, Op{Query: query{byID, 1}})
		a.post = time.Hour
		s.written(s.do(b, set(1, fresh)))
		s.calm(2 * bound)
		s.hold(a, remoteProbe, sent)
		s.release(h)
		a.post = 0
		require.Equal(t, fresh, s.nonceOf(a, 1, cache.Eventual(bound/4)))
	})
}

func TestRace_R20_MissingCells(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a)
		for _, f := range s.facts {
			s.server.EvictCell(f)
		}
		s.written(s.do(b, set(1, fresh)))
		require.Equal(t, fresh, s.nonce(c, 1))
		s.everybody(1, fresh)
	})
}

func TestRace_R23_Unreachable(t *testing.T) {
	for _, refuse := range []bool{true, false} {
		play(t, func(p *Plan) { p.Refuse = refuse }, func(s *script, a, b, c *process) {
			s.cached(1, a, b, c)
			s.server.Refuse(errUnreachable)
			s.server.Disconnect()
			w := s.do(b, set(1, fresh))
			want := fresh
			if refuse {
				require.ErrorIs(t, w.err, cache.ErrUnannounced)
				want = old
			} else {
				require.NoError(t, w.err)
			}
			require.Equal(t, want, s.nonceOf(b, 1, bounded), "the process's own")
			s.calm(bound + time.Millisecond)
			require.Equal(t, want, s.nonceOf(a, 1, bounded), "nobody vouches for the old")
			s.server.Refuse(nil)
			s.calm(bound)
			s.everybody(1, want)
			require.Equal(t, !refuse, a.cache.Stats().Remote.Epochs > 0, "a new epoch began")
		})
	}
}

// What nobody could be told of is left out of what the writer's process reads.
func TestRace_R23_OwnUnannouncedWrite(t *testing.T) {
	play(t, func(p *Plan) { p.Refuse = false }, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		// The server is there, but the announcement doesn't reach it.
		h := s.hold(b, remoteBegin, sent)
		w := s.do(b, set(1, fresh))
		probe := s.hold(b, remoteProbe, sent)
		s.calm(bound / 2)
		for _, cl := range s.calls {
			if cl.p == h.p && cl.label == h.label {
				s.giveUp(cl, errUnreachable, false)
			}
		}
		s.calm(0)
		s.written(w)
		require.Equal(t, fresh, s.nonceOf(b, 1, bounded))
		require.Equal(t, fresh, s.nonce(b, 1))
		s.release(probe)
		s.holds = nil
		s.calm(bound)
		s.everybody(1, fresh)
	})
}

// A process that dies before it could tell anybody leaves what others have to its
// time to live.
func TestRace_R23_CrashWithDebt(t *testing.T) {
	const ttl = time.Second
	play(t, func(p *Plan) { p.Refuse, p.TTL = false, ttl }, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		s.server.Isolate(errUnreachable)
		s.written(s.do(b, set(1, fresh)))
		require.Equal(t, fresh, s.nonceOf(b, 1, bounded))
		s.crash(b)
		s.server.Isolate(nil)
		s.calm(bound)
		require.Equal(t, old, s.nonceOf(a, 1, bounded))
		s.calm(ttl)
		s.everybody(1, fresh)
	})
}

// A token takes a write of one process to the reads of another.
func TestRace_R03_Token(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		for _, p := range s.slots {
			p.post = time.Hour // nobody hears of it
		}
		s.written(s.do(b, set(1, fresh)))
		m := s.do(b, Op{Kind: MakeToken})
		require.NotNil(t, m.token)
		require.Equal(t, old, s.nonceOf(a, 1, bounded))
		require.Equal(t, fresh, s.do(a, Op{Query: query{byID, 1}, Token: true}).answer.rows[0].nonce)
		for _, p := range s.slots {
			p.post = 0
		}
		s.everybody(1, fresh)
	})
}

// An epoch that was left behind doesn't come back with what was on its way.
func TestRace_R15_AnswerOfARetiredEpoch(t *testing.T) {
	playBoth(t, func(s *script, a, b, c *process, get label) {
		s.cached(1, b)
		h := s.hold(a, get, done)
		r := s.do(a, Op{Query: query{byID, 1}}) // a hit, on its way
		s.server.Restart(nil)
		s.calm(bound)
		s.written(s.do(b, set(1, fresh)))
		s.calm(bound + time.Millisecond)
		s.hold(a, remoteProbe, sent)
		s.release(h)
		s.calm(0)
		require.True(t, r.finished)
		require.Equal(t, fresh, s.nonceOf(a, 1, bounded))
		s.holds = nil
		s.everybody(1, fresh)
	})
}

// A writer doesn't write for long, but waits.
func TestRace_R42_DatabaseTakesLong(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		h := s.hold(b, dbCommit, sent)
		w := s.do(b, set(1, fresh))
		s.calm(3 * lease)
		// Others would store by now.
		s.nonceOf(a, 1, bounded)
		s.nonceOf(a, 1, bounded)
		s.hold(b, remoteEnd, sent)
		s.release(h)
		s.written(w)
		s.everybody(1, fresh)
	})
}

// A writer that doesn't use the cache is seen when the entries expire, or when
// somebody says what it wrote.
func TestRace_R26_ForeignWriter(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		s.db.commit(set(1, fresh).Writes, s.now(), &operation{p: b})
		require.Equal(t, old, s.nonce(a, 1))
		go c.cache.InvalidateAll(t.Context())
		s.calm(0)
		s.everybody(1, fresh)
	})
}

// What isn't there is as well cached as what is.
func TestRace_R27_NegativeEntry(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(rows, a, b, c)
		s.written(s.do(b, Op{Kind: Write, Writes: []statement{{kind: insert, id: rows, nonce: fresh, ver: 1, parent: 1}}}))
		s.everybody(rows, fresh)
	})
}

func TestRace_R28_Phantom(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		list := Op{Query: query{byShelf, 1}}
		require.Zero(t, s.do(a, list).answer.rows[1])
		s.calm(0)
		s.written(s.do(b, Op{Kind: Write, Writes: []statement{{kind: update, id: 2, nonce: fresh, ver: 1, parent: 1}}}))
		for _, p := range s.slots {
			require.Equal(t, fresh, s.do(p, list).answer.rows[1].nonce)
		}
	})
}

func TestRace_R29_BulkUpdate(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		s.cached(1, a, b, c)
		s.written(s.do(b, Op{Kind: Write, Writes: []statement{{kind: update, where: 1, nonce: fresh, ver: 1}}}))
		s.everybody(1, fresh)
	})
}

// Of several processes that miss at once, one asks the database.
func TestRace_R38_Stampede(t *testing.T) {
	play(t, nil, func(s *script, a, b, c *process) {
		h := s.hold(a, dbQuery, sent)
		ra := s.do(a, Op{Query: query{byID, 1}})
		rb := s.begin(Op{Query: query{byID, 1}}, b)
		s.calm(0)
		require.False(t, rb.finished, "it waits for a")
		s.release(h)
		s.calm(timeout)
		require.True(t, ra.finished && rb.finished)
		require.EqualValues(t, 1, b.cache.Stats().Total().RemoteHits)
		// Not for long: a may have died.
		h = s.hold(a, dbQuery, sent)
		s.do(a, Op{Query: query{byID, 2}})
		rb = s.begin(Op{Query: query{byID, 2}}, b)
		s.calm(timeout)
		require.True(t, rb.finished)
		s.release(h)
		_ = c
	})
}

// A writer that stands still for longer than its announcement lasts is refused
// by the database, or if that lets it commit is seen when it goes on.
func TestRace_R42_WriterStandsStill(t *testing.T) {
	for _, late := range []bool{false, true} {
		play(t, func(p *Plan) { p.LateCommits = late }, func(s *script, a, b, c *process) {
			s.cached(1, a, b, c)
			commit, begin := s.hold(b, dbCommit, sent), s.hold(b, remoteBegin, sent)
			s.holds = []*hold{commit}
			w := s.begin(set(1, fresh), b)
			s.calm(0)
			s.holds = append(s.holds, begin)
			s.calm(lease + time.Millisecond)
			b.late = true
			// In the meantime others read, and store.
			s.nonceOf(a, 1, bounded)
			s.cached(1, a)
			s.release(commit)
			s.holds = nil
			s.calm(0)
			require.True(t, w.finished)
			if !late {
				require.ErrorIs(t, w.err, tooLate)
				s.everybody(1, old)
				return
			}
			s.written(w)
			s.calm(bound)
			s.everybody(1, fresh)
		})
	}
}
