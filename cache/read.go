package cache

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/internal/mutant"
	"github.com/entcache/ent-cache/schema"
)

// read serves a statement from the cache, or from the database and stores what
// it gets.
func (c *Cache) read(ctx context.Context, sc *scope, query string, args []any, rows *entsql.Rows) error {
	return c.readPrepared(ctx, sc, c.memo.get(sc.typ.Schema, c.opts.Namespace, sc.driver.dialect, query), args, rows)
}

func (c *Cache) readPrepared(ctx context.Context, sc *scope, st *prepared, args []any, rows *entsql.Rows) error {
	d := sc.driver
	sc.collector().begin()
	reason := st.Reason()
	if reason == Cacheable {
		reason = st.CheckArgs(args)
	}
	if mutant.On(mutant.VolatileCached) && reason == Volatile || mutant.On(mutant.LockingCached) && reason == Locking {
		reason = Cacheable
	}
	if reason == Cacheable && !sc.root && !sc.asked && st.Counts() && !sc.allowed(schema.Count) {
		reason = OpExcluded
	}
	if c.closed.Load() {
		reason = Closed
	}
	r := &reading{cache: c, scope: sc, st: st, args: args, exist: sc.root && sc.op == schema.Exist && st.anyRow}
	if reason == Cacheable {
		var ok bool
		if r.key, ok = r.keyOf(d.database); !ok {
			reason = UnknownArgument
		}
	}
	if reason != Cacheable {
		c.bypassed(ctx, sc, reason, st.Detail(), st.query)
		return d.Driver.Query(ctx, st.query, args, rows)
	}
	// database/sql looks at the context before anything else.
	if err := ctx.Err(); err != nil {
		return err
	}
	if !sc.refresh && !sc.alone() {
		if e, ok := c.rowsOf(r.key); ok {
			switch {
			case r.servable(e):
				if refreshing(sc.typ.Policy) {
					r.lateness(e)
				}
			case r.graced(e):
				r.invalidated, sc.stale = true, e
				r.refresh(e)
			default:
				r.invalidated, sc.stale = true, e
				e = nil
			}
			if e != nil {
				if !r.invalidated {
					r.collect(e)
				}
				c.hit(ctx, r, e)
				rows.ColumnScanner = newReplay(e.Rows, e.Types)
				return nil
			}
		} else {
			r.invalidated = sc.root && sc.invalidated
		}
	}
	return r.miss(ctx, rows)
}

// valid reports whether no write touched what the entry depends on since it was
// read.
//
// The position is taken first: a write that is published while the facts are
// looked at may have been seen or not, and the entry must not count as checked
// up to it.
func (c *Cache) valid(e *Entry) bool {
	now := c.ledger.Now()
	checked := e.valid.Load()
	if checked == now || mutant.On(mutant.NeverInvalid) {
		return true
	}
	// Most often the writes went to other tables. Every write to a table
	// touches its any(T), so if none of those moved since the last check the
	// facts didn't either.
	tables := e.Tables
	if mutant.On(mutant.TablesUnchecked) {
		tables = tables[:1]
	}
	since := max(e.Position, e.judged.Load())
	if c.ledger.Unchanged(tables, checked) || c.ledger.Unchanged(e.Facts, since) {
		e.valid.Store(now)
		return true
	}
	if c.irrelevant(e, since) {
		c.stats.irrelevant.Add(1)
		e.judged.Store(now)
		e.valid.Store(now)
		return true
	}
	if mutant.On(mutant.InvalidOnce) {
		e.valid.Store(now)
	}
	return false
}

// servable reports whether the read may be served an entry of this process.
func (r *reading) servable(e *Entry) bool {
	c := r.cache
	return c.valid(e) && (c.shared == nil || c.shared.vouches(e, r.scope)) && !(e.typeless && r.scope.scansEntities(r.st))
}

// reading is a read that missed.
type reading struct {
	cache       *Cache
	scope       *scope
	st          *prepared
	key         Key
	args        []any
	invalidated bool
	// remote is the key at the remote level, private says that only the proof is
	// kept there.
	remote  Key
	private bool
	// exist says that the caller asks whether there are any rows, and not for rows.
	exist bool
	// offered is set if the remote level gets the result.
	offered bool
	// replaces is the entry that the read refreshes, if nobody waits for it.
	replaces *Entry
	// flight is what others wait for, if the read leads them.
	flight flight
}

