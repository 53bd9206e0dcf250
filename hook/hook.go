// Package hook is the write adapter: it turns what Ent mutations do to the
// database into invalidations, in transactions when they commit. Generated code
// installs it on every client; applications don't call it.
package hook

import (
	"context"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/entcache/ent-cache/cache"
)

// Mutation is what generated code adds to a mutation.
type Mutation interface {
	ent.Mutation
	// EntcacheType returns the mutation's Ent type.
	EntcacheType() *cache.Type
	// EntcacheWrite and EntcacheSetWrite get and set the running write.
	EntcacheWrite() *Write
	EntcacheSetWrite(*Write)
}

// Client is what generated builders tell of the client that runs a mutation. It
// needn't be the one the mutation was made with: a mutation may be handed to the
// client of a transaction.
type Client struct {
	Driver dialect.Driver
	// Sources are the interceptors of every type of the client.
	Sources [][]ent.Interceptor
	// Pending is what the client's transaction has written so far, nil if it
	// belongs to none of Ent's own.
	Pending *Pending
}

// Source is an interceptor that has a cache.
type Source interface {
	EntcacheCache() *cache.Cache
}

// Invalidate is the hook. It is the outermost of a client's hooks, so that what
// the other hooks read under its context comes from the database, and so that
// their writes are done when it looks at what the mutation wrote. What that is,
// the generated builders report to the mutation's Write when they have it.
func Invalidate(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		em, ok := m.(Mutation)
		if !ok {
			return next.Mutate(ctx, m)
		}
		w := &Write{typ: em.EntcacheType()}
		// A soft-delete hook sends the same mutation round again as an update,
		// so there may be a write already.
		outer := em.EntcacheWrite()
		em.EntcacheSetWrite(w)
		// Deferred: a panic in a hook must not lose the invalidation.
		defer func() {
			em.EntcacheSetWrite(outer)
			w.finish(ctx)
		}()
		return next.Mutate(withWrite(cache.Mutating(ctx), w), m)
	})
}

// caches returns the caches attached to the client.
func (c *Client) caches() []*cache.Cache {
	var found []*cache.Cache
	for _, list := range c.Sources {
	next:
		for _, i := range list {
			s, ok := i.(Source)
			if !ok {
				continue
			}
			c := s.EntcacheCache()
			for _, f := range found {
				if f == c {
					continue next
				}
			}
			found = append(found, c)
		}
	}
	return found
}

type writeKey struct{}

func withWrite(ctx context.Context, w *Write) context.Context {
	return context.WithValue(ctx, writeKey{}, w)
}

// running returns the write a builder reports to: the one of its mutation. A
// hook may have put another mutation in the place of the one we saw; then it is
// the write of the context, and if the hook replaced that too there is none and
// the builder's driver must see the write to its end by itself.
func running(ctx context.Context, m Mutation) (w *Write, alone bool) {
	if w := m.EntcacheWrite(); w != nil {
		return w, false
	}
	if ctx != nil {
		if w, _ := ctx.Value(writeKey{}).(*Write); w != nil && w.typ == m.EntcacheType() && !w.finished {
			return w, false
		}
	}
	return &Write{typ: m.EntcacheType()}, true
}
