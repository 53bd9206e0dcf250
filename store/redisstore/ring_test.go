package redisstore_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
	"github.com/entcache/ent-cache/store/storetest"
)

// shards are the two servers of a ring.
type shards [2]*testdb.RedisServer

func startShards(t *testing.T) shards {
	return shards{testdb.StartRedis(t), testdb.StartRedis(t)}
}

// ring returns a client that gives up a shard soon.
func (s shards) ring(t *testing.T) *redis.Ring {
	o := connect(t, s[0].URL).Options()
	ring := redis.NewRing(&redis.RingOptions{
		Addrs: map[string]string{"one": s[0].Addr, "two": s[1].Addr}, Password: o.Password, ContextTimeoutEnabled: true,
		HeartbeatFrequency: 100 * time.Millisecond, MaxRetries: -1,
	})
	t.Cleanup(func() { _ = ring.Close() })
	return ring
}

// of returns a namespace that the first shard has while both are up.
func (s shards) of(t *testing.T, ring *redis.Ring) string {
	first := connect(t, s[0].URL)
	for n := range 1000 {
		k := "entcache:{" + strconv.Itoa(n) + "}:"
		require.NoError(t, ring.Set(t.Context(), k, 1, time.Minute).Err())
		if first.Exists(t.Context(), k).Val() == 1 {
			require.NoError(t, first.Del(t.Context(), k).Err())
			return strconv.Itoa(n)
		}
	}
	t.Fatal("no namespace of the first shard")
	return ""
}

func TestRemoteOnRingOfTwo(t *testing.T) {
	t.Parallel()
	s := startShards(t)
	dial := func(t *testing.T) redis.UniversalClient { return s.ring(t) }
	t.Run("each", func(t *testing.T) {
		storetest.RunRemote(t, func(t *testing.T) storetest.RemoteServer { return serve(t, dial(t), dial) })
	})
	for i := range s {
		require.Contains(t, connect(t, s[i].URL).Info(t.Context(), "commandstats").Val(), "cmdstat_evalsha:", "shard %d ran scripts", i)
	}
}

// awaitEpoch waits until operations succeed, in another epoch.
func awaitEpoch(p *process, other cache.Epoch) {
	p.Helper()
	require.Eventually(p, func() bool {
		at, err := p.Probe(p.Context())
		return err == nil && at.Epoch != other
	}, 2*patient, 20*time.Millisecond)
}

// TestRace_R18_RingShardRestarts: while a shard is down the other one has its
// namespaces, and the entries that it stored then are none when they go back.
func TestRace_R18_RingShardRestarts(t *testing.T) {
	t.Parallel()
	s := startShards(t)
	ring := s.ring(t)
	p := enter(t, ring, s.of(t, ring), redisstore.WithHeartbeat(200*time.Millisecond))
	first := p.settle()
	p.store(1, "0")
	f := subscribe(t, p)
	follows := func() {
		t.Helper()
		require.Eventually(t, func() bool {
			last := p.write(9)
			time.Sleep(20 * time.Millisecond)
			return get(f, func() bool { return f.applied == last })
		}, patient, time.Millisecond, "the subscription goes where the writes are")
	}
	follows()

	s[0].Kill()
	awaitEpoch(p, first.Epoch)
	second := p.settle()
	require.True(t, p.miss(2).Epoch == second.Epoch)
	p.write(1) // commits 1
	p.store(1, "1")
	follows()

	s[0].Start()
	awaitEpoch(p, second.Epoch)
	third := p.settle()
	require.NotEqual(t, first.Epoch, third.Epoch)
	p.miss(1)
	p.write(1) // commits 2
	p.store(1, "2")
	follows()

	// Once more: the other shard never ended and has the entry of 1, in an epoch
	// that the process saw replaced.
	s[0].Kill()
	awaitEpoch(p, third.Epoch)
	hit, _ := p.get(1)
	require.NotNil(t, hit)
	require.Equal(t, second.Epoch, hit.Epoch)
	at, err := p.Handshake(t.Context(), first.Epoch, second.Epoch, third.Epoch)
	require.NoError(t, err)
	require.NotContains(t, []cache.Epoch{first.Epoch, second.Epoch, third.Epoch}, at.Epoch)
	p.settle()
	p.miss(1)
}

// TestRingWithoutShards: with all of them down, and after the program closed the
// client, a subscription waits or ends as it does without a server.
func TestRingWithoutShards(t *testing.T) {
	t.Parallel()
	s := startShards(t)
	ring := s.ring(t)
	p := enter(t, ring, s.of(t, ring))
	p.settle()
	f := subscribe(t, p)
	s[0].Kill()
	s[1].Kill()
	f.await(t, func() bool { return len(f.detached) == 1 })
	require.Eventually(t, func() bool { return ring.Len() == 0 }, patient, 10*time.Millisecond)
	require.Error(t, third(p.Get(t.Context(), storetest.Key(1), 0)))
	time.Sleep(2 * time.Second) // it tries at least once a second
	s[0].Start()
	s[1].Start()
	f.await(t, func() bool { return f.attached == 2 })
	last := p.write(1)
	f.await(t, func() bool { return f.applied == last })

	require.NoError(t, ring.Close())
	f.await(t, func() bool { return len(f.detached) == 2 })
	time.Sleep(2 * time.Second)
	require.NoError(t, p.Close())
}
