package redisstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
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

// TestKeys: every key is in the namespace's slot, and all but one expire.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	p.store(1, "0")
	_, _, err := p.Get(t.Context(), storetest.Key(2), time.Minute)
	require.NoError(t, err)
	_, err = p.Begin(t.Context(), cache.RemoteWrite{ID: cache.WriteID{1}, Touches: []cache.Fact{7}, Covers: []cache.Fact{8}, Lease: time.Millisecond})
	require.NoError(t, err)
	p.write(9)
	keys, err := p.client.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{key("c"), key("q:" + keyText(1)), key("v:" + factBytes(1)), key("f:" + keyText(2))}, keys)
	for _, k := range keys {
		require.True(t, strings.HasPrefix(k, "entcache:{"+namespace+"}:"))
		ttl := p.client.PTTL(t.Context(), k).Val()
		require.Equal(t, k == key("c"), ttl < 0, "%q expires in %v", k, ttl)
	}
}

// TestProbeWrites: also where nothing but a write is refused.
func TestProbeWrites(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	for want := range 3 {
		probes, err := p.client.HGet(t.Context(), key("c"), "hb").Int()
		require.True(t, err == nil || want == 0 && err == redis.Nil)
		require.Equal(t, want, probes)
		require.NoError(t, second(p.Probe(t.Context())))
	}
}

// TestHashIsBounded: whatever is written, what is kept of it stays within what
// the documentation says.
func TestHashIsBounded(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		facts := make([]cache.Fact, cache.MaxRemoteFacts)
		for j := range facts {
			facts[j] = cache.Fact(random.Uint64())
		}
		// Writers that die, too.
		w := cache.RemoteWrite{ID: cache.WriteID{byte(i), byte(i >> 8), 1}, Touches: facts, Lease: time.Millisecond}
		_, err := p.Begin(t.Context(), w)
		require.NoError(t, err)
		if i%2 == 0 || i > 290 {
			_, err = p.End(t.Context(), cache.RemoteEnd{ID: w.ID, Touched: facts})
			require.NoError(t, err)
		}
	}
	size, err := p.client.MemoryUsage(t.Context(), key("c"), 0).Result()
	require.NoError(t, err)
	t.Logf("%d bytes, %d fields", size, p.client.HLen(t.Context(), key("c")).Val())
	require.Less(t, size, int64(1<<20))
}

// TestRace_R20_CellsOutliveEntries: what proves an entry valid is there for
// longer than the entry, whichever was stored last.
func TestRace_R20_CellsOutliveEntries(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	cell := func() time.Duration { return p.client.PTTL(t.Context(), key("v:"+factBytes(1))).Val() }
	for _, tc := range []struct{ ttl, least, most time.Duration }{
		{time.Hour, 2*time.Hour + 50*time.Second, 2*time.Hour + time.Minute},
		{time.Minute, 2*time.Hour + 40*time.Second, 2*time.Hour + time.Minute},
		{5 * time.Hour, 10*time.Hour + 50*time.Second, 10*time.Hour + time.Minute},
	} {
		f := fillOf(p.miss(1), 1, "0")
		if p.client.Unlink(t.Context(), key("q:"+keyText(1))).Err() == nil {
			f.Miss = p.miss(1)
		}
		f.TTL = tc.ttl
		filled, err := p.Fill(t.Context(), storetest.Key(1), f)
		require.NoError(t, err)
		require.Equal(t, cache.FillStored, filled.Outcome)
		require.GreaterOrEqual(t, cell(), tc.least)
		require.LessOrEqual(t, cell(), tc.most)
		p.client.Unlink(t.Context(), key("q:"+keyText(1)))
	}
}

// TestRace_R22_ForeignBytes: an entry that no fill has written is a miss, costs
// nothing and goes.
func TestRace_R22_ForeignBytes(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	at := p.settle()
	p.store(1, "payload")
	entryKey := key("q:" + keyText(1))
	good, err := p.client.Get(t.Context(), entryKey).Bytes()
	require.NoError(t, err)
	put := func(b []byte) {
		require.NoError(t, p.client.Set(t.Context(), entryKey, b, time.Hour).Err())
	}
	refused := func(name string, b []byte) {
		t.Helper()
		put(b)
		miss := p.miss(1)
		require.Equal(t, at, miss.RemotePosition, name)
		require.Zero(t, p.client.Exists(t.Context(), entryKey).Val(), name)
	}
	head := len(good) - len("payload")
	whole := p.peek(1)
	require.Equal(t, at, whole.RemotePosition)
	for n := range head {
		put(good[:n])
		require.Nil(t, p.peek(1))
		refused("cut", good[:n])
		for _, x := range []byte{1, 0x80, 0xff} {
			b := bytes.Clone(good)
			b[n] ^= x
			put(b)
			if peek := p.peek(1); peek != nil && peek.Epoch == at.Epoch {
				require.Equal(t, at, peek.RemotePosition, "byte %d", n)
				require.Equal(t, "payload", string(peek.Payload), "byte %d", n)
			}
			refused("changed", b)
		}
	}
	// The form before this one had no position.
	before := slices.Concat([]byte("EQ\x01\x00"), good[4:22], good[38:])
	put(before)
	require.Nil(t, p.peek(1))
	refused("the form before this one", before)
	for _, k := range []uint16{0, 257, 8000, 65535} {
		b := append(bytes.Clone(good), make([]byte, 24*65536)...)
		binary.BigEndian.PutUint16(b[4:], k)
		refused("many facts", b)
	}
	refused("text", []byte("<html>"))
	put(good)
	require.NoError(t, p.client.Persist(t.Context(), entryKey).Err())
	require.Nil(t, p.peek(1))
	p.miss(1)
	put(good)
	p.hit(1, "payload")
	// The payload is for who reads it to check.
	put(good[:head])
	p.hit(1, "")
}

