package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
	"github.com/entcache/ent-cache/store/storetest"
)

func TestRemoteOnSentinel(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedisSentinel(t)
	dial := func(t *testing.T) redis.UniversalClient { return s.Dial(t) }
	t.Run("each", func(t *testing.T) {
		storetest.RunRemote(t, func(t *testing.T) storetest.RemoteServer { return serve(t, dial(t), dial) })
	})
	require.Contains(t, s.Server(0).Info(t.Context(), "commandstats").Val(), "cmdstat_evalsha:")
}

// TestRace_R18_SentinelLosesWrites: the primary dies with writes that no replica
// got, and a replica is promoted that has the entries those writes dropped, with
// what proves them valid.
func TestRace_R18_SentinelLosesWrites(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedisSentinel(t)
	p := enter(t, s.Dial(t), namespace)
	old := p.settle()
	for n := range 20 {
		p.store(n, "0")
	}
	miss := p.miss(100)
	f := subscribe(t, p)
	require.Equal(t, int64(2), s.Server(0).Wait(t.Context(), 2, 2*patient).Val())
	s.Servers[1].Pause()
	s.Servers[2].Pause()
	// What the primary sends from here on goes nowhere: a paused server would
	// read it from its connection later.
	require.NoError(t, s.Server(0).Do(t.Context(), "CLIENT", "KILL", "TYPE", "replica").Err())
	var last cache.RemotePosition
	for n := range 10 {
		last = p.write(n) // commits 1
	}
	require.Equal(t, cache.FillStored, p.fill(p.miss(0), 0, "1"))
	s.Servers[0].Kill()
	s.Servers[1].Resume()
	s.Servers[2].Resume()
	primary := s.AwaitPrimary(0)

	epoch, err := s.Server(primary).HGet(t.Context(), key("c"), "e").Result()
	require.NoError(t, err)
	if epoch == string(old.Epoch[:]) { // no subscriber or read has come yet
		n, err := s.Server(primary).Exists(t.Context(), key("q:"+keyText(1)), key("v:"+factBytes(1))).Result()
		require.NoError(t, err)
		require.Equal(t, int64(2), n, "the entry that the lost write dropped is back")
	}
	require.Eventually(t, func() bool { return third(p.Get(t.Context(), storetest.Key(100), 0)) == nil }, 2*patient, 20*time.Millisecond)
	for n := range 20 {
		again := p.miss(n)
		require.NotEqual(t, old.Epoch, again.Epoch)
	}
	require.Equal(t, cache.FillOtherEpoch, p.fill(miss, 100, "0"))
	at := p.settle()
	p.store(0, "1")
	f.await(t, func() bool { return len(f.detached) > 0 && f.applied.Epoch == at.Epoch })
	last = p.write(0)
	f.await(t, func() bool { return f.applied == last })

	// The old primary comes back as a replica, and is promoted again.
	s.Servers[0].Start()
	s.AwaitReplica(0)
	direct := enter(t, s.Server(0), namespace)
	require.ErrorIs(t, third(direct.Get(t.Context(), storetest.Key(0), 0)), cache.ErrNotPrimary)
	require.ErrorIs(t, second(direct.Handshake(t.Context())), cache.ErrNotPrimary)
	p.store(0, "2")
	p.hit(0, "2")
	require.Equal(t, last.Epoch, p.miss(100).Epoch, "a replica that comes back begins no epoch")
}

// TestRace_R18_SentinelIsolatedPrimary: a primary is cut off from sentinels and
// replicas, and another is promoted. Processes that still ask the old one are
// refused.
func TestRace_R18_SentinelIsolatedPrimary(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedisSentinel(t, "min-replicas-to-write 1", "min-replicas-max-lag 2")
	left := enter(t, s.Server(0), namespace) // a client that doesn't follow the sentinels
	require.Eventually(t, func() bool { return second(left.Handshake(t.Context())) == nil }, patient, 20*time.Millisecond)
	old := left.settle()
	left.store(1, "0")
	moved := enter(t, s.Dial(t), namespace, redisstore.WithHeartbeat(200*time.Millisecond))
	f := subscribe(t, moved)

	s.Isolate(0)
	s.AwaitPrimary(0)
	awaitEpoch(moved, old.Epoch)
	at := moved.settle()
	moved.write(1) // commits 1
	moved.store(1, "1")
	// It notices within min-replicas-max-lag that its replicas are gone.
	require.Eventually(t, func() bool {
		return refused(third(left.Get(t.Context(), storetest.Key(1), 0)))
	}, patient, 10*time.Millisecond)
	for name, err := range map[string]error{
		"Get":       third(left.Get(t.Context(), storetest.Key(1), 0)),
		"Fill":      second(left.Fill(t.Context(), storetest.Key(2), fillOf(cache.RemoteMiss{RemotePosition: old}, 2, "0"))),
		"Begin":     second(left.Begin(t.Context(), cache.RemoteWrite{Touches: []cache.Fact{1}, Lease: time.Millisecond})),
		"End":       second(left.End(t.Context(), cache.RemoteEnd{Touched: []cache.Fact{1}})),
		"Probe":     second(left.Probe(t.Context())),
		"Handshake": second(left.Handshake(t.Context())),
	} {
		require.True(t, refused(err), "%s: %v", name, err)
	}
	moved.hit(1, "1")
	// The subscription doesn't stay with a server that nobody writes to, though
	// that one answers.
	f.await(t, func() bool { return f.applied.Epoch == at.Epoch })
	last := moved.write(3)
	f.await(t, func() bool { return f.applied == last })
}

func refused(err error) bool { return err != nil && strings.Contains(err.Error(), "NOREPLICAS") }
