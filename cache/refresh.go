package cache

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/schema"
)

const (
	// maxRefreshes is how many refreshes of a cache run at once.
	maxRefreshes = 32
	// refreshTimeout bounds one: nobody waits for it.
	refreshTimeout = 30 * time.Second
)

// refreshing reports whether a policy ever refreshes an entry that it has.
func refreshing(p *schema.Policy) bool {
	return p.RefreshAhead > 0 || p.MaxStaleness > 0 || p.Grace > 0
}

// due reports whether a valid entry is to be refreshed: it is past its time to
// live, or XFetch says so. That is the probabilistic early expiration of Vattani,
// Chierichetti and Lowenstein (VLDB 2015): the longer the query took and the
// nearer the end, the likelier a read refreshes, so that of many readers of a hot
// entry one does it shortly before all would have to.
func (e *Proof) due(p *schema.Policy) bool {
	left := time.Until(e.expires)
	if left <= 0 {
		return true
	}
	return p.RefreshAhead > 0 && float64(e.took)*p.RefreshAhead*-math.Log(1-rand.Float64()) >= float64(left)
}

// keep is how long an entry stays in the cache.
func (sc *scope) keep(ttl time.Duration) time.Duration { return ttl + sc.typ.Policy.MaxStaleness }

// lateness is what a policy that refreshes makes of a valid entry: it is served,
// and maybe refreshed.
func (r *reading) lateness(e *Entry) {
	p := r.scope.typ.Policy
	if p.Grace > 0 {
		e.lastValid.Store(int64(time.Since(r.cache.start)))
	}
	if e.due(p) || e.age.Load() == overdue {
		r.refresh(e)
	}
}

// graced reports whether the policy has an entry served that a write has touched,
// or that can't be known to be untouched.
func (r *reading) graced(e *Entry) bool {
	p := r.scope.typ.Policy
	if p.Grace <= 0 || r.scope.tokened {
		return false
	}
	last := e.lastValid.Load()
	return last > 0 && time.Since(r.cache.start)-time.Duration(last) <= p.Grace
}

// refresh runs the statement of an entry again, in the background, unless
// somebody does already.
func (r *reading) refresh(e *Entry) {
	c := r.cache
	select {
	case c.refreshes <- struct{}{}:
	default:
		return
	}
	f, leader := c.flights.join(r.key, new(flight))
	if !leader {
		<-c.refreshes
		return
	}
	sc := *r.scope
	ctx, cancel := context.WithTimeout(context.WithoutCancel(sc.Context), refreshTimeout)
	stop := context.AfterFunc(c.ctx, cancel)
	sc.Context, sc.explain, sc.tree, sc.top, sc.filling = ctx, nil, nil, nil, nil
	again := &reading{cache: c, scope: &sc, st: r.st, key: r.key, args: r.args, replaces: e}
	if !c.background.start(func() {
		defer func() { <-c.refreshes }()
		defer cancel()
		defer stop()
		again.run(&sc, f)
	}) {
		stop()
		cancel()
		c.flights.leave(r.key, f, nil)
		<-c.refreshes
	}
}

// run is a refresh.
func (r *reading) run(ctx context.Context, f *flight) {
	var e *Entry
	defer func() {
		// A driver that panics doesn't end a program that didn't call it.
		if p := recover(); p != nil {
			r.cache.log.LogAttrs(ctx, slog.LevelError, "entcache: a refresh panicked", slog.Any("panic", p), slog.String("sql", r.st.query))
		}
		r.cache.flights.leave(r.key, f, e)
	}()
	var rows entsql.Rows
	e, _ = r.load(ctx, &rows)
	if rows.ColumnScanner != nil {
		_ = rows.Close()
	}
}
