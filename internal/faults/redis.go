package faults

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/internal/testdb"
)

// redisPair is the Redis server of a run, and another that can take its place.
type redisPair struct {
	r               *run
	master, replica *testdb.RedisServer
	// follows is set while the replica runs and copies the master through lag.
	lag     *Proxy
	follows bool
}

func newRedisPair(r *run) *redisPair {
	p := &redisPair{r: r, master: testdb.StartRedis(r.t), replica: testdb.StartRedis(r.t)}
	var err error
	p.lag, err = NewProxy(p.master.Addr)
	r.must(err)
	r.t.Cleanup(p.lag.Close)
	return p
}

// url returns the URL of the master behind a proxy.
func (p *redisPair) url(addr string) string {
	u, err := url.Parse(p.master.URL)
	p.r.must(err)
	u.Host = addr
	return u.String()
}

// do asks a server to do something, as its operator would.
func (p *redisPair) do(s *testdb.RedisServer, args ...any) (any, error) {
	o, err := redis.ParseURL(s.URL)
	p.r.must(err)
	o.MaxRetries = -1
	c := redis.NewClient(o)
	defer c.Close()
	ctx, cancel := context.WithTimeout(p.r.t.Context(), 10*time.Second)
	defer cancel()
	return c.Do(ctx, args...).Result()
}

// must is do for what has to work.
func (p *redisPair) must(s *testdb.RedisServer, args ...any) {
	p.r.t.Helper()
	if _, err := p.do(s, args...); err != nil {
		p.r.t.Fatalf("entcache: Redis: %v: %v", args, err)
	}
}

// forget removes what SAVE last wrote: the next start finds nothing.
func (p *redisPair) forget() {
	err := os.Remove(filepath.Join(p.master.Dir, "dump.rdb"))
	if err != nil && !os.IsNotExist(err) {
		p.r.t.Fatal(err)
	}
}

// attach makes the replica copy the master, and waits until it has.
func (p *redisPair) attach() {
	p.lag.Heal()
	p.lag.Retarget(p.master.Addr)
	u, err := url.Parse("tcp://" + p.lag.Addr)
	p.r.must(err)
	p.must(p.replica, "REPLICAOF", u.Hostname(), u.Port())
	p.follows = true
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		role, err := p.do(p.replica, "ROLE")
		if l, ok := role.([]any); err == nil && ok && len(l) > 3 && l[3] == "connected" {
			return
		}
		if time.Now().After(deadline) {
			p.r.t.Fatalf("entcache: the replica doesn't copy the master: %v, %v", role, err)
		}
	}
}

// detach makes the replica a server of its own.
func (p *redisPair) detach() {
	p.must(p.replica, "REPLICAOF", "NO", "ONE")
	p.follows = false
}

// promote kills the master and puts the replica in its place.
func (p *redisPair) promote() {
	p.master.Kill()
	p.detach()
	p.swap(p.r.slots)
}

// swap puts the other server in the place of the master, which is killed, and
// leads these workers there.
func (p *redisPair) swap(slots []*slot) {
	p.master, p.replica = p.replica, p.master
	for _, s := range slots {
		s.redis.Retarget(p.master.Addr)
	}
	p.replica.Kill()
	_ = os.Remove(filepath.Join(p.replica.Dir, "dump.rdb"))
	p.replica.Start()
}

// mend brings the master back to what it was configured for.
func (p *redisPair) mend() {
	p.lag.Heal()
	if p.follows {
		p.detach()
	}
	p.must(p.master, "CONFIG", "SET", "maxmemory", "0")
}

// nearlyFull returns a limit of memory that the server is about to reach.
func (p *redisPair) nearlyFull() string {
	info, err := p.do(p.master, "INFO", "memory")
	p.r.must(err)
	var used int64
	_, line, _ := strings.Cut(fmt.Sprint(info), "used_memory:")
	_, err = fmt.Sscanf(line, "%d", &used)
	p.r.must(err)
	return fmt.Sprint(used + 32<<10)
}
