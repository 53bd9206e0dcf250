package cache

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/entcache/ent-cache/internal/mutant"
	"github.com/entcache/ent-cache/schema"
)

// scope is one read that may be cached, from the interceptor to the driver. It is
// the context the read runs under, which saves a second allocation.
type scope struct {
	context.Context
	driver  *Driver
	typ     *Type
	op      schema.Op
	kind    resultKind // of a root
	root    bool
	ttl     time.Duration
	refresh bool
	asked   bool
	sharing bool // hits may hand out what is stored
	vary    string
	stats   *typeStats
	explain *explainer

	consistency Consistency
	// tokened says that the read has tokens; seen are their positions in the log
	// that the cache follows, and behind that it hasn't got that far.
	tokened, behind bool
	seen            []RemotePosition
	// tree is a root's, once it has missed; top is the root of others.
	tree *tree
	top  *scope
	// filling is a root's whose value is to be stored. invalidated says that there
	// was one, of a single statement, that a write had touched.
	filling     *filling
	invalidated bool
	// stale is what was found and isn't served, for explanations.
	stale *Entry
	// noValue says why the query's result can't be kept as a value.
	noValue string
}

// alone reports whether no result of this process will do, whoever reads it.
func (sc *scope) alone() bool {
	return sc.consistency.level == strict && !mutant.On(mutant.StrictNear) || sc.behind
}

// scansEntities reports whether Ent may ask for the types of the statement's
// columns. It does so for columns that a modifier adds to those of an entity.
func (sc *scope) scansEntities(st *prepared) bool {
	return sc.op&(schema.All|schema.First|schema.Only) != 0 && !st.Counts()
}

type scopeKey struct{}

// Value returns the scope itself for its key.
func (sc *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return sc
	}
	return sc.Context.Value(key)
}

// Routed is a builder whose driver Route may have replaced.
type Routed struct {
	builder Builder
	driver  dialect.Driver
	root    *scope // if it is one
}

// Done gives the builder its driver back. It is to be called when the read is
// over.
func (r Routed) Done() {
	if r.builder != nil {
		r.builder.EntcacheSetDriver(r.driver)
	}
	if r.root != nil && r.root.tree != nil {
		r.root.tree.end()
	}
}

// operation returns what Ent's operation is for the cache, and what it returns.
func operation(op string) (schema.Op, resultKind) {
	switch op {
	case ent.OpQueryFirst:
		return schema.First, entities
	case ent.OpQueryFirstID:
		return schema.First, ids
	case ent.OpQueryOnly:
		return schema.Only, entities
	case ent.OpQueryOnlyID:
		return schema.Only, ids
	case ent.OpQueryAll:
		return schema.All, entities
	case ent.OpQueryIDs:
		return schema.IDs, ids
	case ent.OpQueryCount:
		return schema.Count, count
	case ent.OpQueryExist:
		return schema.Exist, ids
	case ent.OpQueryGroupBy:
		return schema.GroupBy, otherResult
	case ent.OpQuerySelect:
		return schema.Select, otherResult
	}
	return schema.All, otherResult
}

// Route decides whether the read of a builder may be cached. It returns the
// context to run the read under and what to call Done of when it is over.
func (c *Cache) Route(ctx context.Context, q ent.Query) (context.Context, Routed) {
	return c.route(ctx, q, new(scope))
}

// route is Route with a scope that nobody has used.
func (c *Cache) route(ctx context.Context, q ent.Query, sc *scope) (context.Context, Routed) {
	b, ok := q.(Builder)
	if !ok {
		name := fmt.Sprintf("%T", q)
		c.warnOnce(ctx, "a query builder has no generated methods and isn't cached", name,
			"add entc.Extensions(extension.New()) to entc.go and generate again")
		c.stats.bypass(nil, 0, NotGenerated)
		c.taint(ctx)
		return ctx, Routed{}
	}
	drv := b.EntcacheDriver()
	if d, ok := drv.(*Driver); ok {
		if d.cache != c {
			// Another cache's interceptor came first.
			return ctx, Routed{}
		}
		// An entity of an earlier read handed the driver on.
		drv = d.Driver
		b.EntcacheSetDriver(drv)
	}
	if reason := c.decide(ctx, sc, b, drv); reason != Cacheable {
		c.taint(ctx)
		c.bypassed(ctx, sc, reason, "", "")
		return ctx, Routed{}
	}
	b.EntcacheSetDriver(sc.driver)
	r := Routed{builder: b, driver: drv}
	if sc.root {
		r.root = sc
	}
	return sc, r
}

