package entcache

import (
	"context"

	"entgo.io/ent"
	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/interceptor"
	"github.com/entcache/ent-cache/store/memstore"
)

// Handle is a cache of the reads of one logical database. Several clients of
// that database may share it; each other database needs a cache of its own. All
// methods are safe for concurrent use.
type Handle struct {
	cache *cache.Cache
}

// New returns a cache. Close it when the program is done with it.
func New(opts ...Option) (*Handle, error) {
	var cfg config
	for _, o := range opts {
		if err := o(&cfg); err != nil {
			return nil, err
		}
	}
	cfg.Near = memstore.New(cfg.maxBytes)
	c, err := cache.New(cfg.Options)
	if err != nil {
		cfg.Near.Close()
		return nil, err
	}
	return &Handle{cache: c}, nil
}

// Interceptor returns the interceptor of a new cache that lives as long as the
// program: client.Intercept(entcache.Interceptor()). Use [New] for the handle.
// It panics if an option is wrong.
func Interceptor(opts ...Option) ent.Interceptor {
	h, err := New(opts...)
	if err != nil {
		panic(err)
	}
	return h.Interceptor()
}

// Interceptor returns the cache's interceptor: client.Intercept(h.Interceptor()).
// The client's reads are served from the cache, and its writes invalidate it.
func (h *Handle) Interceptor() ent.Interceptor { return interceptor.New(h.cache) }

// Close drops every entry and ends the cache's goroutines. Its clients go on
// without a cache. Closing twice returns [ErrClosed].
func (h *Handle) Close() error { return h.cache.Close() }

// Stats returns the cache's counters since it was made.
func (h *Handle) Stats() Stats { return h.cache.Stats() }

// InvalidateAll makes every result read before now a miss.
func (h *Handle) InvalidateAll(ctx context.Context) { h.cache.InvalidateAll(ctx) }

// InvalidateType makes results that depend on the Ent type's table misses, and
// on those the database changes when rows of it are deleted. It is for writes
// that Ent didn't make: raw SQL, another program. An unknown name is an error.
func (h *Handle) InvalidateType(ctx context.Context, name string) error {
	return h.cache.InvalidateType(ctx, name)
}

// InvalidateIDs makes results that depend on the rows of an Ent type with these
// ids misses, whatever happened to those rows: created, updated or deleted.
// Rows that the database changed in turn need a call of their own.
func (h *Handle) InvalidateIDs(ctx context.Context, name string, ids ...any) error {
	return h.cache.InvalidateIDs(ctx, name, ids...)
}

// InvalidateEntity is InvalidateIDs for one entity that Ent returned.
func (h *Handle) InvalidateEntity(ctx context.Context, entity any) error {
	return h.cache.InvalidateEntity(ctx, entity)
}
