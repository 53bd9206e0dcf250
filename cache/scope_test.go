package cache

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// queryBuilder is what generated code makes of a query builder.
type queryBuilder struct {
	typ *Type
	drv dialect.Driver
	ctx *ent.QueryContext
}

func (b *queryBuilder) EntcacheType() *Type                { return b.typ }
func (b *queryBuilder) EntcacheDriver() dialect.Driver     { return b.drv }
func (b *queryBuilder) EntcacheSetDriver(d dialect.Driver) { b.drv = d }
func (b *queryBuilder) EntcacheContext() *ent.QueryContext { return b.ctx }

func newCache(t *testing.T, o Options) *Cache {
	t.Helper()
	if o.Near == nil {
		o.Near = newMapNear()
	}
	c, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func typeWith(p *schema.Policy) *Type {
	s := MustSchema(SchemaSpec{
		Tables: []TableSpec{{Name: "users", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}}}},
		Types:  []TypeSpec{{Name: "User", Table: "users", Policy: p}},
	})
	return s.Type("User")
}

func sqlDriver(q entsql.ExecQuerier) *entsql.Driver {
	return entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: q})
}

// Which reads of which type, under which context and on which driver are cached.
func TestRouteDecides(t *testing.T) {
	db := sqlDriver(new(sql.DB))
	with := func(op string) func(context.Context, *queryBuilder) context.Context {
		return func(ctx context.Context, b *queryBuilder) context.Context {
			b.ctx = &ent.QueryContext{Op: op}
			return ent.NewQueryContext(ctx, b.ctx)
		}
	}
	under := func(f func(context.Context) context.Context) func(context.Context, *queryBuilder) context.Context {
		return func(ctx context.Context, _ *queryBuilder) context.Context { return f(ctx) }
	}
	on := func(d dialect.Driver) func(context.Context, *queryBuilder) context.Context {
		return func(ctx context.Context, b *queryBuilder) context.Context {
			b.drv = d
			return ctx
		}
	}
	counts := &schema.Policy{Ops: schema.Count | schema.All}
	for name, c := range map[string]struct {
		policy *schema.Policy
		set    func(context.Context, *queryBuilder) context.Context
		vary   func(context.Context) string
		want   Reason
	}{
		"default":           {policy: &schema.Policy{}},
		"no policy":         {set: under(Ask), want: NoPolicy},
		"skipped":           {policy: &schema.Policy{}, set: under(Skip), want: Skipped},
		"in a mutation":     {policy: &schema.Policy{}, set: under(Mutating), want: InMutation},
		"asked in one":      {policy: &schema.Policy{}, set: under(func(ctx context.Context) context.Context { return Ask(Mutating(ctx)) }), want: InMutation},
		"on demand":         {policy: &schema.Policy{OnDemand: true}, want: NotAsked},
		"asked":             {policy: &schema.Policy{OnDemand: true}, set: under(Ask)},
		"operation":         {policy: counts, set: with(ent.OpQueryCount)},
		"other operation":   {policy: counts, set: with(ent.OpQueryOnlyID), want: OpExcluded},
		"unknown operation": {policy: counts, set: with("Other")},
		"other, asked": {policy: counts, set: func(ctx context.Context, b *queryBuilder) context.Context {
			return Ask(with(ent.OpQueryOnly)(ctx, b))
		}},
		// An eager load has the context of its root.
		"root's operation": {policy: counts, set: func(ctx context.Context, b *queryBuilder) context.Context {
			return ent.NewQueryContext(ctx, &ent.QueryContext{Op: ent.OpQueryOnly})
		}},
		"transaction":       {policy: &schema.Policy{}, set: on(sqlDriver(new(sql.Tx))), want: InTransaction},
		"Ent's transaction": {policy: &schema.Policy{}, set: on(dialect.Debug(entTx{db})), want: InTransaction},
		"unknown driver":    {policy: &schema.Policy{}, set: on(hiding{db}), want: UnknownDriver},
		"wrapped driver":    {policy: &schema.Policy{}, set: on(wrapping{db})},
		"session variables": {policy: &schema.Policy{}, set: under(func(ctx context.Context) context.Context { return entsql.WithVar(ctx, "a", "b") }), want: SessionVars},
		"covered variables": {policy: &schema.Policy{}, set: under(func(ctx context.Context) context.Context { return entsql.WithVar(ctx, "a", "b") }), vary: func(context.Context) string { return "b" }},
		"not comparable":    {policy: &schema.Policy{}, set: on(odd{wrapping{db}, nil})},
	} {
		t.Run(name, func(t *testing.T) {
			cache := newCache(t, Options{VaryBy: c.vary, Logger: slog.New(slog.DiscardHandler)})
			b := &queryBuilder{typ: typeWith(c.policy), drv: db}
			ctx := t.Context()
			if c.set != nil {
				ctx = c.set(ctx, b)
			}
			own := b.drv
			got, routed := cache.Route(ctx, b)
			sc, _ := got.Value(scopeKey{}).(*scope)
			if c.want != Cacheable {
				require.Nil(t, sc)
				require.Equal(t, own, b.drv, "the builder's driver stays")
				require.EqualValues(t, 1, cache.Stats().Total().Bypasses[c.want])
				routed.Done()
				return
			}
			require.NotNil(t, sc)
			require.Same(t, sc.driver, b.drv)
			if c.vary != nil {
				require.Equal(t, "b", sc.vary)
			}
			routed.Done()
			require.Equal(t, own, b.drv, "the builder has its driver back")
		})
	}
}

