package cache

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/entcache/ent-cache/internal/crash"
	"github.com/entcache/ent-cache/internal/mutant"
)

const (
	// fillLease is for how long a process has the right to fill a key that
	// several miss.
	fillLease = time.Second
	// maxFillFacts is how many facts an entry at the remote level has before
	// they become those of its tables: each costs it some microseconds.
	maxFillFacts = 64
	// patience is how often a reader looks again for what another process is
	// reading, after 1, 2, 4 … ms.
	patience = 6
	// keyTTL is the life of what proves a result that stays in the process.
	keyTTL = time.Second
)

// stamp says where in the log of writes that processes share an entry belongs.
type stamp struct {
	view     *view
	position uint64
	// proven is set if the remote level found the entry valid at position. Else
	// the database was read when the view was at position.
	proven bool
}

// stamped is what an entry has to do with other processes.
type stamped struct {
	stamp atomic.Pointer[stamp]
	// read is when the database was asked, as the cache's shared counts time.
	read time.Duration
	// followed is the position of the view up to which no fact was touched.
	followed atomic.Uint64
}

// vouches reports whether an entry of the near level may be served without a
// look at the remote level. The caller has checked it against the writes of this
// process.
func (s *shared) vouches(e *Entry, sc *scope) bool {
	age := s.now() - e.shared.read
	c := sc.consistency
	// Before the view, as in complete.
	proved := s.proved.Load()
	st, v := e.shared.stamp.Load(), s.view.Load()
	if !s.after(e, st, v, proved) {
		return false
	}
	switch {
	case c.level == strict && !mutant.On(mutant.StrictNear), sc.behind:
		return false
	case c.level == eventual && age <= c.bound && !sc.tokened:
		return true
	}
	bound := s.boundOf(c)
	if st.view != v {
		return false
	}
	if !st.proven || s.now()-time.Duration(proved) > bound && !mutant.On(mutant.GateOpen) {
		// It is no older than the bound allows, or not known to be.
		if age > bound || sc.tokened && !st.proven {
			return false
		}
	}
	if v == nil {
		return true
	}
	// As in valid: the position first.
	now := v.log.Now()
	checked := e.shared.followed.Load()
	if checked == now {
		return true
	}
	if v.log.Unchanged(e.Tables, checked) || v.log.Unchanged(e.Facts, st.position) {
		e.shared.followed.Store(now)
		return true
	}
	return false
}

// present is the stamp of what is read from the database from now on.
func (s *shared) present() *stamp {
	v := s.view.Load()
	if v == nil {
		return &stamp{}
	}
	return &stamp{view: v, position: v.log.Now(), proven: mutant.On(mutant.UnprovenProven)}
}

// shareable reports whether other processes may have the rows of a statement.
func (r *reading) shareable() bool {
	st, sc := r.st, r.scope
	if sc.driver.database != firstDatabase {
		r.cache.warnOnce(sc.Context, "a cache with a remote level has clients of several *sql.DB; results of all but the first stay in the process", "",
			"give each database a cache and a namespace of its own, and clients of one database the same *sql.DB")
	}
	return sc.driver.database == firstDatabase && (!st.Sensitive() || r.cache.shared.payloads.envelope.Encrypted()) &&
		!(st.foreign.Load() && sc.scansEntities(st))
}

// remoteKey names a result at the remote level. What may not leave the process
// has a key of its own there, under which only the proof is kept that it is
// valid.
func (r *reading) remoteKey(private bool) (Key, bool) {
	key, ok := r.keyOf(0)
	if !private || !ok {
		return key, ok
	}
	b := append(r.cache.shared.private[:len(r.cache.shared.private):len(r.cache.shared.private)], key[:]...)
	b = binary.BigEndian.AppendUint64(b, r.scope.driver.database)
	sum := sha256.Sum256(b)
	return Key(sum[:16]), true
}

