package entcache

import (
	"fmt"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/hook"
)

// Driver returns a driver around drv that reads the statements which aren't those
// of a mutation, and makes caches forget what they write: raw SQL through
// client.ExecContext and client.QueryContext, in transactions too, whatever runs
// on the driver itself, and the mutations of clients without the interceptor.
// Pass it what [Interceptor] or [Handle.Interceptor] returned:
//
//	cached := entcache.Interceptor()
//	client := ent.NewClient(ent.Driver(entcache.Driver(drv, cached)))
//	client.Intercept(cached)
//
// With several caches of one database, pass all of them. Driver panics if it is
// given none, or an interceptor that isn't a cache's.
//
// A raw write counts as a mutation does: before the call returns, or with Commit.
// One that gives rows counts when they are closed. It is announced to processes
// that share a remote level, and fails where a mutation would. See Raw SQL in the
// package's documentation for what it touches and what isn't seen.
func Driver(drv dialect.Driver, caches ...ent.Interceptor) dialect.Driver {
	if len(caches) == 0 {
		panic("entcache: Driver without a cache: pass what entcache.Interceptor returned")
	}
	var list []*cache.Cache
	for _, i := range caches {
		s, ok := i.(hook.Source)
		if !ok {
			panic(fmt.Sprintf("entcache: Driver with %T, which isn't a cache: pass what entcache.Interceptor returned", i))
		}
		list = append(list, s.EntcacheCache())
	}
	return hook.NewDriver(drv, list...)
}
