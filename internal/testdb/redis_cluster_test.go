package testdb_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

func TestStartRedisCluster(t *testing.T) {
	c := testdb.StartRedisCluster(t)
	client := c.Dial(t)
	for i := range 100 {
		require.NoError(t, client.Set(t.Context(), strconv.Itoa(i), i, 0).Err())
	}
	for i := range c.Nodes {
		require.NotZero(t, c.Node(i).DBSize(t.Context()).Val(), "each node has some of the keys")
	}
	slot := c.Slot("7")
	from := c.Owner(slot)
	to := (from + 1) % len(c.Nodes)
	require.Equal(t, []string{"7"}, c.KeysOf(slot, from))
	c.OpenSlot(slot, from, to)
	c.MoveKeys(from, to, "7", "not there")
	c.CloseSlot(slot, to)
	require.Equal(t, to, c.Owner(slot))
	require.Equal(t, []string{"7"}, c.KeysOf(slot, to))
	require.Equal(t, "7", client.Get(t.Context(), "7").Val())

	c.Nodes[to].Kill()
	require.Error(t, client.Get(t.Context(), "7").Err())
	c.Nodes[to].Start()
	c.Await()
	require.Zero(t, client.Exists(t.Context(), "7").Val())
}

func TestStartRedisSentinel(t *testing.T) {
	s := testdb.StartRedisSentinel(t)
	client := s.Dial(t)
	require.NoError(t, client.Set(t.Context(), "k", 1, 0).Err())
	require.NoError(t, client.Wait(t.Context(), 2, 0).Err())
	s.Servers[0].Kill()
	primary := s.AwaitPrimary(0)
	require.NotZero(t, primary)
	require.Eventually(t, func() bool { return client.Incr(t.Context(), "k").Err() == nil }, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, "2", s.Server(primary).Get(t.Context(), "k").Val())
	s.Servers[0].Start()
	s.AwaitReplica(0)
	require.Equal(t, "2", s.Server(0).Get(t.Context(), "k").Val())
}
