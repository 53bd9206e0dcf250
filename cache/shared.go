package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/entcache/ent-cache/cache/ledger"
	"github.com/entcache/ent-cache/internal/mutant"
)

// DefaultLease is how long the announcement of a write lasts unless it is
// renewed.
const DefaultLease = 10 * time.Second

// The bounds of what the process keeps.
const (
	maxRetired = 64  // epochs that were replaced
	maxStores  = 128 // fills on their way to the remote level
	maxRecords = 64  // ends of writes on their way
)

// shared is this process's part in the log of writes that processes share.
//
// What it knows of the log is a view: the epoch, and for each fact the position
// of the last write to it. An entry of the near level is served without a round
// trip while two things hold. It is valid at a position of that epoch, because
// the remote level stored or returned it then, and no later write in the view
// touched it. And the view was complete lately: a probe that was sent within the
// bound said no position that the view hasn't. Whatever is lost, late or cut
// off, a hit is thus no older than the bound.
//
// An entry that the remote level didn't take, because it can't be reached or a
// write is going on, is served within the bound too, counted from when the
// database was asked. That needs no proof.
type shared struct {
	cache    *Cache
	remote   Remote
	peeker   RemotePeeker // the same; nil if it isn't one
	log      *slog.Logger
	standard Consistency
	bound    time.Duration
	lease    time.Duration
	refuse   bool
	payloads payloads

	start  time.Time
	view   atomic.Pointer[view]
	proved atomic.Int64 // when the view was complete, since start; 0 for never
	// owing counts writes that go on unannounced. Until the last of them has
	// ended, and then until a new epoch began, the remote level isn't used: debts
	// grows with each such write, and settled follows it.
	owing          atomic.Int64
	debts, settled atomic.Uint64
	breaker        breaker
	// futile counts the plain reads in a row that came to nothing.
	futile atomic.Uint32
	counts sharedCounts

	wake chan struct{} // the probe is wanted now

	mu      sync.Mutex // for views that change
	retired []Epoch
	last    RemotePosition // of a write of this process
	// wroteAt is when the last write of this process ended, since start, and own
	// where it was announced; nil if it wasn't.
	wroteAt atomic.Int64
	own     atomic.Pointer[RemotePosition]

	ctx     context.Context
	cancel  context.CancelFunc
	stores  chan struct{}
	records chan struct{}
	private [16]byte // distinguishes the keys of this process
	// recording are the writes that have ended and aren't recorded yet, and
	// background is everything else.
	recording, background tasks
}

// view is what the process knows of one epoch of the log. Its ledger's positions
// are those of the log.
type view struct {
	epoch Epoch
	log   *ledger.Ledger
	// heard is when writes were heard of, for explanations.
	heard heard
}

