package redisstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
	"github.com/entcache/ent-cache/store/storetest"
)

// BenchmarkOperations reports, besides the time of a call, that of the script on
// the server.
func BenchmarkOperations(b *testing.B) {
	server := testdb.StartRedis(b)
	client := connect(b, server.URL)
	s := store(b, client, "bench", redisstore.WithQuarantine(time.Minute))
	short := store(b, client, "bench", redisstore.WithQuarantine(time.Millisecond))
	_, err := short.Handshake(b.Context())
	require.NoError(b, err)
	time.Sleep(5 * time.Millisecond)
	ctx := context.Background()
	payload := make([]byte, 1000)
	for _, k := range []int{3, 16, 64} {
		facts := make([]cache.Fact, k)
		for i := range facts {
			facts[i] = cache.Fact(i+1) * 0x9e3779b97f4a7c15
		}
		key := storetest.Key(k)
		_, miss, err := s.Get(ctx, key, 0)
		require.NoError(b, err)
		fill := cache.RemoteFill{Miss: *miss, Facts: facts, Payload: payload, TTL: time.Hour}
		write := cache.RemoteWrite{ID: cache.WriteID{1}, Touches: facts, Lease: time.Second}
		for _, op := range []struct {
			name string
			call func() error
		}{
			{"Miss", func() error { return third(s.Get(ctx, storetest.Key(-1), 0)) }},
			{"Fill", func() error { return second(s.Fill(ctx, key, fill)) }},
			{"Hit", func() error { return third(s.Get(ctx, key, 0)) }},
			{"Begin", func() error { return second(s.Begin(ctx, write)) }},
			{"End", func() error { return second(s.End(ctx, cache.RemoteEnd{ID: write.ID, Touched: facts})) }},
			{"Probe", func() error { return second(s.Probe(ctx)) }},
		} {
			b.Run(fmt.Sprintf("%s/facts=%d", op.name, k), func(b *testing.B) {
				require.NoError(b, client.ConfigResetStat(ctx).Err())
				b.ReportAllocs()
				for b.Loop() {
					if err := op.call(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(scriptTime(b, client), "server-µs/op")
			})
		}
	}
}

// scriptTime is what the server took for a script, in microseconds.
func scriptTime(b *testing.B, client *redis.Client) float64 {
	b.Helper()
	var calls, took, each float64
	line := client.InfoMap(b.Context(), "commandstats").Val()["Commandstats"]["cmdstat_evalsha"]
	_, err := fmt.Sscanf(line, "calls=%g,usec=%g,usec_per_call=%g", &calls, &took, &each)
	require.NoError(b, err, line)
	return each
}
