package redisstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// process is one process's store on a server of the test's own.
type process struct {
	*testing.T
	*redisstore.Store
	client *redis.Client
}

const (
	namespace  = "faults"
	quarantine = 60 * time.Millisecond
)

// join connects a process to the server.
func join(t *testing.T, s *testdb.RedisServer, opts ...redisstore.Option) *process {
	t.Helper()
	client := connect(t, s.URL)
	return &process{T: t, client: client, Store: store(t, client, namespace, append([]redisstore.Option{redisstore.WithQuarantine(quarantine)}, opts...)...)}
}

// settle begins an epoch, if there is none, and waits until it stores.
func (p *process) settle() cache.RemotePosition {
	p.Helper()
	at, err := p.Handshake(p.Context())
	require.NoError(p, err)
	time.Sleep(quarantine + 20*time.Millisecond)
	return at
}

func (p *process) get(n int) (*cache.RemoteHit, *cache.RemoteMiss) {
	p.Helper()
	hit, miss, err := p.Get(p.Context(), storetest.Key(n), 0)
	require.NoError(p, err)
	return hit, miss
}

func (p *process) hit(n int, payload string) {
	p.Helper()
	hit, _ := p.get(n)
	require.NotNil(p, hit, "a miss")
	require.Equal(p, payload, string(hit.Payload))
}

func (p *process) miss(n int) cache.RemoteMiss {
	p.Helper()
	hit, miss := p.get(n)
	require.Nil(p, hit, "a hit")
	return *miss
}

func (p *process) peek(n int) *cache.RemotePeek {
	p.Helper()
	peek, err := p.Peek(p.Context(), storetest.Key(n))
	require.NoError(p, err)
	return peek
}

func (p *process) fill(miss cache.RemoteMiss, n int, payload string) cache.FillOutcome {
	p.Helper()
	filled, err := p.Fill(p.Context(), storetest.Key(n), fillOf(miss, n, payload))
	require.NoError(p, err)
	return filled.Outcome
}

func fillOf(miss cache.RemoteMiss, n int, payload string) cache.RemoteFill {
	return cache.RemoteFill{Miss: miss, Facts: []cache.Fact{cache.Fact(n)}, Payload: []byte(payload), TTL: time.Hour}
}

func (p *process) store(n int, payload string) {
	p.Helper()
	require.Equal(p, cache.FillStored, p.fill(p.miss(n), n, payload))
	p.hit(n, payload)
}

// write commits a write to the fact.
func (p *process) write(n int) cache.RemotePosition {
	p.Helper()
	w := cache.WriteID{byte(n)}
	_, err := p.Begin(p.Context(), cache.RemoteWrite{ID: w, Touches: []cache.Fact{cache.Fact(n)}, Lease: quarantine / 2})
	require.NoError(p, err)
	at, err := p.End(p.Context(), cache.RemoteEnd{ID: w, Touched: []cache.Fact{cache.Fact(n)}})
	require.NoError(p, err)
	return at
}

func TestRace_R17_RestartEmpty(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	old := p.settle()
	p.store(1, "0")
	miss := p.miss(2)
	s.Kill()
	_, _, err := p.Get(t.Context(), storetest.Key(1), 0)
	require.Error(t, err)
	s.Start()
	require.Equal(t, cache.FillOtherEpoch, p.fill(miss, 2, "0"))
	again := p.miss(1)
	require.True(t, again.Void)
	require.NotEqual(t, old.Epoch, again.Epoch)
	require.Equal(t, old.Position, again.Position, "the same number")
	require.Equal(t, cache.FillOtherEpoch, p.fill(miss, 2, "0"))
}

