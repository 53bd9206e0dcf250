package redisstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
)

// TestSubscriptionKnowsMoreThanItsProcess: a process that asks nothing, or rarely,
// while others begin epochs hears of them by its subscription, which is no reason
// to give that up.
func TestSubscriptionKnowsMoreThanItsProcess(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p, other := join(t, s, redisstore.WithHeartbeat(100*time.Millisecond)), join(t, s)
	at := p.settle()
	f := subscribe(t, p)
	for range 3 {
		next, err := other.Handshake(t.Context(), at.Epoch)
		require.NoError(t, err)
		require.NotEqual(t, at.Epoch, next.Epoch)
		at = next
		f.await(t, func() bool { return f.applied == next })
		time.Sleep(400 * time.Millisecond)
	}
	// A busy machine may let the server seem silent.
	for _, err := range get(f, func() []error { return f.detached }) {
		require.NotContains(t, err.Error(), "elsewhere")
	}
	at, err := p.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, at, get(f, func() cache.RemotePosition { return f.applied }))
}
