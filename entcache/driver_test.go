package entcache_test

import (
	"testing"

	"entgo.io/ent"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/entcache"
)

func TestDriverTakesCaches(t *testing.T) {
	drv := openStore()
	require.PanicsWithValue(t, "entcache: Driver without a cache: pass what entcache.Interceptor returned", func() { entcache.Driver(drv) })
	require.Panics(t, func() {
		entcache.Driver(drv, ent.InterceptFunc(func(q ent.Querier) ent.Querier { return q }))
	})
	require.Panics(t, func() { entcache.Driver(drv, nil) })
	h, err := entcache.New()
	require.NoError(t, err)
	defer h.Close()
	require.Equal(t, drv.Dialect(), entcache.Driver(drv, h.Interceptor(), entcache.Interceptor()).Dialect())
}
