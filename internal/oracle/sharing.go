package oracle

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/simredis"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
)

// Announcements of writes last so long, and a remote level begins so late to
// store. A machine under load shouldn't take longer over a write.
const (
	lease      = 1500 * time.Millisecond
	quarantine = 1800 * time.Millisecond
)

// sharing is the remote level that the processes of one database share.
type sharing struct {
	// join returns one process's access, and what ends it.
	join  func() (cache.Remote, func(), error)
	close func()
}

// share returns the database's remote level: on the Redis server of
// testdb.RedisEnv, or simulated if none is known.
func (d *Database) share(ctx context.Context) (*sharing, error) {
	if d.sharing != nil {
		return d.sharing, nil
	}
	l := simulated()
	if url := os.Getenv(testdb.RedisEnv); url != "" {
		o, err := redis.ParseURL(url)
		if err != nil {
			return nil, fmt.Errorf("entcache: %s isn't a URL like redis://:password@127.0.0.1:6379/0: %w", testdb.RedisEnv, err)
		}
		l = onRedis(o)
	}
	r, end, err := l.join()
	if err == nil {
		_, err = r.Handshake(ctx)
		end()
	}
	if err != nil {
		l.close()
		return nil, err
	}
	// Before nothing would be stored.
	time.Sleep(quarantine)
	d.sharing = l
	return l, nil
}

func simulated() *sharing {
	s := simredis.New(simredis.Options{Seed: 1, Deliver: func(int, cache.RemoteMessage) []time.Duration {
		// Reads that rely on messages alone would be late now and then.
		if mathrand.IntN(16) == 0 {
			return nil
		}
		return []time.Duration{time.Duration(mathrand.IntN(5)) * time.Millisecond}
	}})
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for t := time.NewTicker(time.Millisecond); ; {
			select {
			case <-stop:
				t.Stop()
				return
			case <-t.C:
				// What waits for a listener is handed over by whoever calls.
				s.Deliver()
			}
		}
	}()
	return &sharing{
		join: func() (cache.Remote, func(), error) {
			c := s.Client(simredis.Config{Quarantine: quarantine})
			return c, func() { _ = c.Close() }, nil
		},
		close: func() { close(stop); <-stopped },
	}
}

func onRedis(o *redis.Options) *sharing {
	o.ContextTimeoutEnabled, o.MaxRetries, o.PoolSize = true, -1, 8
	namespace := "oracle-" + rand.Text()
	return &sharing{
		join: func() (cache.Remote, func(), error) {
			client := redis.NewClient(o)
			r, err := redisstore.New(client, namespace, redisstore.WithQuarantine(quarantine), redisstore.WithTimeouts(lease, lease))
			if err != nil {
				_ = client.Close()
				return nil, nil, err
			}
			return r, func() { _ = r.Close(); _ = client.Close() }, nil
		},
		close: func() {
			client := redis.NewClient(o)
			defer client.Close()
			ctx := context.Background()
			for keys := client.Scan(ctx, 0, "entcache:{"+namespace+"}:*", 1000).Iterator(); keys.Next(ctx); {
				client.Unlink(ctx, keys.Val())
			}
		},
	}
}
