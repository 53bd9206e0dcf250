package redisstore_test

import (
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/simredis"
	"github.com/entcache/ent-cache/store/storetest"
)

// longEnv asks for more of what is random: a number of operations.
const longEnv = "ENTCACHE_TEST_LONG"

// TestSimulationIsRedis compares the scripts on a server with package simredis,
// on which simulations rest.
func TestSimulationIsRedis(t *testing.T) {
	operations, seed := 100_000, uint64(1)
	switch {
	case testing.Short():
		operations = 5000
	case raceDetector:
		operations = 30_000
	}
	if v := os.Getenv(longEnv); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err)
		operations, seed = max(n, operations), uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d, %d operations", seed, operations)
	var now atomic.Int64
	sim := simredis.New(simredis.Options{Now: func() time.Time { return time.Unix(1_800_000_000, now.Load()) }, Seed: seed})
	storetest.CompareRemotes(t, seed, operations, open(t), storetest.RemoteServer{
		Open: func(_ *testing.T, c storetest.RemoteConfig) cache.Remote {
			return sim.Client(simredis.Config{Database: c.Database, Quarantine: c.Quarantine})
		},
		Wait:       func(d time.Duration) { now.Add(int64(d)); sim.Deliver() },
		EvictState: sim.EvictState, EvictFact: sim.EvictCell, EvictEntry: sim.EvictEntry, EvictLease: sim.EvictLease,
	})
}
