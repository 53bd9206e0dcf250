package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/store/redisstore"
)

// newCache builds the worker's cache as a program would.
func (w *worker) newCache() (*entcache.Handle, error) {
	level := slog.LevelError + 1
	if os.Getenv(logEnv) != "" {
		level = slog.LevelInfo
	}
	opts := []entcache.Option{
		entcache.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))),
		entcache.WithInDoubt(w.InDoubt),
	}
	if w.RedisURL == "" {
		return entcache.New(opts...)
	}
	o, err := redis.ParseURL(w.RedisURL)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	remote, err := redisstore.New(redis.NewClient(o), w.Namespace,
		redisstore.WithQuarantine(w.Quarantine), redisstore.WithTimeouts(w.Bound/4, w.Bound), redisstore.WithHeartbeat(w.Bound))
	opts = append(opts, entcache.WithRemote(remote, err), entcache.WithConsistency(entcache.Bounded(w.Bound)), entcache.WithLease(w.Lease))
	if w.Refuse {
		opts = append(opts, entcache.RefuseUnannouncedWrites())
	}
	return entcache.New(opts...)
}

// logEnv lets workers log what their caches say.
const logEnv = "ENTCACHE_FAULTS_LOG"

// consistent puts what a read asks for in its context. What is asked for by
// default is left out.
func (w *worker) consistent(ctx context.Context, mode Mode) context.Context {
	ctx = entcache.WithTTL(ctx, w.TTL)
	if mode == Strict {
		return entcache.Consistent(ctx, entcache.Strict)
	}
	return ctx
}

func refused(err error) bool { return errors.Is(err, entcache.ErrUnannounced) }

func (w *worker) counters() *Counters {
	s := w.cache.Stats()
	n := s.Total()
	c := &Counters{Hits: n.Hits + n.Coalesced, RemoteHits: n.RemoteHits, Misses: n.Misses, Reads: n.Hits + n.Coalesced + n.Misses}
	c.Text = fmt.Sprintf("%+v", n)
	if s.Remote != nil {
		c.Text += fmt.Sprintf(" %+v", *s.Remote)
	}
	return c
}

// unannounced counts the writes that other processes weren't told of in time.
func (w *worker) unannounced() uint64 {
	if r := w.cache.Stats().Remote; r != nil {
		return r.Unannounced + r.Lapsed
	}
	return 0
}
