// Package interceptor is the read adapter: an Ent interceptor that lets the
// engine serve queries and their statements.
package interceptor

import (
	"entgo.io/ent"
	"github.com/entcache/ent-cache/cache"
)

// Interceptor is registered once on a client. The client's mutations find the
// cache through it.
type Interceptor struct {
	cache *cache.Cache
}

var _ ent.Interceptor = (*Interceptor)(nil)

// New returns the interceptor of a cache.
func New(c *cache.Cache) *Interceptor { return &Interceptor{cache: c} }

// EntcacheCache returns the interceptor's cache; see hook.Source.
func (i *Interceptor) EntcacheCache() *cache.Cache { return i.cache }

// Intercept implements ent.Interceptor.
func (i *Interceptor) Intercept(next ent.Querier) ent.Querier { return i.cache.Querier(next) }
