// Package benchmarks measures the cache against the same queries without it. It
// is a module of its own so that what only measuring needs stays out of the
// main one.
package benchmarks

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/interceptor"
	"github.com/entcache/ent-cache/store/memstore"
)

// What the store of the benchmarks holds.
const (
	Tracks  = 10_000
	Albums  = Tracks / 4
	Artists = 250
	Genres  = 25
)

// Store is the music store with clients of it.
type Store struct {
	// Uncached has no cache.
	Uncached *ent.Client
	// Peer has the yardstick.
	Peer *ent.Client
	// Rows has a cache that keeps rows and no values.
	Rows *ent.Client
	// Hit has a cache; a read finds there what an earlier one left.
	Hit *ent.Client
	// Miss has a cache in which no read ever finds anything, because each has a
	// key of its own. Its bound is small, so storing evicts, as it does in a
	// program that runs for long.
	Miss *ent.Client

	// Cache and Near are those of Hit.
	Cache *cache.Cache
	Near  *memstore.Store

	driver               dialect.Driver
	peer                 *Peer
	cacheRows, cacheMiss *cache.Cache
	nearRows             *memstore.Store
	crowded              bool
	closers              []func() error
}

const (
	// missBytes bounds the cache of Store.Miss.
	missBytes = 1 << 20
	// crowdedBytes is for a cache of a million entries.
	crowdedBytes = 4 << 30
)

// Open creates the database in SQLite, in memory or in a temporary file, and
// fills it with the same rows each time.
func Open(ctx context.Context, memory bool) (*Store, error) {
	if memory {
		return OpenIn(ctx, SQLiteMemory)
	}
	return OpenIn(ctx, SQLite)
}

// OpenIn is Open for any database. Its error wraps testdb.ErrUnavailable if the
// database has no server.
func OpenIn(ctx context.Context, d Database) (*Store, error) {
	s := &Store{}
	if err := s.open(ctx, d); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, d Database) error {
	db, closers, err := d.open(ctx)
	if err != nil {
		return err
	}
	s.closers = closers
	s.driver = entsql.OpenDB(d.dialect, db)
	s.Uncached = ent.NewClient(ent.Driver(s.driver))
	if err := s.Uncached.Schema.Create(ctx); err != nil {
		return err
	}
	if err := fill(ctx, db); err != nil {
		return err
	}
	s.peer = NewPeer(s.driver, 0, time.Hour)
	s.Peer = ent.NewClient(ent.Driver(s.peer))

	s.nearRows = memstore.New(crowdedBytes)
	if s.Rows, s.cacheRows, err = s.Client(cache.Options{Near: s.nearRows, NoValues: true}); err != nil {
		return err
	}
	s.Near = memstore.New(crowdedBytes)
	if s.Hit, s.Cache, err = s.Client(cache.Options{Near: s.Near}); err != nil {
		return err
	}
	var reads atomic.Uint64
	s.Miss, s.cacheMiss, err = s.Client(cache.Options{
		Near:   memstore.New(missBytes),
		VaryBy: func(context.Context) string { return strconv.FormatUint(reads.Add(1), 36) },
	})
	return err
}

// Client returns a client of the database with a cache of its own, which Close
// closes.
func (s *Store) Client(o cache.Options) (*ent.Client, *cache.Cache, error) {
	c, err := cache.New(o)
	if err != nil {
		return nil, nil, err
	}
	s.closers = append(s.closers, c.Close)
	client := ent.NewClient(ent.Driver(s.driver))
	client.Intercept(interceptor.New(c))
	return client, c, nil
}

// Close closes the caches and drops the database.
func (s *Store) Close() error {
	var first error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i](); err != nil && first == nil {
			first = err
		}
	}
	return first
}
