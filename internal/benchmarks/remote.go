package benchmarks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/store/memstore"
	"github.com/entcache/ent-cache/store/redisstore"
)

// The first epoch of a private server stores nothing for the quarantine, which
// is shorter here than by default, and longer than the leases.
const (
	quarantine = 1200 * time.Millisecond
	lease      = time.Second
	namespace  = "bench"
	// A cache that always misses is to be full when it is compared with another,
	// which fullAfter reads make it.
	sharedMissBytes = 1 << 18
	fullAfter       = 500
)

// Remote is the music store with a private Redis server, where each comparison
// makes the clients it needs.
type Remote struct {
	*Store
	Redis *Redis
}

// OpenRemote opens the store and starts a server.
func OpenRemote(ctx context.Context, memory bool) (*Remote, error) {
	s, err := Open(ctx, memory)
	if err != nil {
		return nil, err
	}
	r, err := StartRedis(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Remote{Store: s, Redis: r}, nil
}

// Close closes the caches, drops the database and ends the server.
func (r *Remote) Close() error { return errors.Join(r.Store.Close(), r.Redis.Close()) }

// Shared is a client whose cache has a remote level.
type Shared struct {
	Client   *ent.Client
	Cache    *cache.Cache
	Store    *redisstore.Store
	Recorder *Recorder
}

// Shared returns a client whose cache shares the server, once it does. With
// missing, no read ever finds anything, as in Store.Miss.
func (r *Remote) Shared(ctx context.Context, missing bool, opts ...redisstore.Option) (*Shared, error) {
	return r.shared(ctx, r.options(missing), opts...)
}

// Forgetful is Shared without a near level, so that each read asks the server.
func (r *Remote) Forgetful(ctx context.Context) (*Shared, error) {
	o := r.options(false)
	o.Near = forgetful{o.Near}
	return r.shared(ctx, o)
}

// forgetful is a near level that keeps nothing.
type forgetful struct{ cache.Near }

func (forgetful) Set(cache.Key, *cache.Entry, time.Duration) {}

func (r *Remote) shared(ctx context.Context, o cache.Options, opts ...redisstore.Option) (*Shared, error) {
	store, err := NewRedisStore(r.Redis.Client, opts...)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, store.Close)
	s := &Shared{Store: store, Recorder: &Recorder{Remote: store}}
	o.Remote, o.Lease = s.Recorder, lease
	if s.Client, s.Cache, err = r.Client(o); err != nil {
		return nil, err
	}
	return s, s.Usable(ctx)
}

// Local returns a client whose cache has no remote level.
func (r *Remote) Local(missing bool) (*ent.Client, error) {
	client, _, err := r.Client(r.options(missing))
	return client, err
}

func (r *Remote) options(missing bool) cache.Options {
	o := cache.Options{Near: memstore.New(0), Logger: slog.New(slog.DiscardHandler)}
	if missing {
		var reads atomic.Uint64
		own := rand.Text()
		o.Near = memstore.New(sharedMissBytes)
		o.VaryBy = func(context.Context) string { return own + strconv.FormatUint(reads.Add(1), 36) }
	}
	return o
}

// NewRedisStore returns the store of the benchmarks, with timeouts that a busy
// machine doesn't reach, unless the options name others.
func NewRedisStore(client *redis.Client, opts ...redisstore.Option) (*redisstore.Store, error) {
	opts = append([]redisstore.Option{redisstore.WithQuarantine(quarantine), redisstore.WithTimeouts(10*time.Second, 10*time.Second)}, opts...)
	return redisstore.New(client, namespace, opts...)
}

// Usable waits until the remote level is used and stores what it is sent.
func (s *Shared) Usable(ctx context.Context) error {
	for range 1000 {
		_, miss, err := s.Store.Get(ctx, cache.Key{}, 0)
		if err == nil && !miss.Void && s.Cache.Stats().Remote.Usable {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("entcache: the remote level isn't usable: %+v", *s.Cache.Stats().Remote)
}

// Recorder is a remote level that keeps what the cache last sent it.
type Recorder struct {
	cache.Remote

	mu    sync.Mutex
	key   cache.Key
	fill  cache.RemoteFill
	fills int
	write cache.RemoteWrite
	// off keeps nothing more: copies are no part of what is measured.
	off atomic.Bool
	// done, if it isn't nil, is told of each fill that was answered.
	done chan struct{}
}

// Fill keeps the fill and passes it on.
func (r *Recorder) Fill(ctx context.Context, key cache.Key, f cache.RemoteFill) (cache.RemoteFilled, error) {
	filled, err := r.Remote.Fill(ctx, key, f)
	if r.done != nil {
		r.done <- struct{}{}
	}
	if !r.off.Load() && filled.Outcome == cache.FillStored {
		r.mu.Lock()
		r.key, r.fill = key, f
		r.fills++
		r.mu.Unlock()
	}
	return filled, err
}

// Peek passes it on.
func (r *Recorder) Peek(ctx context.Context, key cache.Key) (*cache.RemotePeek, error) {
	return r.Remote.(cache.RemotePeeker).Peek(ctx, key)
}

// Begin keeps the announcement and passes it on.
func (r *Recorder) Begin(ctx context.Context, w cache.RemoteWrite) (cache.RemotePosition, error) {
	if !r.off.Load() {
		r.mu.Lock()
		r.write = w
		r.mu.Unlock()
	}
	return r.Remote.Begin(ctx, w)
}

// filled waits until there were that many fills and returns the last.
func (r *Recorder) filled(n int) (cache.Key, cache.RemoteFill, error) {
	for range 1000 {
		r.mu.Lock()
		key, fill, fills := r.key, r.fill, r.fills
		r.mu.Unlock()
		if fills >= n {
			return key, fill, nil
		}
		time.Sleep(time.Millisecond)
	}
	return cache.Key{}, cache.RemoteFill{}, errors.New("entcache: a read wasn't stored at the remote level")
}
