package redisstore_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
	"github.com/entcache/ent-cache/store/storetest"
)

// enter connects a process to servers through any client.
func enter(t *testing.T, client redis.UniversalClient, namespace string, opts ...redisstore.Option) *process {
	t.Helper()
	return &process{T: t, Store: store(t, client, namespace, append([]redisstore.Option{redisstore.WithQuarantine(quarantine)}, opts...)...)}
}

// TestRemoteOnClusterNodes: each test's namespace is on a node that chance
// chooses, and no node is left out.
func TestRemoteOnClusterNodes(t *testing.T) {
	t.Parallel()
	c := testdb.StartRedisCluster(t)
	dial := func(t *testing.T) redis.UniversalClient { return c.Dial(t) }
	// Subtests that run in parallel end before the servers do.
	t.Run("each", func(t *testing.T) {
		storetest.RunRemote(t, func(t *testing.T) storetest.RemoteServer { return serve(t, dial(t), dial) })
	})
	for i := range c.Nodes {
		require.Contains(t, c.Node(i).Info(t.Context(), "commandstats").Val(), "cmdstat_evalsha:", "node %d ran scripts", i)
	}
}

// TestClusterSlot: whatever the namespace, the keys of queries and the facts
// contain, all keys of a namespace are in the slot of its name, those that
// scripts declare and those that they don't.
func TestClusterSlot(t *testing.T) {
	t.Parallel()
	c := testdb.StartRedisCluster(t)
	used := make(map[int]bool)
	for _, namespace := range []string{
		"shop", "s", " ", ":", "entcache:", "\x00", "\r\n", "\xff\xfe", "é", "*", "[a-z]?", `\`, `"`, "0", strings.Repeat("long", 1000),
	} {
		client := c.Dial(t)
		seen := &commands{}
		client.AddHook(seen)
		p := enter(t, client, namespace)
		everyScript(p)

		slot := c.Slot(namespace)
		used[c.Owner(slot)] = true
		declared := 0
		for _, cmd := range seen.all() {
			if name, _ := cmd[0].(string); !strings.HasPrefix(name, "eval") {
				continue
			}
			keys, err := c.Node(0).CommandGetKeys(t.Context(), cmd...).Result()
			require.NoError(t, err)
			require.NotEmpty(t, keys)
			declared += len(keys)
			for _, k := range keys {
				require.Equal(t, slot, c.Slot(k), "%q of namespace %.20q", k, namespace)
			}
		}
		require.Greater(t, declared, 30)
		for i := range c.Nodes {
			keys := c.Node(i).Keys(t.Context(), "*").Val()
			require.Len(t, keys, len(c.KeysOf(slot, i)), "node %d has keys of this slot only", i)
			require.Equal(t, i == c.Owner(slot), len(keys) > 0)
			require.NoError(t, c.Node(i).FlushAll(t.Context()).Err())
		}
	}
	require.Len(t, used, len(c.Nodes), "no node was left out")
}

// everyScript makes every script do all it can.
func everyScript(p *process) {
	p.Helper()
	braces := []cache.Fact{0x7b7d7b7d7b7d7b7d, 0x7d7b7d7b7d7b7d7b, 0x3a7b617d3a7b627d, 0, 1<<64 - 1}
	keys := []cache.Key{storetest.Key(1), {}}
	for i := range keys[1] {
		keys[1][i] = "}{"[i%2]
	}
	p.settle()
	fill := func(want cache.FillOutcome, facts ...cache.Fact) {
		p.Helper()
		for _, k := range keys {
			_, miss, err := p.Get(p.Context(), k, time.Minute)
			require.NoError(p, err)
			require.NotNil(p, miss)
			got, err := p.Fill(p.Context(), k, cache.RemoteFill{Miss: *miss, Facts: facts, Payload: []byte("{x}"), TTL: time.Hour})
			require.NoError(p, err)
			require.Equal(p, want, got.Outcome)
			want = cache.FillStored
		}
	}
	fill(cache.FillStored, braces...)
	for _, k := range keys {
		hit, _, err := p.Get(p.Context(), k, 0)
		require.NoError(p, err)
		require.NotNil(p, hit)
	}
	// A writer that dies, with a cover beside what it touches.
	w := cache.RemoteWrite{ID: cache.WriteID{1}, Touches: braces[1:], Covers: braces[:1], Lease: time.Millisecond}
	require.NoError(p, second(p.Begin(p.Context(), w)))
	time.Sleep(10 * time.Millisecond)
	fill(cache.FillExpired, braces[0])
	w.Lease = quarantine / 2
	require.NoError(p, second(p.Begin(p.Context(), w)))
	require.NoError(p, second(p.End(p.Context(), cache.RemoteEnd{ID: w.ID, Touched: braces[:2], Held: braces[2:]})))
	require.NoError(p, second(p.Probe(p.Context())))
	fill(cache.FillStored, braces...)
	f := subscribe(p.T, p)
	last := p.write(1)
	f.await(p.T, func() bool { return f.applied == last })
}

