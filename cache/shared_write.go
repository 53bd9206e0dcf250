package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/entcache/ent-cache/internal/crash"
	"github.com/entcache/ent-cache/internal/mutant"
)

// ErrUnannounced is wrapped by the error of a mutation or commit that was refused
// because other processes couldn't be told of it. The database wasn't asked.
var ErrUnannounced = errors.New("entcache: the write can't be announced to other processes and was refused; see whether the remote level can be reached")

func randomID() (id [16]byte) {
	// It can't fail: since Go 1.24 crypto/rand ends the program instead.
	_, _ = rand.Read(id[:])
	return id
}

// announcement is a write that other processes were told of before it commits.
// It is renewed until it ends.
type announcement struct {
	id    WriteID
	facts []Fact
	// owed says that nobody could be told.
	owed bool

	mu    sync.Mutex
	sent  time.Duration // when the last renewal that succeeded was sent
	ended bool
	timer *time.Timer
}

// narrow returns what to send of a write that touched facts, which are those of f: if
// they are too many, what says less of its rows, or the tables.
func narrow(facts []Fact, f *Facts) []Fact {
	if len(facts) <= MaxRemoteFacts {
		return facts
	}
	if len(f.roughly) > 0 {
		if rough := unique(f.rough()); len(rough) <= MaxRemoteFacts {
			return rough
		}
	}
	if wide := unique(f.wide); len(wide) > 0 && len(wide) <= MaxRemoteFacts {
		return wide
	}
	return []Fact{allFact}
}

// announce tells the other processes of a write that is about to commit.
func (s *shared) announce(ctx context.Context, facts []Fact) (*announcement, error) {
	a := &announcement{id: WriteID(randomID()), facts: facts}
	if len(facts) == 0 {
		return a, nil
	}
	if mutant.On(mutant.NeverAnnounced) {
		return a, nil
	}
	err := errBroken
	if !s.breaker.open.Load() {
		err = s.begin(context.WithoutCancel(ctx), a)
	}
	if err == nil || mutant.On(mutant.DebtForgotten) {
		a.mu.Lock()
		a.timer = time.AfterFunc(s.lease/3, func() { s.renew(a) })
		a.mu.Unlock()
		return a, nil
	}
	if s.refuse {
		return nil, fmt.Errorf("%w: %w", ErrUnannounced, err)
	}
	a.owed = true
	s.owing.Add(1)
	s.owe(ctx, err)
	return a, nil
}

var errBroken = errors.New("entcache: the remote level failed repeatedly and is left alone until it answers again")

// begin announces, or renews. A server that was left behind isn't believed.
func (s *shared) begin(ctx context.Context, a *announcement) error {
	w := RemoteWrite{ID: a.id, Touches: a.facts, Lease: s.lease}
	for range 2 {
		sent := s.now()
		at, err := s.remote.Begin(ctx, w)
		s.called(ctx, err)
		if err != nil {
			return err
		}
		if _, err = s.observe(at); err == nil {
			s.wrote(at)
			a.mu.Lock()
			a.sent = sent
			a.mu.Unlock()
			return nil
		}
		if at, err = s.remote.Handshake(ctx, s.left()...); err != nil {
			return err
		}
		if _, err = s.observe(at); err != nil {
			return err
		}
	}
	return errRetired
}

// renew keeps an announcement from running out while the write goes on.
func (s *shared) renew(a *announcement) {
	a.mu.Lock()
	ended := a.ended
	a.mu.Unlock()
	if ended || s.ctx.Err() != nil || mutant.On(mutant.NeverRenewed) {
		return
	}
	again := s.lease / 3
	if s.begin(s.ctx, a) != nil {
		again = s.lease / 12
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.timer.Reset(again)
	}
}

// stop ends the renewals and reports until when the announcement lasts, and
// whether it ran out before.
func (s *shared) stop(a *announcement) (until time.Duration, lapsed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	if a.timer != nil {
		a.timer.Stop()
	}
	until = a.sent + s.lease
	return until, a.timer != nil && s.now() > until
}

// owe remembers that other processes don't know of a write.
func (s *shared) owe(ctx context.Context, err error) {
	s.counts.unannounced.Add(1)
	if d := s.debts.Add(1); d == s.settled.Load()+1 {
		s.log.LogAttrs(ctx, slog.LevelError, "entcache: a write isn't announced; other processes may serve what was there before it until the remote level answers, or their entries expire",
			slog.Any("error", err))
	}
	s.hurry()
}

// record tells the other processes that a write has ended, with what it touched;
// nothing if it was rolled back for certain. It doesn't wait: until it is known
// the announcement keeps them from serving or storing what the write touches.
func (s *shared) record(ctx context.Context, a *announcement, touched []Fact) {
	until, lapsed := s.stop(a)
	if a.owed {
		s.debts.Add(1)
		if s.owing.Add(-1) == 0 {
			s.hurry()
		}
		return
	}
	if len(a.facts) == 0 {
		if len(touched) > 0 {
			s.touch(ctx, touched)
		}
		return
	}
	if mutant.On(mutant.CommitUnrecorded) {
		touched = nil
	}
	var held []Fact
	for _, f := range a.facts {
		if !slices.Contains(touched, f) {
			held = append(held, f)
		}
	}
	crash.At(crash.CommitAfter)
	e := RemoteEnd{ID: a.id, Held: held, Touched: touched}
	lapsed = lapsed && len(touched) > 0
	if lapsed {
		s.counts.lapsed.Add(1)
		s.log.LogAttrs(ctx, slog.LevelWarn, "entcache: a write took longer than its announcement could be renewed; other processes may serve what was there before it until it is recorded")
		until = s.now() + s.lease
	}
	if !s.recording.start(func() {
		s.records <- struct{}{}
		defer func() { <-s.records }()
		if err := s.end(e, until); err != nil && lapsed {
			// It became visible after other processes had stopped waiting for it,
			// maybe, and they weren't told.
			s.owe(ctx, err)
		}
	}) {
		s.counts.unrecorded.Add(1)
	}
}

// end calls End until it succeeds or it is too late to matter: what was announced
// and has run out counts as recorded.
func (s *shared) end(e RemoteEnd, until time.Duration) error {
	pause := 10 * time.Millisecond
	for {
		err := errBroken
		if !s.breaker.open.Load() {
			var at RemotePosition
			at, err = s.remote.End(s.ctx, e)
			s.called(s.ctx, err)
			if err == nil {
				// From a server that was left behind it is no answer.
				if _, err = s.observe(at); err == nil {
					s.wrote(at)
					crash.At(crash.RecordAfter)
					return nil
				}
			}
		}
		if s.now()+pause > until || !s.sleep(pause) {
			s.counts.unrecorded.Add(1)
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

// touch records a write that wasn't announced: one that Ent didn't make. It waits
// for the answer, and reports whether other processes were told.
func (s *shared) touch(ctx context.Context, touched []Fact) bool {
	err := errBroken
	if !s.breaker.open.Load() {
		var at RemotePosition
		at, err = s.remote.End(context.WithoutCancel(ctx), RemoteEnd{ID: WriteID(randomID()), Touched: touched})
		s.called(ctx, err)
		if err == nil {
			if _, err = s.observe(at); err == nil {
				s.wrote(at)
				return true
			}
		}
	}
	s.owe(ctx, err)
	return false
}
