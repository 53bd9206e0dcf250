package cache

import (
	"context"
	"sync/atomic"
	"time"

	"entgo.io/ent"

	"github.com/entcache/ent-cache/internal/mutant"
	"github.com/entcache/ent-cache/schema"
)

// typed is the result of a query with the proofs of the statements that it was
// made of. It proves nothing itself: it is served while the rows of each
// statement would be, by the same rules, and gone when the first of them would
// be.
type typed struct {
	result ent.Value
	print  string // what is the key's hash
	proofs []proven
	rows   int // of the root's statement
	// witness is a copy that nobody gets, once the result itself was handed out and
	// if writes to it are to be found.
	witness atomic.Pointer[ent.Value]
}

// valueOps are the operations whose results can be kept as values.
const valueOps = schema.All | schema.First | schema.Only | schema.IDs | schema.Count | schema.Exist

// Read runs a query: next, or less than that if its result is in the cache.
//
// A hit hands out a copy of the value that an equal query got before, and skips
// next with all that would run in it. So the builder has to vouch, by its
// fingerprint, that no other interceptor is there, and that the fingerprint says
// everything that the result depends on besides the database. Where it doesn't,
// statements are looked up one by one when Ent runs them.
func (c *Cache) Read(ctx context.Context, q ent.Query, next ent.Querier) (ent.Value, error) {
	return c.Querier(next).Query(ctx, q)
}

// Querier returns one whose queries are reads of the cache.
func (c *Cache) Querier(next ent.Querier) ent.Querier { return &cachedQuerier{cache: c, next: next} }

// cachedQuerier has the scope of its first read, which is most often its only one: that
// saves an allocation.
type cachedQuerier struct {
	cache *Cache
	next  ent.Querier
	used  atomic.Bool
	scope scope
}

// Query implements ent.Querier.
func (r *cachedQuerier) Query(ctx context.Context, q ent.Query) (ent.Value, error) {
	sc := &r.scope
	if r.used.Swap(true) {
		sc = new(scope)
	}
	return r.cache.query(ctx, sc, q, r.next)
}

func (c *Cache) query(ctx context.Context, sc *scope, q ent.Query, next ent.Querier) (ent.Value, error) {
	ctx, routed := c.route(ctx, q, sc)
	defer routed.Done()
	if routed.root == nil || c.opts.NoValues || !sc.op.Is(valueOps) || sc.alone() {
		return next.Query(ctx, q)
	}
	b, ok := routed.builder.(ValueBuilder)
	// database/sql looks at the context before anything else.
	if !ok || ctx.Err() != nil {
		return next.Query(ctx, q)
	}
	f := newFingerprint(c, sc)
	defer f.release()
	key, ok := c.valueKey(sc, b, next, f)
	if !ok {
		return next.Query(ctx, q)
	}
	if !sc.refresh {
		if v := c.lookUp(sc, key, f); v != nil && c.unchanged(ctx, sc, key, v) {
			// The copy belongs to the client, as if it had no cache.
			b.EntcacheSetDriver(routed.driver)
			if result, ok := v.handOut(sc, b, c.checkShared); ok {
				c.valueHit(ctx, sc, key, v)
				return result, nil
			}
			b.EntcacheSetDriver(sc.driver)
		}
	}
	sc.filling = newFilling()
	// Deferred: a driver may panic.
	defer c.settle(sc.filling)
	scans, ok := b.(ScanBuilder)
	if ok {
		if k := c.known.get(f); k != nil {
			b.EntcacheSetDriver(routed.driver)
			result, err := k.run(ctx, c, sc, f, scans)
			if err == nil {
				c.storeValue(sc, key, f, b, result)
			}
			return result, err
		}
	}
	result, err := next.Query(ctx, q)
	if err == nil && f.agrees(c, sc, b) {
		if ok {
			c.known.learn(sc, f, scans, result)
		}
		b.EntcacheSetDriver(routed.driver)
		c.storeValue(sc, key, f, b, result)
	}
	return result, err
}

// handOut returns what a reader gets.
func (v *typed) handOut(sc *scope, b ValueBuilder, check bool) (ent.Value, bool) {
	switch {
	case mutant.On(mutant.ValueUncloned):
		return v.result, true
	case !sc.sharing:
		return b.EntcacheClone(v.result)
	case check && v.witness.Load() == nil:
		w, ok := b.EntcacheClone(v.result)
		if !ok {
			return nil, false
		}
		v.witness.CompareAndSwap(nil, &w)
	}
	return v.result, true
}

// lookUp returns the value of a key if the read may be served it.
func (c *Cache) lookUp(sc *scope, key Key, print *Fingerprint) *typed {
	e, ok := c.near.Get(key)
	if !ok || e.value == nil || e.value.print != string(print.buf) {
		return nil
	}
	v := e.value
	for i := range v.proofs {
		p := &v.proofs[i]
		if mutant.On(mutant.ValueUnchecked) || mutant.On(mutant.ValueFirstProof) && i > 0 {
			break
		}
		if !c.valid(&p.Entry) || c.shared != nil && !c.shared.vouches(&p.Entry, sc) {
			// Of several statements, those whose rows were invalidated say so.
			sc.invalidated, sc.stale = len(v.proofs) == 1, &p.Entry
			return nil
		}
	}
	for i := range v.proofs {
		if c.late(&v.proofs[i]) {
			return nil
		}
	}
	return v
}

// late reports whether the rows behind a proof were refreshed, or are to be,
// which is for the read of the rows to do.
func (c *Cache) late(p *proven) bool {
	if p.age.Load() != current {
		return true
	}
	if p.refreshing == nil {
		return false
	}
	if p.refreshing.Grace > 0 {
		p.lastValid.Store(int64(time.Since(c.start)))
	}
	if !p.due(p.refreshing) {
		return false
	}
	p.age.CompareAndSwap(current, overdue)
	return true
}

// storeValue keeps what a query returned, if all its statements are proven.
func (c *Cache) storeValue(sc *scope, key Key, print *Fingerprint, b ValueBuilder, result ent.Value) {
	f := sc.filling
	proofs := f.end()
	if len(proofs) == 0 || f.rows == nil || c.closed.Load() {
		return
	}
	ends := proofs[0].ends
	for i := range proofs {
		p := &proofs[i]
		if p.age.Load() != current {
			return
		}
		if p.ends.Before(ends) {
			ends = p.ends
		}
	}
	now := time.Now()
	if !now.Before(ends) {
		// One is over, or wasn't fit for the near level to begin with.
		return
	}
	// The caller may change what it gets, as soon as it gets it.
	kept := result
	if !mutant.On(mutant.ValueKeptAsIs) {
		var ok bool
		if kept, ok = b.EntcacheClone(result); !ok {
			return
		}
	}
	f.value.result, f.value.print, f.value.proofs, f.value.rows = kept, string(print.buf), proofs, f.rows.Rows.N
	size := fillingSize + len(f.value.print) + b.EntcacheValueSize(kept)
	for i := range proofs {
		size += provenSize + 8*(len(proofs[i].Facts)+len(proofs[i].Tables)) + proofs[i].relevance.size()
	}
	f.entry = Entry{value: &f.value, size: size}
	f.rows, f.st, f.args = nil, nil, nil // they must not stay as long as the value
	c.near.Set(key, &f.entry, ends.Sub(now))
	if len(proofs) == 1 {
		f.owes(nil, Key{})
	}
}

// The memory of a filling, and of what it holds of a proof and the proof.
const (
	fillingSize = 320
	provenSize  = 280
)