// commands keeps what a client sends.
type commands struct {
	mu   sync.Mutex
	sent [][]any
}

func (c *commands) all() [][]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

func (c *commands) DialHook(next redis.DialHook) redis.DialHook { return next }
func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.mu.Lock()
		c.sent = append(c.sent, cmd.Args())
		c.mu.Unlock()
		return next(ctx, cmd)
	}
}

// atNode is a client of a cluster that subscribes at one node.
type atNode struct {
	*redis.ClusterClient
	node *redis.Client
}

func (c atNode) Subscribe(ctx context.Context, channels ...string) *redis.PubSub {
	return c.node.Subscribe(ctx, channels...)
}

// TestClusterSubscription: at any node, of whatever node the slot is.
func TestClusterSubscription(t *testing.T) {
	t.Parallel()
	c := testdb.StartRedisCluster(t)
	p := enter(t, c.Dial(t), namespace)
	p.settle()
	owner := c.Owner(c.Slot(namespace))
	followers := []*follower{subscribe(t, p)}
	for i := range c.Nodes {
		f := subscribe(t, enter(t, atNode{c.Dial(t), c.Node(i)}, namespace))
		require.Equal(t, int64(1)+flag(i == owner), c.Node(i).PubSubNumSub(t.Context(), key("ch")).Val()[key("ch")])
		followers = append(followers, f)
	}
	first := p.write(1)
	var last cache.RemotePosition
	for n := range 50 {
		last = p.write(n)
	}
	for _, f := range followers {
		f.await(t, func() bool { return f.applied == last })
		for n := first.Position; n <= last.Position; n++ {
			require.True(t, get(f, func() bool { return f.seen[n] }))
		}
		require.Zero(t, get(f, func() int { return f.gaps }))
	}

	// The nodes that pass messages on stay, the one that had the log restarts.
	c.Nodes[owner].Kill()
	c.Nodes[owner].Start()
	c.Await()
	at := p.settle()
	require.NotEqual(t, last.Epoch, at.Epoch)
	for _, f := range followers {
		require.Eventually(t, func() bool {
			last := p.write(1)
			for range 10 {
				if get(f, func() bool { return f.applied == last }) {
					return true
				}
				time.Sleep(10 * time.Millisecond)
			}
			return false
		}, 2*patient, time.Millisecond)
	}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// TestRace_R17b_ClusterNodeRestarts: with its last state or an older one.
func TestRace_R17b_ClusterNodeRestarts(t *testing.T) {
	t.Parallel()
	c := testdb.StartRedisCluster(t)
	p := enter(t, c.Dial(t), namespace)
	old := p.settle()
	slot := c.Slot(namespace)
	owner := c.Owner(slot)
	// Namespaces of other nodes don't notice.
	others := make(map[int]*process)
	for n := 'a'; len(others) < len(c.Nodes)-1; n++ {
		if o := c.Owner(c.Slot(string(n))); o != owner && others[o] == nil {
			others[o] = enter(t, c.Dial(t), string(n))
			others[o].settle()
			others[o].store(1, "0")
		}
	}
	p.store(1, "0")
	miss := p.miss(2)
	require.NoError(t, c.Node(owner).Save(t.Context()).Err())
	p.write(1) // commits 1
	require.Equal(t, cache.FillStored, p.fill(p.miss(1), 1, "1"))
	c.Nodes[owner].Kill()
	require.Error(t, third(p.Get(t.Context(), storetest.Key(1), 0)))
	c.Nodes[owner].Start()
	c.Await()
	for _, o := range others {
		o.hit(1, "0")
	}

	require.ElementsMatch(t, []string{key("q:" + keyText(1)), key("v:" + factBytes(1)), key("c")}, c.KeysOf(slot, owner), "the old state is back")
	epoch, err := c.Node(owner).HGet(t.Context(), key("c"), "e").Result()
	require.NoError(t, err)
	require.Equal(t, string(old.Epoch[:]), epoch)
	again := p.miss(1)
	require.True(t, again.Void)
	require.NotEqual(t, old.Epoch, again.Epoch)
	require.Equal(t, cache.FillOtherEpoch, p.fill(miss, 2, "0"))
	p.settle()
	p.store(1, "1")
}
