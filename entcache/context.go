package entcache

import (
	"context"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// Skip makes the reads under the returned context go to the database and leave
// the cache alone.
func Skip(ctx context.Context) context.Context { return cache.Skip(ctx) }

// Refresh makes the reads under the returned context go to the database and
// store what they get.
func Refresh(ctx context.Context) context.Context { return cache.Refresh(ctx) }

// Cache asks for the cache: the reads under the returned context are cached even
// where their Mixin caches on demand or leaves the operation out. A type without
// a Mixin stays uncached.
func Cache(ctx context.Context) context.Context { return cache.Ask(ctx) }

// Shared lets hits under the returned context hand out the entities that are
// stored, and not copies of them, which costs next to nothing. Neither they nor
// the list that a query returned may be written to: everybody gets the same.
// [CheckShared] finds those who do. Entities of it work like others, for edges
// and updates, on the client whose query was stored.
func Shared(ctx context.Context) context.Context { return cache.Share(ctx) }

// WithTTL makes entries that reads under the returned context store live for at
// most ttl instead of what their Mixin says. A ttl of zero or less is ignored.
func WithTTL(ctx context.Context, ttl time.Duration) context.Context {
	return cache.WithTTL(ctx, ttl)
}

// Explain calls f and returns what the cache made of each statement run under
// the context it passes, in the order they ended, beside f's error.
func Explain(ctx context.Context, f func(context.Context) error) ([]Explanation, error) {
	return cache.Explain(ctx, f)
}

// Consistent makes the reads under the returned context as consistent as c says,
// instead of what [WithConsistency] said. It means something where processes
// share a remote level.
func Consistent(ctx context.Context, c Consistency) context.Context {
	return cache.Consistent(ctx, c)
}

// Token stands for all that this process has written so far, and for what the
// tokens of ctx stand for. Pass it on to another process, in a cookie or a header,
// for [WithToken]. It is a string of letters, digits, "-" and "_", and tells
// nothing of what was written.
func Token(ctx context.Context) string { return cache.Token(ctx) }

// WithToken makes the reads under the returned context see at least what the
// process in which [Token] was called had written by then. Reads of a cache that
// can't know whether it has, because it shares no remote level with that process
// or because the token is none, go to the database.
func WithToken(ctx context.Context, token string) context.Context {
	return cache.WithToken(ctx, token)
}