// ask looks a result up at the remote level. It returns the entry, or what a fill
// must bring back; neither if the level can't be used.
func (r *reading) ask(ctx context.Context) (*Entry, *RemoteMiss) {
	c := r.cache
	s := c.shared
	if s == nil || !s.usable() {
		return nil, nil
	}
	private := !r.shareable()
	key, ok := r.remoteKey(private)
	if !ok {
		return nil, nil
	}
	r.private, r.remote = private, key
	peeked := false
	if t := r.tree(); t != nil && !r.scope.root && !private {
		t.follow(key)
		if f := r.fetched(ctx, key); f != nil && !r.scope.refresh {
			e := r.ahead(ctx, f)
			if e != nil {
				return e, nil
			}
			peeked = f.peek != nil
		}
	}
	if !peeked {
		if e, ok := r.peek(ctx); e != nil || !ok {
			return e, nil
		}
	}
	lease := fillLease
	if private || r.scope.refresh {
		lease = 0
	}
	pause := time.Millisecond
	for try := 0; ; try++ {
		position := c.ledger.Now()
		// In this order: a write of this process that goes on unannounced makes the
		// level unusable before it ends, so one that is missed here is later.
		if !s.usable() {
			return nil, nil
		}
		asked := s.now()
		hit, miss, err := s.get(ctx, key, lease)
		if err != nil {
			return nil, nil
		}
		at := remotePositionOf(hit, miss)
		v, err := s.observe(at)
		if err != nil || !r.scope.covered(at) {
			return nil, nil
		}
		if hit != nil {
			var e *Entry
			if !private && !r.scope.refresh {
				e = r.received(ctx, hit, v, position, asked, 0)
			}
			return e, &RemoteMiss{RemotePosition: at}
		}
		if d, ok := ctx.Deadline(); ok && time.Until(d) < 8*pause {
			try = patience
		}
		if !miss.Leased || try == patience || !s.wait(ctx, pause) {
			s.counts.misses.Add(1)
			return nil, miss
		}
		pause *= 2
	}
}

// get asks the remote level.
func (s *shared) get(ctx context.Context, key Key, lease time.Duration) (*RemoteHit, *RemoteMiss, error) {
	short, cancel := hurried(ctx)
	defer cancel()
	hit, miss, err := s.remote.Get(short, key, lease)
	s.called(ctx, err)
	return hit, miss, err
}

// hurried gives the remote level a quarter of the time that a caller in a hurry
// has left, so that one which hangs doesn't take the database's.
func hurried(ctx context.Context) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Deadline(); ok {
		if left := time.Until(d); left < time.Second {
			return context.WithTimeout(ctx, left/4)
		}
	}
	return ctx, func() {}
}

func remotePositionOf(hit *RemoteHit, miss *RemoteMiss) RemotePosition {
	if hit != nil {
		return hit.RemotePosition
	}
	return miss.RemotePosition
}

// wait sleeps, and reports whether the caller still wants the answer.
func (s *shared) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// received makes an entry of a hit and stores it in the near level. It is nil if
// the payload isn't what this process would have sent: another version of the
// program's, damaged or made up. The hit's times are those of the server, which
// may have been as early as asked. If it was read plainly, proved is when the view
// was complete, else zero; then it is nil, too, if the view knows of a write since
// it was stored.
func (r *reading) received(ctx context.Context, hit *RemoteHit, v *view, position uint64, asked, proved time.Duration) *Entry {
	c := r.cache
	s := c.shared
	plain := proved > 0
	rows, life, err := s.payloads.open(r.scope.typ.Schema, r.remote, hit.Payload, hit.TTL)
	switch {
	case err != nil && plain:
		// It will be found again, and counted.
		return nil
	case err != nil:
		s.counts.corrupt.Add(1)
		c.log.LogAttrs(ctx, slog.LevelDebug, "entcache: an entry of the remote level isn't understood and counts as a miss", slog.Any("error", err))
		return nil
	}
	since := s.now() - asked
	life.age += since
	left := min(hit.TTL, life.keep) - since
	if left <= 0 {
		return nil
	}
	typeless := r.st.ForeignColumns(rows.Columns)
	if typeless && r.scope.scansEntities(r.st) {
		return nil
	}
	e := r.entry(rows, nil, position)
	e.typeless = typeless
	e.Filled = time.Now().Add(-life.age)
	e.expires, e.took = e.Filled.Add(min(life.ttl, r.scope.ttl)), life.took
	e.shared.read = s.now() - life.age
	if plain {
		e.shared.read = min(e.shared.read, proved)
	}
	if r.replaces != nil && !e.expires.After(r.replaces.expires) {
		// It is the one to be replaced.
		return nil
	}
	if mutant.On(mutant.OwnCaptureLate) {
		e.Position = c.ledger.Now()
	}
	if mutant.On(mutant.NearAtPresent) {
		hit.Position = max(hit.Position, v.log.Now())
	}
	e.shared.stamp.Store(&stamp{view: v, position: hit.Position, proven: true})
	switch {
	case !c.valid(e):
		// A write of this process came in between.
		return nil
	case plain && !v.log.Unchanged(e.Facts, hit.Position) && !mutant.On(mutant.PeekUnchecked):
		return nil
	case plain:
		s.counts.peeked.Add(1)
	}
	s.counts.hits.Add(1)
	r.fetchAhead(life.tree)
	if mutant.On(mutant.LifeRestarted) {
		left = r.scope.ttl
	}
	c.keep(r.key, e, min(left, r.scope.keep(r.scope.ttl)))
	return e
}

