package testdb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	clusterEnabled = "cluster-enabled yes"
	clusterSlots   = 16384
)

// RedisCluster is a Redis Cluster of one test: three primaries without replicas,
// each with a third of the slots.
type RedisCluster struct {
	Nodes []*RedisServer

	t       testing.TB
	clients []*redis.Client
}

// StartRedisCluster starts a cluster whose servers are stopped when the test
// ends, and waits until all of them serve. The directives are lines of each
// server's configuration. It skips and fails as StartRedis does.
func StartRedisCluster(t testing.TB, directives ...string) *RedisCluster {
	t.Helper()
	c := &RedisCluster{t: t}
	directives = append([]string{clusterEnabled, "cluster-node-timeout 5000"}, directives...)
	for range 3 {
		n := StartRedis(t, directives...)
		client := redis.NewClient(&redis.Options{Addr: n.Addr, Password: redisSecret(), ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		c.Nodes, c.clients = append(c.Nodes, n), append(c.clients, client)
	}
	for i, n := range c.Nodes {
		client := c.Node(i)
		err := client.Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err()
		if err == nil {
			err = client.ClusterAddSlotsRange(t.Context(), i*clusterSlots/3, (i+1)*clusterSlots/3-1).Err()
		}
		if err == nil && i > 0 {
			err = c.Node(0).Do(t.Context(), "CLUSTER", "MEET", "127.0.0.1", n.port, n.busPort).Err()
		}
		if err != nil {
			t.Fatalf("entcache: redis-server didn't join the cluster: %v", err)
		}
	}
	c.Await()
	return c
}

// Await waits until every node knows all and serves.
func (c *RedisCluster) Await() {
	c.t.Helper()
	var info string
	for deadline := time.Now().Add(redisPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ready := 0
		for i := range c.Nodes {
			info = c.Node(i).ClusterInfo(c.t.Context()).Val()
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", len(c.Nodes))) {
				ready++
			}
		}
		if ready == len(c.Nodes) {
			return
		}
	}
	c.t.Fatalf("entcache: the cluster doesn't serve; a node says:\n%s", info)
}

// Node returns a client of one node, which answers what it alone would.
func (c *RedisCluster) Node(i int) *redis.Client { return c.clients[i] }

// Dial returns a client of the cluster, which is closed when the test ends.
func (c *RedisCluster) Dial(t testing.TB) *redis.ClusterClient {
	o := &redis.ClusterOptions{Password: redisSecret(), ContextTimeoutEnabled: true}
	for _, n := range c.Nodes {
		o.Addrs = append(o.Addrs, n.Addr)
	}
	client := redis.NewClusterClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Slot returns the slot of a key.
func (c *RedisCluster) Slot(key string) int {
	c.t.Helper()
	slot, err := c.Node(0).ClusterKeySlot(c.t.Context(), key).Result()
	c.must(err)
	return int(slot)
}

// Owner returns which node has the slot, as the first one says.
func (c *RedisCluster) Owner(slot int) int {
	c.t.Helper()
	owners, err := c.Node(0).ClusterSlots(c.t.Context()).Result()
	c.must(err)
	for _, o := range owners {
		for i, n := range c.Nodes {
			if o.Start <= slot && slot <= o.End && o.Nodes[0].Addr == n.Addr {
				return i
			}
		}
	}
	c.t.Fatalf("entcache: no node has slot %d", slot)
	return 0
}

// OpenSlot begins to move a slot: its keys may be at either node until CloseSlot.
func (c *RedisCluster) OpenSlot(slot, from, to int) {
	c.t.Helper()
	c.must(c.Node(to).Do(c.t.Context(), "CLUSTER", "SETSLOT", slot, "IMPORTING", c.id(from)).Err())
	c.must(c.Node(from).Do(c.t.Context(), "CLUSTER", "SETSLOT", slot, "MIGRATING", c.id(to)).Err())
}

// MoveKeys moves keys of a slot that is open, in this order; those that aren't
// there are left out.
func (c *RedisCluster) MoveKeys(from, to int, keys ...string) {
	c.t.Helper()
	for _, k := range keys {
		c.must(c.Node(from).Do(c.t.Context(), "MIGRATE", "127.0.0.1", c.Nodes[to].port, k, 0, redisPatience.Milliseconds(),
			"AUTH", redisSecret()).Err())
	}
}

// KeysOf returns the keys of a slot that a node has.
func (c *RedisCluster) KeysOf(slot, node int) []string {
	c.t.Helper()
	keys, err := c.Node(node).ClusterGetKeysInSlot(c.t.Context(), slot, 1<<20).Result()
	c.must(err)
	return keys
}

// CloseSlot ends the move of a slot, of which all keys are at the node.
func (c *RedisCluster) CloseSlot(slot, to int) {
	c.t.Helper()
	owner := c.Owner(slot)
	// The new owner first, so that at no time there is none.
	for _, i := range []int{to, owner} {
		c.must(c.Node(i).Do(c.t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", c.id(to)).Err())
	}
	for i := range c.Nodes {
		c.must(c.Node(i).Do(c.t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", c.id(to)).Err())
	}
}

// CancelSlot takes back the move of a slot that is open, with the keys that were
// moved.
func (c *RedisCluster) CancelSlot(slot, from, to int) {
	c.t.Helper()
	// An owner that isn't moving the slot takes keys back.
	c.must(c.Node(from).Do(c.t.Context(), "CLUSTER", "SETSLOT", slot, "STABLE").Err())
	c.MoveKeys(to, from, c.KeysOf(slot, to)...)
	c.must(c.Node(to).Do(c.t.Context(), "CLUSTER", "SETSLOT", slot, "STABLE").Err())
}

// id returns the name by which the cluster knows a node.
func (c *RedisCluster) id(i int) string {
	c.t.Helper()
	id, err := c.Node(i).ClusterMyID(c.t.Context()).Result()
	c.must(err)
	return id
}

func (c *RedisCluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("entcache: the cluster: %v", err)
	}
}