// TestRace_R17b_RestartWithRollback: the server comes back with the entry and
// with what proved it valid, and without the write that dropped it.
func TestRace_R17b_RestartWithRollback(t *testing.T) {
	for _, tc := range []struct {
		name string
		// first is what is asked first; it isn't served from the old state.
		first func(p *process, old cache.RemotePosition, miss cache.RemoteMiss)
	}{
		{"a read", func(p *process, old cache.RemotePosition, _ cache.RemoteMiss) {
			miss := p.miss(1)
			require.True(p, miss.Void)
			require.NotEqual(p, old.Epoch, miss.Epoch)
		}},
		{"another process's read", func(p *process, _ cache.RemotePosition, _ cache.RemoteMiss) {
			client := redis.NewClient(&redis.Options{Addr: p.client.Options().Addr, Password: p.client.Options().Password})
			defer client.Close()
			other := store(p, client, namespace, redisstore.WithQuarantine(quarantine))
			hit, miss, err := other.Get(p.Context(), storetest.Key(1), 0)
			require.NoError(p, err)
			require.Nil(p, hit)
			require.True(p, miss.Void)
		}},
		{"a fill", func(p *process, _ cache.RemotePosition, miss cache.RemoteMiss) {
			require.Equal(p, cache.FillOtherEpoch, p.fill(miss, 2, "0"))
		}},
		{"a probe", func(p *process, old cache.RemotePosition, _ cache.RemoteMiss) {
			at, err := p.Probe(p.Context())
			require.NoError(p, err)
			require.NotEqual(p, old.Epoch, at.Epoch)
		}},
		{"a write", func(p *process, old cache.RemotePosition, _ cache.RemoteMiss) {
			require.NotEqual(p, old.Epoch, p.write(3).Epoch)
		}},
		{"the end of a write", func(p *process, old cache.RemotePosition, _ cache.RemoteMiss) {
			at, err := p.End(p.Context(), cache.RemoteEnd{ID: cache.WriteID{9}, Touched: []cache.Fact{3}})
			require.NoError(p, err)
			require.NotEqual(p, old.Epoch, at.Epoch)
		}},
		{"a handshake", func(p *process, old cache.RemotePosition, _ cache.RemoteMiss) {
			at, err := p.Handshake(p.Context())
			require.NoError(p, err)
			require.NotEqual(p, old.Epoch, at.Epoch)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := testdb.StartRedis(t)
			p := join(t, s)
			old := p.settle()
			p.store(1, "0")
			miss := p.miss(2)
			require.NoError(t, p.client.Save(t.Context()).Err())
			p.write(1) // commits 1
			require.Equal(t, cache.FillStored, p.fill(p.miss(1), 1, "1"))
			s.Kill()
			s.Start()

			n, err := p.client.Exists(t.Context(), key("q:"+keyText(1)), key("v:"+factBytes(1)), key("c")).Result()
			require.NoError(t, err)
			require.Equal(t, int64(3), n, "the old state is back")
			epoch, err := p.client.HGet(t.Context(), key("c"), "e").Result()
			require.NoError(t, err)
			require.Equal(t, string(old.Epoch[:]), epoch)

			tc.first(p, old, miss)
			p.settle()
			require.False(t, p.miss(1).Void)
			p.store(1, "1")
		})
	}
}

func key(name string) string { return "entcache:{" + namespace + "}:" + name }

func keyText(n int) string {
	k := storetest.Key(n)
	return string(k[:])
}