// offer sends an entry that was read after the miss to the remote level, in the
// background, and marks it proven if it is taken.
func (r *reading) offer(e *Entry, miss *RemoteMiss, ttl, keep time.Duration) {
	s := r.cache.shared
	if miss == nil || !s.usable() {
		return
	}
	if mutant.On(mutant.VoidFilled) {
		miss.Void = false
	}
	if miss.Void {
		s.counts.refused[FillQuarantine].Add(1)
		return
	}
	if private := !r.shareable(); private && !r.private {
		r.private = true
		r.remote, _ = r.remoteKey(true)
	}
	private := r.private
	r.offered = true
	key, schema, sent := r.remote, r.scope.typ.Schema, *miss
	send := func(keys []Key) {
		select {
		case s.stores <- struct{}{}:
		default:
			s.counts.dropped.Add(1)
			return
		}
		if !s.background.start(func() {
			defer func() { <-s.stores }()
			s.store(e, key, schema, sent, ttl, keep, private, keys)
		}) {
			<-s.stores
		}
	}
	if t := r.tree(); t != nil && r.scope.root {
		t.after(send)
	} else {
		send(nil)
	}
}

// giveUp ends the right to fill a key, so that nobody waits for what doesn't come:
// a fill that can't be stored does that.
func (s *shared) giveUp(key Key, miss RemoteMiss) {
	miss.Void = true
	s.background.start(func() {
		_, err := s.remote.Fill(s.ctx, key, RemoteFill{Miss: miss, Facts: []Fact{allFact}, TTL: keyTTL})
		s.called(s.ctx, err)
	})
}

func (s *shared) store(e *Entry, key Key, schema *Schema, miss RemoteMiss, ttl, keep time.Duration, private bool, tree []Key) {
	// It lives as long as if it had been stored when the database was asked.
	age := s.now() - e.shared.read
	f := RemoteFill{Miss: miss, Facts: fillFacts(e), TTL: keep - age}
	if f.Facts == nil || f.TTL < time.Millisecond {
		s.counts.dropped.Add(1)
		return
	}
	if private {
		f.TTL = keyTTL
	} else {
		payload, err := s.payloads.seal(schema, key, e.Rows, lifetime{keep: f.TTL, ttl: ttl, age: age, took: e.took, tree: tree})
		if err != nil {
			// A value that has no form outside the process.
			s.counts.dropped.Add(1)
			return
		}
		f.Payload = payload
	}
	if mutant.On(mutant.CaptureLate) {
		if _, late, err := s.remote.Get(s.ctx, key, 0); err == nil && late != nil {
			f.Miss = *late
		}
	}
	crash.At(crash.FillBefore)
	done, err := s.remote.Fill(s.ctx, key, f)
	crash.At(crash.FillAfter)
	s.called(s.ctx, err)
	if err != nil {
		return
	}
	if done.Outcome != FillStored && !mutant.On(mutant.FillUnchecked) {
		s.counts.refused[done.Outcome].Add(1)
		return
	}
	v, err := s.observe(done.RemotePosition)
	if err != nil {
		return
	}
	s.counts.stored.Add(1)
	e.shared.stamp.Store(&stamp{view: v, position: done.Position, proven: true})
}

// fillFacts are those of an entry at the remote level; none if it has too many.
func fillFacts(e *Entry) []Fact {
	facts := e.Facts
	if len(facts) >= maxFillFacts {
		// Every write to a table touches its any(T).
		facts = unique(e.Tables)
	}
	if len(facts) >= MaxRemoteFacts {
		return nil
	}
	return append(slices.Clone(facts), allFact)
}