// TestKeysOfAnotherKind: an error, as of a server that can't be reached.
func TestKeysOfAnotherKind(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	require.NoError(t, p.client.RPush(t.Context(), key("q:"+keyText(1)), "x").Err())
	require.ErrorContains(t, third(p.Get(t.Context(), storetest.Key(1), 0)), "WRONGTYPE")
	require.ErrorContains(t, second(p.Peek(t.Context(), storetest.Key(1))), "entcache: redis: peek: WRONGTYPE")
	require.NoError(t, p.client.Set(t.Context(), key("c"), "x", 0).Err())
	require.ErrorContains(t, second(p.Probe(t.Context())), "WRONGTYPE")
}

// TestEntryForm: what a fill writes, byte by byte. Another form needs another
// number, which makes older entries a miss.
func TestEntryForm(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	at := p.write(9)
	p.store(1, "payload")
	got, err := p.client.Get(t.Context(), key("q:"+keyText(1))).Result()
	require.NoError(t, err)
	cell, err := p.client.Get(t.Context(), key("v:"+factBytes(1))).Result()
	require.NoError(t, err)
	n := string(binary.BigEndian.AppendUint64(nil, at.Position))
	require.Equal(t, "EQ\x02\x00\x00\x01"+string(at.Epoch[:])+n+n+factBytes(1)+cell+"payload", got)
}

// replacing lets another entry come between the commands of a pipeline.
type replacing struct {
	redis.Hook
	between func()
}

func (replacing) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (replacing) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (r replacing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for i := range cmds {
			if err := next(ctx, cmds[i:i+1]); err != nil {
				return err
			}
			if i == 0 {
				r.between()
			}
		}
		return nil
	}
}

// TestPeekReplaced: where another entry takes the place of one that is being read,
// it is given no more time than the one before it had.
func TestPeekReplaced(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	f := fillOf(p.miss(1), 1, "old")
	f.TTL = time.Minute
	_, err := p.Fill(t.Context(), storetest.Key(1), f)
	require.NoError(t, err)
	other := join(t, s)
	at := p.write(1)
	p.client.AddHook(replacing{between: func() {
		g := fillOf(other.miss(1), 1, "new")
		g.TTL = time.Hour
		_, err := other.Fill(t.Context(), storetest.Key(1), g)
		require.NoError(t, err)
	}})
	peek := p.peek(1)
	require.Equal(t, "new", string(peek.Payload))
	require.Equal(t, at, peek.RemotePosition)
	require.LessOrEqual(t, peek.TTL, time.Minute)
}

// repeater sends every command twice, as a client does if an answer is lost.
type repeater struct{ redis.Hook }

func (repeater) DialHook(next redis.DialHook) redis.DialHook { return next }
func (repeater) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (repeater) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		_ = next(ctx, cmd)
		return next(ctx, cmd)
	}
}

func TestRepeatedCalls(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.client.AddHook(repeater{})
	p.settle()
	_, miss, err := p.Get(t.Context(), storetest.Key(1), time.Minute)
	require.NoError(t, err)
	require.NotZero(t, miss.Lease, "its own lease isn't another's")
	require.Equal(t, cache.FillStored, p.fill(*miss, 1, "0"))
	p.hit(1, "0")
	p.write(1)
	require.Equal(t, cache.FillRace, p.fill(*miss, 1, "0"))
	p.miss(1)
	p.store(1, "1")
}

func TestNew(t *testing.T) {
	client := redis.NewClient(&redis.Options{})
	defer client.Close()
	for name, tc := range map[string]struct {
		client    redis.UniversalClient
		namespace string
		opts      []redisstore.Option
		want      string
	}{
		"no client":    {nil, "shop", nil, "no client"},
		"no namespace": {client, "", nil, "no namespace"},
		"a brace":      {client, "a}b", nil, "braces"},
		"a timeout":    {client, "shop", []redisstore.Option{redisstore.WithTimeouts(-1, 0)}, "a timeout of -1ns"},
		"a quarantine": {client, "shop", []redisstore.Option{redisstore.WithQuarantine(time.Microsecond)}, "a quarantine of 1µs"},
		"a heartbeat":  {client, "shop", []redisstore.Option{redisstore.WithHeartbeat(-time.Second)}, "a heartbeat of -1s"},
	} {
		_, err := redisstore.New(tc.client, tc.namespace, tc.opts...)
		require.ErrorContains(t, err, tc.want, name)
		require.ErrorContains(t, err, "entcache: ", name)
	}
	s, err := redisstore.New(client, "shop", redisstore.WithTimeouts(0, 0), redisstore.WithQuarantine(0), redisstore.WithHeartbeat(0))
	require.NoError(t, err)
	_, err = s.Begin(t.Context(), cache.RemoteWrite{Touches: []cache.Fact{1}, Lease: 10*time.Second + 1})
	require.ErrorIs(t, err, cache.ErrRemoteArgument, "a lease past that of the default quarantine")
	require.Contains(t, s.Caution(), "ContextTimeoutEnabled")
	require.Empty(t, store(t, connect(t, "redis://localhost"), "shop").Caution())
	require.NoError(t, s.Close())
}
