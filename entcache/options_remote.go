package entcache

import (
	"errors"
	"fmt"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/codec/envelope"
)

// WithRemote shares the cache with the other processes that use the same remote
// level and namespace: results that one has read are there for all, and what one
// writes the others don't serve any more. It takes what a store's New returns:
//
//	entcache.New(entcache.WithRemote(redisstore.New(client, "shop")))
//
// All processes that write to the database must do so, and with the same schema.
// The cache doesn't close the remote level; close it after the cache.
func WithRemote(r cache.Remote, err error) Option {
	return func(c *config) error {
		switch {
		case err != nil:
			return err
		case r == nil:
			return errors.New("entcache: WithRemote: no remote level; pass what redisstore.New returns")
		}
		c.Remote = r
		return nil
	}
}

// WithConsistency says how old results may be that another process has
// overwritten, unless [Consistent] says otherwise for a read. The default is
// Bounded(DefaultBound). It needs [WithRemote].
func WithConsistency(level Consistency) Option {
	return func(c *config) error {
		c.Consistency = level
		return level.Validate()
	}
}

// WithLease sets how long the announcement of a write outlives a process that
// dies with it; it is renewed while the write goes on. The default is 10 s. The
// quarantine of the remote level must be longer: see redisstore.WithQuarantine.
func WithLease(d time.Duration) Option {
	return func(c *config) error {
		if d < 10*time.Millisecond {
			return fmt.Errorf("entcache: WithLease(%v): give it 10ms or more", d)
		}
		c.Lease = d
		return nil
	}
}

// RefuseUnannouncedWrites makes a mutation, or the commit of a transaction, fail
// before the database is asked if other processes can't be told of it. The error
// wraps [ErrUnannounced]. By default such a write goes on and is logged as an
// error: other processes may serve what was there before until the remote level
// answers again and is made to begin anew, or until their entries expire.
func RefuseUnannouncedWrites() Option {
	return func(c *config) error {
		c.RefuseUnannounced = true
		return nil
	}
}

// WithEnvelope says how results are compressed and encrypted at the remote
// level. By default those of a kilobyte and more are compressed and none is
// encrypted; results with Sensitive fields then stay in the process.
func WithEnvelope(opts ...envelope.Option) Option {
	return func(c *config) error {
		e, err := envelope.New(opts...)
		c.Envelope = e
		return err
	}
}