// decide fills a scope in for the read of a builder.
func (c *Cache) decide(ctx context.Context, sc *scope, b Builder, drv dialect.Driver) Reason {
	typ, d := b.EntcacheType(), wishesOf(ctx)
	sc.Context, sc.typ, sc.op, sc.stats, sc.explain = ctx, typ, schema.All, c.statsOf(typ), d.explain
	if qc := ent.QueryFromContext(ctx); qc != nil && qc == b.EntcacheContext() {
		sc.root = true
		sc.op, sc.kind = operation(qc.Op)
	}
	p := typ.Policy
	if p == nil {
		return NoPolicy
	}
	if c.closed.Load() {
		return Closed
	}
	sc.asked, sc.refresh, sc.sharing = d.cache, d.refresh, d.shared || p.Shared
	switch {
	case d.skip:
		return Skipped
	case d.mutating:
		return InMutation
	case d.cache:
	case p.OnDemand:
		return NotAsked
	case !sc.allowed(sc.op):
		return OpExcluded
	}
	o := OriginOf(drv)
	switch {
	case mutant.On(mutant.TxReadsCached) && o.EntTx != nil:
	case o.EntTx != nil || o.Tx != nil:
		return InTransaction
	case o.DB == nil:
		c.warnOnce(ctx, "a client's driver doesn't say what it wraps, so its reads aren't cached", fmt.Sprintf("%T", Unwrap(drv)),
			"give the driver a method Unwrap() dialect.Driver")
		return UnknownDriver
	}
	if c.opts.VaryBy != nil {
		sc.vary = c.opts.VaryBy(ctx)
	} else if HasSessionVars(ctx) {
		return SessionVars
	}
	sc.ttl = p.TTL
	if d.ttl > 0 {
		sc.ttl = d.ttl
	}
	if sc.ttl <= 0 {
		sc.ttl = schema.DefaultTTL
	}
	if d.tokens != nil && !mutant.On(mutant.TokenIgnored) && !sc.follow(c, d.tokens) {
		return Unseen
	}
	if c.shared != nil {
		sc.consistency = c.shared.standard
		if d.consistency != (Consistency{}) {
			sc.consistency = d.consistency
		}
	}
	if top := c.rootOf(ctx); !sc.root {
		sc.top = top
	} else if top != nil {
		top.filling.taint()
	}
	sc.driver = c.drivers.wrap(c, drv, o.DB)
	return Cacheable
}

// rootOf returns the root of the query that a context belongs to, if that is
// cached.
func (c *Cache) rootOf(ctx context.Context) *scope {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	if sc == nil || sc.driver.cache != c {
		return nil
	}
	if sc.top != nil {
		return sc.top
	}
	return sc
}

// taint says that something under the context is read past the cache.
func (c *Cache) taint(ctx context.Context) {
	if top := c.rootOf(ctx); top != nil {
		top.filling.taint()
	}
}

// allowed reports whether the policy caches an operation.
func (sc *scope) allowed(op schema.Op) bool {
	ops := sc.typ.Policy.Ops
	return ops == 0 || ops.Is(op)
}

func (sc *scope) maxRows() int {
	if n := sc.typ.Policy.MaxRows; n > 0 {
		return n
	}
	return schema.DefaultMaxRows
}

func (sc *scope) maxBytes() int {
	if n := sc.typ.Policy.MaxBytes; n > 0 {
		return n
	}
	return schema.DefaultMaxBytes
}