// miss runs the statement, or waits for another read that runs it.
//
// What a waiter gets was read at a position before it came, maybe, so it takes
// the result as it would take a hit: only if no write touched it since. A write
// that ended before this read began is then in the result or refuses it.
func (r *reading) miss(ctx context.Context, rows *entsql.Rows) error {
	c := r.cache
	if r.scope.refresh || r.scope.alone() {
		_, err := r.load(ctx, rows)
		return err
	}
	for range 2 {
		f, leader := c.flights.join(r.key, &r.flight)
		if leader {
			return r.lead(ctx, f, rows)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		// A failed read is the leader's own business: its context may have
		// ended, its connection broken. This one asks for itself.
		if f.entry == nil {
			break
		}
		if r.servable(f.entry) || mutant.On(mutant.CoalescedAsIs) {
			r.collect(f.entry)
			c.coalesced(ctx, r, f.entry)
			rows.ColumnScanner = newReplay(f.entry.Rows, f.entry.Types)
			return nil
		}
	}
	_, err := r.load(ctx, rows)
	return err
}

func (r *reading) lead(ctx context.Context, f *flight, rows *entsql.Rows) error {
	var e *Entry
	// Deferred: a driver that panics must not leave the others waiting.
	defer func() { r.cache.flights.leave(r.key, f, e) }()
	// The fill before this one may have ended between the look-up and now.
	if have, ok := r.cache.rowsOf(r.key); ok && r.servable(have) {
		e = have
		r.collect(e)
		r.cache.coalesced(ctx, r, e)
		rows.ColumnScanner = newReplay(e.Rows, e.Types)
		return nil
	}
	var err error
	e, err = r.load(ctx, rows)
	return err
}

// load gets the result from the remote level, or from the database. The entry is
// nil if the result isn't fit for others.
func (r *reading) load(ctx context.Context, rows *entsql.Rows) (*Entry, error) {
	e, miss := r.ask(ctx)
	if e != nil {
		r.collect(e)
		r.cache.remoteHit(ctx, r, e)
		rows.ColumnScanner = newReplay(e.Rows, e.Types)
		return e, nil
	}
	if miss != nil && miss.Lease != (RemoteLease{}) {
		// Deferred: a driver may panic.
		defer func() {
			if !r.offered {
				r.cache.shared.giveUp(r.remote, *miss)
			}
		}()
	}
	return r.fill(ctx, rows, miss)
}

// fill runs the statement on the database, hands the rows out and stores them;
// at the remote level too, if that missed them.
func (r *reading) fill(ctx context.Context, rows *entsql.Rows, miss *RemoteMiss) (*Entry, error) {
	c, sc := r.cache, r.scope
	// Before the database is read: a write that commits later than this has a
	// later position, one that committed earlier is in what we read.
	position := c.ledger.Now()
	var (
		asked time.Duration
		from  *stamp
	)
	if c.shared != nil {
		asked, from = c.shared.now(), c.shared.present()
	}
	started := time.Now()
	var live entsql.Rows
	if err := sc.driver.Driver.Query(ctx, r.st.query, r.args, &live); err != nil {
		c.failed(ctx, r, err)
		return nil, err
	}
	columns, err := live.Columns()
	if err != nil {
		rows.ColumnScanner = live.ColumnScanner
		c.failed(ctx, r, err)
		return nil, nil
	}
	foreign := r.st.ForeignColumns(columns)
	if foreign && !r.st.foreign.Load() {
		r.st.foreign.Store(true)
	}
	rec, err := record(live.ColumnScanner, r.st.columns.Load(), sc.maxRows(), sc.maxBytes(), foreign)
	if err != nil {
		c.failed(ctx, r, err)
		return nil, err
	}
	if rec.reason == TooLarge && mutant.On(mutant.TruncatedCached) {
		_ = rec.rest.Close()
		rec.reason = Cacheable
	}
	if rec.reason != Cacheable {
		rows.ColumnScanner = rec.scanner()
		c.refused(ctx, r, rec.reason, started)
		return nil, nil
	}
	rows.ColumnScanner = newReplay(rec.rows, rec.types)
	if mutant.On(mutant.StampAfter) {
		position = c.ledger.Now()
	}
	e := r.entry(rec.rows, rec.types, position)
	if c.shared != nil {
		e.shared.read = asked
		e.shared.stamp.Store(from)
	}
	// It hasn't been found valid at any position yet: a fact may be held.
	if !c.valid(e) {
		c.refused(ctx, r, Overtaken, started)
		return e, nil
	}
	ttl := jitter(sc.ttl)
	keep := sc.keep(ttl)
	e.expires, e.took = e.Filled.Add(ttl), e.Filled.Sub(started)
	if !r.owe(e, keep) {
		c.keep(r.key, e, keep)
	}
	r.collect(e)
	if c.shared != nil {
		r.offer(e, miss, ttl, keep)
	}
	c.filled(ctx, r, e, started)
	return e, nil
}

// facts returns what the facts of a result are added to.
func (r *reading) facts() Facts {
	return Facts{Fold: r.scope.driver.dialect == dialect.MySQL, exist: r.exist}
}

// keyOf names the result in a database.
func (r *reading) keyOf(database uint64) (Key, bool) {
	key, ok := r.st.key(database, r.scope.vary, r.args)
	if r.exist && !mutant.On(mutant.ExistSharesKey) {
		key[0] |= ofExist
	}
	return key, ok
}

// entry makes an entry of a result that was read at a position.
func (r *reading) entry(rows *codec.Rows, types []*sql.ColumnType, position uint64) *Entry {
	e := &Entry{Rows: rows, Types: types, Proof: &Proof{Tables: r.st.tables, Position: position, Filled: time.Now()}}
	f := r.facts()
	list := factLists.Get().(*[]Fact)
	f.List = (*list)[:0]
	r.st.Facts(&f, r.args, rows)
	slices.Sort(f.List)
	e.Facts = slices.Clone(slices.Compact(f.List))
	if r.cache.shared == nil {
		e.relevance = r.st.relevanceOf(&f, r.args, rows)
	}
	if cap(f.List) <= 1<<12 {
		*list = f.List[:0]
	}
	factLists.Put(list)
	e.size = e.Size() + e.relevance.size()
	if own := rows.Columns; r.st.shareColumns(rows) {
		e.size -= columnsSize(own)
	}
	return e
}

// factLists are lists to collect facts in.
var factLists = sync.Pool{New: func() any { return new([]Fact) }}

// jitter shortens a time to live by up to a tenth, so that entries filled
// together don't expire together.
func jitter(ttl time.Duration) time.Duration {
	if tenth := int64(ttl / 10); tenth > 0 {
		return ttl - time.Duration(rand.Int64N(tenth))
	}
	return ttl
}