// TestRace_R17b_PrimaryCopiesOlderState: a replica that lagged is promoted, the
// primary copies its state, and is promoted again. It never restarted, and has
// the state it wrote itself, but for the last writes.
func TestRace_R17b_PrimaryCopiesOlderState(t *testing.T) {
	t.Parallel()
	a, b := testdb.StartRedis(t), testdb.StartRedis(t)
	atB := join(t, b)
	replicate(t, atB.client, a)
	p := join(t, a)
	old := p.settle()
	p.store(1, "0")
	require.Equal(t, int64(1), p.client.Wait(t.Context(), 1, patient).Val())
	require.NoError(t, atB.client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
	p.write(1) // commits 1; B doesn't hear of it
	p.miss(1)

	replicate(t, p.client, b)
	_, _, err := p.Get(t.Context(), storetest.Key(1), 0)
	require.ErrorIs(t, err, cache.ErrNotPrimary)
	_, err = p.Probe(t.Context())
	require.ErrorIs(t, err, cache.ErrNotPrimary)
	require.NoError(t, p.client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err())
	epoch, err := p.client.HGet(t.Context(), key("c"), "e").Result()
	require.NoError(t, err)
	require.Equal(t, string(old.Epoch[:]), epoch, "the old state is back")

	miss := p.miss(1)
	require.True(t, miss.Void)
	require.NotEqual(t, old.Epoch, miss.Epoch)
	// The promoted replica has it too, under another run id.
	miss = atB.miss(1)
	require.True(t, miss.Void)
	require.NotEqual(t, old.Epoch, miss.Epoch)
}

// replicate makes the client's server a replica and waits until it has a copy.
func replicate(t *testing.T, client *redis.Client, of *testdb.RedisServer) {
	t.Helper()
	host, port, _ := strings.Cut(of.Addr, ":")
	require.NoError(t, client.Do(t.Context(), "REPLICAOF", host, port).Err())
	require.Eventually(t, func() bool {
		return strings.Contains(client.Info(t.Context(), "replication").Val(), "master_link_status:up")
	}, 2*patient, 20*time.Millisecond)
}

func TestRace_R18_Replica(t *testing.T) {
	t.Parallel()
	for _, readOnly := range []string{"yes", "no"} {
		a, b := testdb.StartRedis(t), testdb.StartRedis(t, "replica-read-only "+readOnly)
		p := join(t, b)
		replicate(t, p.client, a)
		primary := join(t, a)
		primary.settle()
		primary.store(1, "0")
		require.Equal(t, int64(1), primary.client.Wait(t.Context(), 1, patient).Val())
		// It has the entry and what proves it valid, in one replication history.
		require.NoError(t, p.client.Get(t.Context(), key("q:"+keyText(1))).Err())
		for name, err := range map[string]error{
			"Handshake": second(p.Handshake(t.Context())),
			"Probe":     second(p.Probe(t.Context())),
			"Get":       third(p.Get(t.Context(), storetest.Key(1), 0)),
			"End":       second(p.End(t.Context(), cache.RemoteEnd{Touched: []cache.Fact{1}})),
		} {
			require.ErrorIs(t, err, cache.ErrNotPrimary, "%s with replica-read-only %s", name, readOnly)
		}
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

// TestRace_R18_IsolatedPrimary: a primary that lost its replicas, which may have
// been replaced, refuses to prove anything.
func TestRace_R18_IsolatedPrimary(t *testing.T) {
	t.Parallel()
	a := testdb.StartRedis(t, "min-replicas-to-write 1", "min-replicas-max-lag 1", "repl-ping-replica-period 1")
	b := testdb.StartRedis(t)
	replicate(t, connect(t, b.URL), a)
	p := join(t, a)
	require.Eventually(t, func() bool { return second(p.Handshake(t.Context())) == nil }, patient, 20*time.Millisecond)
	p.settle()
	p.store(1, "0")
	b.Pause()
	require.Eventually(t, func() bool {
		_, err := p.Probe(t.Context())
		return err != nil && strings.Contains(err.Error(), "NOREPLICAS")
	}, patient, 20*time.Millisecond)
	require.NoError(t, p.client.Get(t.Context(), key("q:"+keyText(1))).Err(), "it answers what isn't a write")
	require.ErrorContains(t, third(p.Get(t.Context(), storetest.Key(1), 0)), "NOREPLICAS")
	_, err := p.Begin(t.Context(), cache.RemoteWrite{Touches: []cache.Fact{1}, Lease: time.Millisecond})
	require.ErrorContains(t, err, "NOREPLICAS")
	b.Resume()
	require.Eventually(t, func() bool { return second(p.Probe(t.Context())) == nil }, patient, 20*time.Millisecond)
	p.hit(1, "0")
}

func TestRace_R19_FlushAll(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	old := p.settle()
	p.store(1, "0")
	miss := p.miss(2)
	require.NoError(t, p.client.FlushAll(t.Context()).Err())
	require.Equal(t, cache.FillOtherEpoch, p.fill(miss, 2, "0"))
	require.NotEqual(t, old.Epoch, p.miss(1).Epoch)
	require.True(t, p.miss(1).Void)
}

// TestRace_R19_EvictionUnderLoad: a server without room evicts anything at any
// time, and hits are right nevertheless.
func TestRace_R19_EvictionUnderLoad(t *testing.T) {
	for _, policy := range []string{"allkeys-random", "allkeys-lru", "volatile-random", "volatile-ttl"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := testdb.StartRedis(t, "maxmemory 2500kb", "maxmemory-policy "+policy)
			p := join(t, s, redisstore.WithQuarantine(10*time.Millisecond))
			p.settle()
			const rows, rounds = 60, 3000
			var database [rows]int
			random := rand.New(rand.NewPCG(1, 1))
			padding := strings.Repeat("x", 40_000)
			hits, epochs := 0, make(map[cache.Epoch]bool)
			for range rounds {
				row := random.IntN(rows)
				if random.IntN(10) == 0 {
					w := cache.RemoteWrite{ID: cache.WriteID{byte(row)}, Touches: []cache.Fact{cache.Fact(row)}, Lease: 5 * time.Millisecond}
					_, err := p.Begin(t.Context(), w)
					require.NoError(t, err)
					database[row]++
					_, err = p.End(t.Context(), cache.RemoteEnd{ID: w.ID, Touched: w.Touches})
					require.NoError(t, err)
					continue
				}
				value := fmt.Sprintf("%d=%d %s", row, database[row], padding[:random.IntN(len(padding))])
				want, _, _ := strings.Cut(value, " ")
				hit, miss := p.get(row)
				if hit == nil {
					epochs[miss.Epoch] = true
					_, err := p.Fill(t.Context(), storetest.Key(row), fillOf(*miss, row, value))
					if err != nil {
						require.ErrorContains(t, err, "OOM")
					}
					continue
				}
				got, _, _ := strings.Cut(string(hit.Payload), " ")
				require.Equal(t, want, got)
				hits++
			}
			info := p.client.InfoMap(t.Context(), "stats").Val()
			require.NotEqual(t, "0", info["Stats"]["evicted_keys"])
			require.Greater(t, hits, rounds/20)
			t.Logf("%d hits, %d epochs, %s keys evicted", hits, len(epochs), info["Stats"]["evicted_keys"])
		})
	}
}

// TestOutOfMemory: entries can't be stored and writes can be announced.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	p.store(1, "0")
	p.store(2, "0")
	miss := p.miss(3)
	require.NoError(t, p.client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	_, err := p.Fill(t.Context(), storetest.Key(3), fillOf(miss, 3, "0"))
	require.ErrorContains(t, err, "OOM")
	p.hit(1, "0")
	p.write(1)
	p.miss(1)
	p.hit(2, "0")
	_, err = p.Probe(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.client.ConfigSet(t.Context(), "maxmemory", "0").Err())
	p.store(1, "1")
}

func TestScriptFlush(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	for n, call := range []func(){
		func() { p.miss(1) },
		func() { p.store(1, "0") },
		func() { p.write(1) },
		func() { require.NoError(t, second(p.Probe(t.Context()))) },
		func() { require.NoError(t, second(p.Handshake(t.Context()))) },
	} {
		require.NoError(t, p.client.ScriptFlush(t.Context()).Err(), n)
		call()
	}
}

// TestServerStandsStill: calls end in time, whatever the client was told of
// deadlines.
func TestServerStandsStill(t *testing.T) {
	for name, deadlines := range map[string]bool{"deadlines kept": true, "deadlines ignored": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testdb.StartRedis(t)
			client := connect(t, s.URL, func(o *redis.Options) { o.ContextTimeoutEnabled = deadlines })
			p := &process{T: t, client: client, Store: store(t, client, namespace, redisstore.WithQuarantine(quarantine),
				redisstore.WithTimeouts(100*time.Millisecond, 400*time.Millisecond))}
			p.settle()
			p.store(1, "0")
			s.Pause()
			defer s.Resume()
			for _, tc := range []struct {
				name  string
				bound time.Duration
				call  func(context.Context) error
			}{
				{"Get", 100 * time.Millisecond, func(ctx context.Context) error { return third(p.Get(ctx, storetest.Key(1), 0)) }},
				{"Probe", 400 * time.Millisecond, func(ctx context.Context) error { return second(p.Probe(ctx)) }},
				{"Handshake", 400 * time.Millisecond, func(ctx context.Context) error { return second(p.Handshake(ctx)) }},
				{"Get with less", 50 * time.Millisecond, func(ctx context.Context) error {
					ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
					defer cancel()
					return third(p.Get(ctx, storetest.Key(1), 0))
				}},
			} {
				start := time.Now()
				err := tc.call(t.Context())
				took := time.Since(start)
				require.Error(t, err, tc.name)
				require.GreaterOrEqual(t, took, tc.bound/2, tc.name)
				require.Less(t, took, tc.bound+time.Second, tc.name)
			}
			s.Resume()
			require.Eventually(t, func() bool { return third(p.Get(t.Context(), storetest.Key(1), 0)) == nil }, patient, 10*time.Millisecond)
			p.hit(1, "0")
		})
	}
}