// odd is a driver that can't be the key of a map.
type odd struct {
	wrapping
	_ []int
}

func TestRouteFindsTheTimeToLive(t *testing.T) {
	c := newCache(t, Options{})
	ttl := func(p schema.Policy, ctx context.Context) time.Duration {
		got, _ := c.Route(ctx, &queryBuilder{typ: typeWith(&p), drv: sqlDriver(new(sql.DB))})
		return got.Value(scopeKey{}).(*scope).ttl
	}
	require.Equal(t, schema.DefaultTTL, ttl(schema.Policy{}, t.Context()))
	require.Equal(t, time.Hour, ttl(schema.Policy{TTL: time.Hour}, t.Context()))
	require.Equal(t, time.Second, ttl(schema.Policy{TTL: time.Hour}, WithTTL(t.Context(), time.Second)))
	require.Equal(t, 24*time.Hour, ttl(schema.Policy{}, WithTTL(t.Context(), 24*time.Hour)))
	for range 100 {
		got := jitter(time.Hour)
		require.True(t, got > 54*time.Minute-1 && got <= time.Hour, got)
	}
	require.Equal(t, time.Duration(5), jitter(5))
}

// There is one driver of the cache for each driver, whatever the number of
// reads; an entity hands it on, and it isn't wrapped again.
func TestRouteReusesItsDrivers(t *testing.T) {
	c, other := newCache(t, Options{}), newCache(t, Options{})
	typ := typeWith(&schema.Policy{})
	db := sqlDriver(new(sql.DB))
	route := func(drv dialect.Driver) dialect.Driver {
		b := &queryBuilder{typ: typ, drv: drv}
		c.Route(t.Context(), b)
		return b.drv
	}
	first := route(db)
	require.Same(t, first, route(db))
	require.Same(t, first, route(first))
	require.Same(t, first.(*Driver).Driver, db)
	require.NotSame(t, first, route(sqlDriver(new(sql.DB))))

	// Of another cache it is left alone: that one's interceptor came first.
	b := &queryBuilder{typ: typ, drv: first}
	ctx, routed := other.Route(t.Context(), b)
	require.Same(t, first, b.drv)
	require.Nil(t, ctx.Value(scopeKey{}))
	routed.Done()
	require.Same(t, first, b.drv)

	for range 3 * maxDrivers {
		route(dialect.Debug(db))
	}
	require.LessOrEqual(t, c.drivers.n, maxDrivers)
	require.Equal(t, first.(*Driver).database, route(dialect.Debug(db)).(*Driver).database, "one database, one number")
}

func TestRouteWarnsOnce(t *testing.T) {
	var log bytes.Buffer
	c := newCache(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 3 {
		c.Route(t.Context(), struct{}{})
		c.Route(t.Context(), &queryBuilder{typ: typeWith(&schema.Policy{}), drv: hiding{sqlDriver(new(sql.DB))}})
	}
	require.Equal(t, 2, strings.Count(log.String(), "level=WARN"), log.String())
	require.Contains(t, log.String(), "entc.Extensions(extension.New())")
	require.Contains(t, log.String(), "Unwrap() dialect.Driver")
	require.EqualValues(t, 3, c.Stats().Total().Bypasses[NotGenerated])
}

func TestNewAndClose(t *testing.T) {
	_, err := New(Options{})
	require.ErrorContains(t, err, "entcache: ")
	_, err = New(Options{Near: newMapNear(), LedgerFacts: -1})
	require.ErrorContains(t, err, "entcache: ")
	near := newMapNear()
	c, err := New(Options{Near: near})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.True(t, near.closed)
	require.ErrorIs(t, c.Close(), ErrClosed)
	b := &queryBuilder{typ: typeWith(&schema.Policy{}), drv: sqlDriver(new(sql.DB))}
	ctx, _ := c.Route(t.Context(), b)
	require.Nil(t, ctx.Value(scopeKey{}))
	c.InvalidateAll(t.Context())
	h, err := c.Hold(t.Context(), &Facts{})
	require.NoError(t, err)
	c.Touch(t.Context(), h, &Facts{All: true}, Cause{})
	require.Zero(t, c.Stats().Entries)
}
