package cache

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/entcache/ent-cache/internal/mutant"
)

// allFact is touched by writes that may have touched anything; every result at
// the remote level depends on it.
var allFact = Fact(0x9e3779b97f4a7c15)

// Attached implements RemoteListener: of writes before the position some may
// have been missed.
func (s *shared) Attached(at RemotePosition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.observeLocked(at)
	if err != nil {
		return
	}
	if v.log.Now() < at.Position && !mutant.On(mutant.AttachedIgnored) {
		v.log.Raise(at.Position)
	}
}

// Received implements RemoteListener. Positions are contiguous, so a gap is a
// write that was lost, and one that isn't later than the view is known already.
func (s *shared) Received(m RemoteMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.observeLocked(m.RemotePosition)
	if err != nil {
		return
	}
	at := v.log.Now()
	if m.Position <= at {
		return
	}
	if m.Position > at+1 && !mutant.On(mutant.GapIgnored) {
		s.counts.gaps.Add(1)
		v.log.Raise(m.Position - 1)
	}
	v.heard.add(m.Position, false)
	if slices.Contains(m.Facts, allFact) {
		v.log.Raise(m.Position)
		return
	}
	v.log.Record(m.Facts, m.Position)
}

// Detached implements RemoteListener. What is missed from now on, the probe
// finds.
func (s *shared) Detached(error) { s.hurry() }

// follow keeps the view complete, and settles debts, until the cache is closed.
func (s *shared) follow() {
	var sub io.Closer
	defer func() {
		if sub != nil {
			_ = sub.Close()
		}
	}()
	period := s.bound / 3
	for {
		if sub == nil {
			if c, err := s.remote.Subscribe(s); err == nil {
				sub = c
			}
		}
		s.probe(period)
		t := time.NewTimer(period)
		select {
		case <-s.ctx.Done():
			t.Stop()
			return
		case <-s.wake:
			t.Stop()
			// Not more often than that, whoever asks.
			if !s.sleep(period / 16) {
				return
			}
		case <-t.C:
		}
	}
}

func (s *shared) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// probe asks for the log's position. The view counts as complete as of when it
// asked, if it has that position or gets it within the grace; else what it lacks
// was lost, and everything older is dropped.
func (s *shared) probe(grace time.Duration) {
	sent := s.now()
	at, err := s.remote.Probe(s.ctx)
	var v *view
	if err == nil {
		v, err = s.observe(at)
		if errors.Is(err, errRetired) {
			if at, err = s.remote.Handshake(s.ctx, s.left()...); err == nil {
				v, err = s.observe(at)
			}
		}
	}
	if err == nil && s.debts.Load() != s.settled.Load() {
		if begun, failed := s.settle(); failed != nil {
			err = failed
		} else if begun != nil {
			v, at.Position = begun, begun.log.Now()
		}
	}
	if err != nil {
		s.called(s.ctx, err)
		return
	}
	for range 16 {
		if v.log.Now() >= at.Position || !s.sleep(grace/16) {
			break
		}
	}
	s.mu.Lock()
	if v.log.Now() < at.Position && !mutant.On(mutant.ProbeBlind) {
		s.counts.lost.Add(1)
		v.log.Raise(at.Position)
	}
	s.mu.Unlock()
	if mutant.On(mutant.ProvedAtAnswer) {
		sent = s.now()
	}
	s.proved.Store(int64(max(sent, 1)))
	if s.breaker.close(s.now()) {
		s.log.LogAttrs(s.ctx, slog.LevelInfo, "entcache: the remote level answers again")
	}
}

// settle begins a new epoch, so that no process is served what was there before
// the writes that weren't announced; once they have all ended. It retires the
// epoch it finds, not the one it knows: another process may have begun one in
// between, and filled it before those writes.
func (s *shared) settle() (*view, error) {
	debts := s.debts.Load()
	if s.owing.Load() > 0 {
		return nil, nil
	}
	at, err := s.remote.Handshake(s.ctx, s.left()...)
	if err != nil {
		return nil, err
	}
	if !mutant.On(mutant.SettledInPlace) {
		at, err = s.remote.Handshake(s.ctx, append(s.left(), at.Epoch)...)
	}
	if err != nil {
		return nil, err
	}
	v, err := s.observe(at)
	if err != nil {
		return nil, err
	}
	s.settled.Store(debts)
	s.log.LogAttrs(s.ctx, slog.LevelWarn, "entcache: writes went unannounced; the remote level was made to begin anew")
	return v, nil
}
