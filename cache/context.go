package cache

import (
	"context"
	"time"

	entsql "entgo.io/ent/dialect/sql"
)

// directives are what a caller asks of the reads under a context. They travel
// by value: a child context never changes what its parent says.
type directives struct {
	skip, refresh, cache, shared bool
	ttl                          time.Duration
	consistency                  Consistency
	tokens                       []session
}

// wishes are all that a context says to the cache, so that a read looks there once.
// They are immutable.
type wishes struct {
	directives
	mutating bool
	explain  *explainer
}

type wishesKey struct{}

var noWishes wishes

func wishesOf(ctx context.Context) *wishes {
	if w, ok := ctx.Value(wishesKey{}).(*wishes); ok {
		return w
	}
	return &noWishes
}

func withWishes(ctx context.Context, change func(*wishes)) context.Context {
	w := *wishesOf(ctx)
	change(&w)
	return context.WithValue(ctx, wishesKey{}, &w)
}

func directivesOf(ctx context.Context) directives { return wishesOf(ctx).directives }

func withDirectives(ctx context.Context, change func(*directives)) context.Context {
	return withWishes(ctx, func(w *wishes) { change(&w.directives) })
}

// Skip makes the reads under the returned context go to the database and leave
// the cache alone.
func Skip(ctx context.Context) context.Context {
	return withDirectives(ctx, func(d *directives) { d.skip = true })
}

// Refresh makes the reads under the returned context go to the database and
// store what they get.
func Refresh(ctx context.Context) context.Context {
	return withDirectives(ctx, func(d *directives) { d.skip, d.refresh = false, true })
}

// Ask caches the reads under the returned context even where their policy is
// on demand or leaves the operation out. A type without a policy stays uncached.
func Ask(ctx context.Context) context.Context {
	return withDirectives(ctx, func(d *directives) { d.skip, d.cache = false, true })
}

// Share lets hits under the returned context hand out what is stored itself, and
// not a copy. Nobody may write to it.
func Share(ctx context.Context) context.Context {
	return withDirectives(ctx, func(d *directives) { d.shared = true })
}

// WithTTL makes entries that reads under the returned context store live for at
// most ttl, instead of what their policy says. A ttl of zero or less is ignored.
func WithTTL(ctx context.Context, ttl time.Duration) context.Context {
	if ttl <= 0 {
		return ctx
	}
	return withDirectives(ctx, func(d *directives) { d.ttl = ttl })
}

// Mutating marks the context of a running mutation: what hooks read under it
// comes from the database.
func Mutating(ctx context.Context) context.Context {
	return withWishes(ctx, func(w *wishes) { w.mutating = true })
}

// sessionVarsKey is the key under which Ent keeps session variables in a
// context. Ent doesn't export it, but asks any context for it.
var sessionVarsKey = func() any {
	var spy keySpy
	_, _ = entsql.VarFromContext(&spy, "")
	return spy.key
}()

type keySpy struct {
	context.Context
	key any
}

func (s *keySpy) Value(key any) any {
	s.key = key
	return nil
}

// HasSessionVars reports whether statements under ctx run with session
// variables set by entgo.io/ent/dialect/sql.WithVar.
func HasSessionVars(ctx context.Context) bool {
	return sessionVarsKey != nil && ctx.Value(sessionVarsKey) != nil
}
