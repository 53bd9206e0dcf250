package redisstore_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
	"github.com/entcache/ent-cache/store/storetest"
)

// patient outlasts the pauses of a busy machine.
const patient = 10 * time.Second

// connect returns a client of the server.
func connect(t testing.TB, url string, change ...func(*redis.Options)) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	require.NoError(t, err)
	o.ContextTimeoutEnabled = true
	for _, c := range change {
		c(o)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// store returns a store of the namespace, with time for a busy machine.
func store(t testing.TB, client redis.UniversalClient, namespace string, opts ...redisstore.Option) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(client, namespace, append([]redisstore.Option{redisstore.WithTimeouts(patient, patient)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// namespaceOf returns a namespace of the test's own, whose keys go with it.
func namespaceOf(t testing.TB, client redis.UniversalClient) string {
	t.Helper()
	namespace := rand.Text()
	t.Cleanup(func() {
		ctx := context.Background()
		keys := client.Scan(ctx, 0, "entcache:{"+namespace+"}:*", 1000).Iterator()
		for keys.Next(ctx) {
			client.Unlink(ctx, keys.Val())
		}
		if err := keys.Err(); err != nil {
			t.Errorf("dropping the test's keys: %v", err)
		}
	})
	return namespace
}

// open returns a namespace of the shared server.
func open(t *testing.T) storetest.RemoteServer {
	t.Helper()
	url := testdb.RedisURL(t)
	return serve(t, connect(t, url), func(t *testing.T) redis.UniversalClient { return connect(t, url) })
}

// serve returns a namespace of a server. The first client does what the server
// suffers; each process has one of its own.
func serve(t *testing.T, client redis.UniversalClient, dial func(*testing.T) redis.UniversalClient) storetest.RemoteServer {
	t.Helper()
	namespace := namespaceOf(t, client)
	drop := func(key string) {
		require.NoError(t, client.Unlink(t.Context(), "entcache:{"+namespace+"}:"+key).Err())
	}
	return storetest.RemoteServer{
		Open: func(t *testing.T, c storetest.RemoteConfig) cache.Remote {
			return store(t, dial(t), namespace, redisstore.WithDatabase(c.Database), redisstore.WithQuarantine(c.Quarantine))
		},
		Wait:       time.Sleep,
		EvictState: func() { drop("c") },
		EvictFact:  func(f cache.Fact) { drop("v:" + factBytes(f)) },
		EvictEntry: func(k cache.Key) { drop("q:" + string(k[:])) },
		EvictLease: func(k cache.Key) { drop("f:" + string(k[:])) },
	}
}

func factBytes(f cache.Fact) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(f)))
}

func TestRemote(t *testing.T) { storetest.RunRemote(t, open) }

// A client that ignores the context's deadline, as it does unless told.
func TestRemoteWithoutDeadlines(t *testing.T) {
	url := testdb.RedisURL(t)
	storetest.RunRemote(t, func(t *testing.T) storetest.RemoteServer {
		return serve(t, connect(t, url), func(t *testing.T) redis.UniversalClient {
			return connect(t, url, func(o *redis.Options) { o.ContextTimeoutEnabled = false })
		})
	})
}

func TestRemoteOnRing(t *testing.T) {
	o, err := redis.ParseURL(testdb.RedisURL(t))
	require.NoError(t, err)
	dial := func(t *testing.T) redis.UniversalClient {
		ring := redis.NewRing(&redis.RingOptions{
			Addrs: map[string]string{"one": o.Addr}, Username: o.Username, Password: o.Password, DB: o.DB, ContextTimeoutEnabled: true,
		})
		t.Cleanup(func() { _ = ring.Close() })
		return ring
	}
	storetest.RunRemote(t, func(t *testing.T) storetest.RemoteServer { return serve(t, connect(t, testdb.RedisURL(t)), dial) })
}

// A cluster refuses scripts whose keys aren't in one slot.
func TestRemoteOnCluster(t *testing.T) {
	s := testdb.StartRedis(t, "cluster-enabled yes")
	require.NoError(t, connect(t, s.URL).ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	o, err := redis.ParseURL(s.URL)
	require.NoError(t, err)
	dial := func(t *testing.T) redis.UniversalClient {
		cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{o.Addr}, Password: o.Password, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = cluster.Close() })
		return cluster
	}
	require.Eventually(t, func() bool { return dial(t).Set(t.Context(), "k", 1, 0).Err() == nil }, patient, 20*time.Millisecond)
	// Subtests that run in parallel end before the server does.
	t.Run("each", func(t *testing.T) {
		storetest.RunRemote(t, func(t *testing.T) storetest.RemoteServer { return serve(t, dial(t), dial) })
	})
}

func TestRace_R01_FillAfterInvalidation(t *testing.T)   { storetest.Race(t, open, "R01") }
func TestRace_R02_FillBeforeCommit(t *testing.T)        { storetest.Race(t, open, "R02") }
func TestRace_R03_ReadBetweenCommitAndEnd(t *testing.T) { storetest.Race(t, open, "R03") }
func TestRace_R04_CrashBeforeEnd(t *testing.T)          { storetest.Race(t, open, "R04") }
func TestRace_R05_LeaseRunsOutUnderARead(t *testing.T)  { storetest.Race(t, open, "R05") }
func TestRace_R08_RolledBack(t *testing.T)              { storetest.Race(t, open, "R08") }
func TestRace_R10_TwoWriters(t *testing.T)              { storetest.Race(t, open, "R10") }
func TestRace_R13_PositionsAreContiguous(t *testing.T)  { storetest.Race(t, open, "R13") }
func TestRace_R15_RepeatedAndLate(t *testing.T)         { storetest.Race(t, open, "R15") }
func TestRace_R17_PositionComesAgain(t *testing.T)      { storetest.Race(t, open, "R17") }
func TestRace_R17c_AnnouncementLost(t *testing.T)       { storetest.Race(t, open, "R17c") }
func TestRace_R19_EvictedState(t *testing.T)            { storetest.Race(t, open, "R19") }
func TestRace_R20_EvictedFact(t *testing.T)             { storetest.Race(t, open, "R20") }
func TestRace_R25_OtherDatabase(t *testing.T)           { storetest.Race(t, open, "R25") }
func TestRace_R38_Stampede(t *testing.T)                { storetest.Race(t, open, "R38") }
