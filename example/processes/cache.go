package main

import (
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/store/redisstore"
)

// The defaults are 10 s and 12 s. They are shorter here because the run is: what
// a killed process was writing isn't cached for as long as the lease, and nothing
// is after Redis has lost its state for as long as the quarantine.
const (
	lease      = 2 * time.Second
	quarantine = 2500 * time.Millisecond
)

// sharedCache is a cache and what it stands on.
type sharedCache struct {
	client *redis.Client
	remote *redisstore.Store
	*entcache.Handle
}

// connect is all the wiring there is. It succeeds while Redis is away, too: reads
// then go to the database.
func connect(url string, bound time.Duration, log *slog.Logger) (*sharedCache, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	// Each call of the cache has a deadline. With this the client keeps to it.
	o.ContextTimeoutEnabled = true
	client := redis.NewClient(o)

	// All processes that use one database share a namespace, and nobody else does.
	remote, err := redisstore.New(client, "music", redisstore.WithQuarantine(quarantine))
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	cache, err := entcache.New(
		entcache.WithRemote(remote, nil),
		entcache.WithConsistency(entcache.Bounded(bound)),
		entcache.WithLease(lease),
		// A write fails while other processes can't be told of it, so that the bound
		// holds whatever happens. Without this line the write goes on, and others may
		// not see it in time: when Redis is away and sales matter more than that.
		entcache.RefuseUnannouncedWrites(),
		entcache.WithLogger(log),
	)
	if err != nil {
		return nil, errors.Join(err, remote.Close(), client.Close())
	}
	return &sharedCache{client, remote, cache}, nil
}

// Close closes the cache first, which may still have writes to record, and what
// it stands on after it.
func (c *sharedCache) Close() error {
	return errors.Join(c.Handle.Close(), c.remote.Close(), c.client.Close())
}
