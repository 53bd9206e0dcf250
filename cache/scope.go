package cache

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/entcache/ent-cache/schema"
)

// scope is one read that may be cached, from the interceptor to the driver.
type scope struct {
	driver  *Driver
	typ     *Type
	op      schema.Op
	root    bool
	ttl     time.Duration
	refresh bool
	asked   bool
	vary    string
	stats   *typeStats
	explain *explainer
}

type scopeKey struct{}

var ops = map[string]schema.Op{
	ent.OpQueryFirst: schema.First, ent.OpQueryFirstID: schema.First,
	ent.OpQueryOnly: schema.Only, ent.OpQueryOnlyID: schema.Only,
	ent.OpQueryAll: schema.All, ent.OpQueryIDs: schema.IDs,
	ent.OpQueryCount: schema.Count, ent.OpQueryExist: schema.Exist,
	ent.OpQueryGroupBy: schema.GroupBy, ent.OpQuerySelect: schema.Select,
}

// Route decides whether the read of a builder may be cached. It returns the
// context to run the read under and a function to call when it is over.
func (c *Cache) Route(ctx context.Context, q ent.Query) (context.Context, func()) {
	b, ok := q.(Builder)
	if !ok {
		name := fmt.Sprintf("%T", q)
		c.warnOnce(ctx, "a query builder has no generated methods and isn't cached", name,
			"add entc.Extensions(extension.New()) to entc.go and generate again")
		c.stats.bypass(nil, 0, NotGenerated)
		return ctx, func() {}
	}
	drv := b.EntcacheDriver()
	if d, ok := drv.(*Driver); ok {
		if d.cache != c {
			// Another cache's interceptor came first.
			return ctx, func() {}
		}
		// An entity of an earlier read handed the driver on.
		drv = d.Driver
		b.EntcacheSetDriver(drv)
	}
	sc, reason := c.decide(ctx, b, drv)
	if reason != Cacheable {
		c.bypassed(ctx, sc, reason, "", "")
		return ctx, func() {}
	}
	b.EntcacheSetDriver(sc.driver)
	return context.WithValue(ctx, scopeKey{}, sc), func() { b.EntcacheSetDriver(drv) }
}

func (c *Cache) decide(ctx context.Context, b Builder, drv dialect.Driver) (*scope, Reason) {
	typ := b.EntcacheType()
	sc := &scope{typ: typ, op: schema.All, stats: c.statsOf(typ), explain: explainerOf(ctx)}
	if qc := ent.QueryFromContext(ctx); qc != nil && qc == b.EntcacheContext() {
		sc.root = true
		if op, ok := ops[qc.Op]; ok {
			sc.op = op
		}
	}
	p := typ.Policy
	if p == nil {
		return sc, NoPolicy
	}
	if c.closed.Load() {
		return sc, Closed
	}
	d := directivesOf(ctx)
	sc.asked, sc.refresh = d.cache, d.refresh
	switch {
	case d.skip:
		return sc, Skipped
	case inMutation(ctx):
		return sc, InMutation
	case d.cache:
	case p.OnDemand:
		return sc, NotAsked
	case !sc.allowed(sc.op):
		return sc, OpExcluded
	}
	o := OriginOf(drv)
	switch {
	case o.EntTx != nil || o.Tx != nil:
		return sc, InTransaction
	case o.DB == nil:
		c.warnOnce(ctx, "a client's driver doesn't say what it wraps, so its reads aren't cached", fmt.Sprintf("%T", Unwrap(drv)),
			"give the driver a method Unwrap() dialect.Driver")
		return sc, UnknownDriver
	}
	if c.opts.VaryBy != nil {
		sc.vary = c.opts.VaryBy(ctx)
	} else if hasSessionVars(ctx) {
		return sc, SessionVars
	}
	sc.ttl = p.TTL
	if d.ttl > 0 {
		sc.ttl = d.ttl
	}
	if sc.ttl <= 0 {
		sc.ttl = schema.DefaultTTL
	}
	sc.driver = c.drivers.wrap(c, drv, o.DB)
	return sc, Cacheable
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