func newShared(c *Cache, o Options) (*shared, error) {
	if err := o.Consistency.Validate(); err != nil {
		return nil, err
	}
	s := &shared{
		cache: c, remote: o.Remote, log: c.log, standard: o.Consistency.orDefault(), lease: o.Lease, refuse: o.RefuseUnannounced,
		payloads: payloads{envelope: o.Envelope}, start: time.Now(), wake: make(chan struct{}, 1),
		stores: make(chan struct{}, maxStores), records: make(chan struct{}, maxRecords), private: randomID(),
	}
	s.peeker, _ = o.Remote.(RemotePeeker)
	if s.lease == 0 {
		s.lease = DefaultLease
	}
	if s.lease < 10*time.Millisecond {
		return nil, fmt.Errorf("entcache: a lease of %v: use zero for the default, or 10ms and more", o.Lease)
	}
	if l, ok := o.Remote.(interface{ MaxLease() time.Duration }); ok && s.lease > l.MaxLease() {
		return nil, fmt.Errorf("entcache: a lease of %v, and a quarantine that outlasts %v only: raise the quarantine in every process, or give all shorter leases", s.lease, l.MaxLease())
	}
	if r, ok := o.Remote.(interface{ Caution() string }); ok && r.Caution() != "" {
		s.log.Warn("entcache: the remote level could do better", slog.String("advice", r.Caution()))
	}
	if s.payloads.envelope == nil {
		s.payloads.envelope = plainEnvelope
	}
	s.bound = s.standard.bound
	if s.standard.level != bounded {
		s.bound = DefaultBound
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.background.start(s.follow)
	return s, nil
}

// now is the time since the process joined. The clock is monotonic and goes on
// while the process is stopped.
func (s *shared) now() time.Duration { return time.Since(s.start) }

// usable reports whether reads may use the remote level.
func (s *shared) usable() bool {
	if s.breaker.open.Load() || s.indebted() {
		return false
	}
	proved := time.Duration(s.proved.Load())
	return proved > 0 && s.now()-proved <= max(s.bound, 2*time.Second)
}

func (s *shared) indebted() bool {
	return (s.debts.Load() != s.settled.Load() || s.owing.Load() > 0) && !mutant.On(mutant.DebtIgnored)
}

var errRetired = errors.New("entcache: the answer is from a remote level that was left behind")

// observe takes an answer's position in. The view it returns is of the
// position's epoch; there is an error if a later epoch was seen already.
func (s *shared) observe(p RemotePosition) (*view, error) {
	if v := s.view.Load(); v != nil && v.epoch == p.Epoch {
		return v, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.observeLocked(p)
}

func (s *shared) observeLocked(p RemotePosition) (*view, error) {
	old := s.view.Load()
	if old != nil && (old.epoch == p.Epoch || mutant.On(mutant.EpochIgnored)) {
		return old, nil
	}
	if slices.Contains(s.retired, p.Epoch) && !mutant.On(mutant.RetiredAccepted) {
		s.hurry()
		return nil, errRetired
	}
	if old != nil {
		s.retired = append(s.retired, old.epoch)
		if len(s.retired) > maxRetired {
			s.retired = slices.Delete(s.retired, 0, 1)
		}
		s.counts.epochs.Add(1)
		s.log.LogAttrs(context.Background(), slog.LevelInfo, "entcache: the remote level begins anew; entries are dropped",
			slog.String("epoch", p.Epoch.String()))
	}
	v := &view{epoch: p.Epoch, log: ledger.New(s.cache.opts.LedgerFacts)}
	v.log.Raise(p.Position)
	s.view.Store(v)
	if old != nil {
		// None of them can be valid any more.
		s.cache.near.Purge()
	}
	return v, nil
}

// left returns the epochs that were replaced.
func (s *shared) left() []Epoch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.retired)
}

// hurry makes the probe come now.
func (s *shared) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// called takes the result of a call of the remote level in, but for its
// position. What the caller's own context ended says nothing of the level.
func (s *shared) called(ctx context.Context, err error) {
	switch {
	case err == nil:
		s.breaker.succeeded()
	case ctx.Err() != nil, errors.Is(err, ErrClosed):
	default:
		s.counts.errors.Add(1)
		if s.breaker.failed(s.now()) {
			s.log.LogAttrs(ctx, slog.LevelWarn, "entcache: the remote level fails; it is left alone until it answers again", slog.Any("error", err))
		}
	}
}

// closing is how long Close waits for writes to be recorded.
const closing = 2 * time.Second

// wrote remembers the position of a write of this process.
func (s *shared) wrote(at RemotePosition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.view.Load(); v != nil && v.epoch == at.Epoch {
		v.heard.add(at.Position, true)
	}
	if s.last.Epoch != at.Epoch || s.last.Position < at.Position {
		s.last = at
	}
}

// wroteNow says that a write of this process has ended, announced or not.
func (s *shared) wroteNow(announced bool) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if announced {
		s.own.Store(&last)
	} else {
		s.own.Store(nil)
	}
	s.wroteAt.Store(int64(max(s.now(), 1)))
}

// after reports whether an entry is of a state of the database that has the
// writes of this process, given when the view was complete. That it depends on
// none of them isn't enough: another process may have made it depend on one, which
// this process hasn't heard of yet, and then written its own on top of it.
func (s *shared) after(e *Entry, st *stamp, v *view, proved int64) bool {
	if at := s.wroteAt.Load(); at == 0 || int64(e.shared.read) > at {
		return true
	}
	if !st.proven {
		proved = 0
	}
	return s.hasOwn(v, proved)
}

// hasOwn reports whether a view that was complete then has the writes of this
// process. A clock may say the same of what came before the end of a write and of
// what came after it, so the same isn't enough.
func (s *shared) hasOwn(v *view, proved int64) bool {
	if at := s.wroteAt.Load(); at == 0 || proved > at {
		return true
	}
	own := s.own.Load()
	return own != nil && v != nil && own.Epoch == v.epoch && v.log.Now() >= own.Position
}

// close gives writes that have ended some time to be recorded, and ends the
// goroutines. What isn't recorded by then counts as recorded when its lease has
// run out.
func (s *shared) close() {
	s.recording.end()
	s.background.end()
	t := time.AfterFunc(closing, s.cancel)
	s.recording.wait()
	t.Stop()
	s.cancel()
	s.background.wait()
}
