package testdb

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinelName is the name by which sentinels know the primary.
const sentinelName = "primary"

// RedisSentinel is a primary of one test with two replicas, and three sentinels
// that promote a replica when the primary fails.
type RedisSentinel struct {
	// Servers are the first primary and its replicas. Which one is the primary
	// now, Primary says.
	Servers   []*RedisServer
	Sentinels []*RedisServer

	t         testing.TB
	clients   []*redis.Client
	sentinels []*redis.SentinelClient
}

// StartRedisSentinel starts servers that are stopped when the test ends, and
// waits until each knows all others. The directives are lines of the
// configuration of the primary and the replicas. It skips and fails as StartRedis
// does.
func StartRedisSentinel(t testing.TB, directives ...string) *RedisSentinel {
	t.Helper()
	s := &RedisSentinel{t: t}
	// A replica that pauses for a moment isn't disconnected.
	directives = append([]string{"repl-ping-replica-period 1", "repl-timeout 60"}, directives...)
	primary := s.server(StartRedis(t, directives...))
	for range 2 {
		s.server(StartRedis(t, append([]string{"replicaof 127.0.0.1 " + primary.port}, directives...)...))
	}
	// Only the first sentinel starts a promotion, with the vote of another: where
	// several start at once, none may get enough votes, and all try later.
	for _, quorum := range []string{"2", "4", "4"} {
		s.sentinel(startRedis(t, []string{"--sentinel"}, []string{
			"sentinel monitor " + sentinelName + " 127.0.0.1 " + primary.port + " " + quorum,
			"sentinel auth-pass " + sentinelName + " " + redisSecret(),
			"sentinel sentinel-pass " + redisSecret(),
			"sentinel down-after-milliseconds " + sentinelName + " 700",
			"sentinel failover-timeout " + sentinelName + " 3000",
		}))
	}
	s.await("each server to know all others", func() bool {
		for _, sentinel := range s.sentinels {
			known, err := sentinel.Master(t.Context(), sentinelName).Result()
			if err != nil || known["num-slaves"] != "2" || known["num-other-sentinels"] != "2" {
				return false
			}
		}
		for i := 1; i < len(s.Servers); i++ {
			if !strings.Contains(s.Server(i).Info(t.Context(), "replication").Val(), "master_link_status:up") {
				return false
			}
		}
		return true
	})
	return s
}

func (s *RedisSentinel) server(r *RedisServer) *RedisServer {
	client := redis.NewClient(&redis.Options{Addr: r.Addr, Password: redisSecret(), ContextTimeoutEnabled: true})
	s.t.Cleanup(func() { _ = client.Close() })
	s.Servers, s.clients = append(s.Servers, r), append(s.clients, client)
	return r
}

func (s *RedisSentinel) sentinel(r *RedisServer) {
	s.t.Helper()
	client := redis.NewSentinelClient(&redis.Options{Addr: r.Addr, Password: redisSecret(), ContextTimeoutEnabled: true})
	s.t.Cleanup(func() { _ = client.Close() })
	s.Sentinels, s.sentinels = append(s.Sentinels, r), append(s.sentinels, client)
	// What servers tell each other is told several times as often, but for the
	// pings, by whose period replicas are judged. A busy machine isn't taken for
	// a clock that jumped, which would keep a sentinel from acting for half a
	// minute.
	debug := redis.NewCmd(s.t.Context(), "SENTINEL", "DEBUG", "info-period", 200, "ask-period", 100, "publish-period", 200,
		"tilt-trigger", time.Hour.Milliseconds())
	if err := client.Process(s.t.Context(), debug); err != nil {
		s.t.Fatalf("entcache: redis-server --sentinel: %v", err)
	}
}

// Server returns a client of one server, primary or not.
func (s *RedisSentinel) Server(i int) *redis.Client { return s.clients[i] }

// Isolate cuts the server off from the sentinels, who then take it for dead: it
// gets another password. Other connections that it has stay.
func (s *RedisSentinel) Isolate(i int) {
	s.t.Helper()
	err := s.Server(i).ConfigSet(s.t.Context(), "requirepass", redisSecret()+"x").Err()
	if err == nil {
		// The names that sentinels give their connections begin so.
		for line := range strings.Lines(s.Server(i).ClientList(s.t.Context()).Val()) {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			if strings.Contains(line, " name=sentinel-") {
				err = errors.Join(err, s.Server(i).ClientKillByFilter(s.t.Context(), "ID", id).Err())
			}
		}
	}
	if err != nil {
		s.t.Fatalf("entcache: isolating the server: %v", err)
	}
}

// AwaitPrimary waits until all sentinels have a primary other than the server,
// which says that it is one, and returns which.
func (s *RedisSentinel) AwaitPrimary(other int) int {
	s.t.Helper()
	primary := 0
	s.await("another primary", func() bool {
		for i, r := range s.Servers {
			agreed := 0
			for _, sentinel := range s.sentinels {
				addr, err := sentinel.GetMasterAddrByName(s.t.Context(), sentinelName).Result()
				if err == nil && net.JoinHostPort(addr[0], addr[1]) == r.Addr {
					agreed++
				}
			}
			if agreed == len(s.sentinels) && i != other && s.role(i) == "master" {
				primary = i
				return true
			}
		}
		return false
	})
	return primary
}

// AwaitReplica waits until the server has a copy of a primary's state.
func (s *RedisSentinel) AwaitReplica(i int) {
	s.t.Helper()
	s.await("a replica", func() bool {
		return strings.Contains(s.Server(i).Info(s.t.Context(), "replication").Val(), "master_link_status:up")
	})
}

func (s *RedisSentinel) role(i int) string {
	role, _ := s.Server(i).Do(s.t.Context(), "ROLE").Slice()
	if len(role) == 0 {
		return ""
	}
	name, _ := role[0].(string)
	return name
}

func (s *RedisSentinel) await(what string, ready func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * redisPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ready() {
			return
		}
	}
	s.t.Fatalf("entcache: waited in vain for %s", what)
}

// Dial returns a client of whatever server is the primary, which is closed when
// the test ends.
func (s *RedisSentinel) Dial(t testing.TB) *redis.Client {
	o := &redis.FailoverOptions{
		MasterName: sentinelName, Password: redisSecret(), SentinelPassword: redisSecret(), ContextTimeoutEnabled: true,
	}
	for _, sentinel := range s.Sentinels {
		o.SentinelAddrs = append(o.SentinelAddrs, sentinel.Addr)
	}
	client := redis.NewFailoverClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
