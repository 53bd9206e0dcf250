// Package benchmarks measures the cache against the same queries without it. It
// is a module of its own so that what only measuring needs stays out of the
// main one.
package benchmarks

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"sync/atomic"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/interceptor"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/memstore"
)

// What the store of the benchmarks holds.
const (
	Tracks  = 10_000
	Albums  = Tracks / 4
	Artists = 250
	Genres  = 25
)

// Store is the music store in SQLite with three clients of it.
type Store struct {
	// Uncached has no cache.
	Uncached *ent.Client
	// Hit has a cache; a read finds there what an earlier one left.
	Hit *ent.Client
	// Miss has a cache in which no read ever finds anything, because each has a
	// key of its own. Its bound is small, so storing evicts, as it does in a
	// program that runs for long.
	Miss *ent.Client

	// Cache and Near are those of Hit.
	Cache *cache.Cache
	Near  *memstore.Store

	driver  dialect.Driver
	closers []func() error
}

// missBytes bounds the cache of Store.Miss.
const missBytes = 8 << 20

// Open creates the database, in memory or in a temporary file, and fills it with
// the same rows each time. A database in memory has one connection.
func Open(ctx context.Context, memory bool) (*Store, error) {
	s := &Store{}
	if err := s.open(ctx, memory); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, memory bool) error {
	db, err := s.database(ctx, memory)
	if err != nil {
		return err
	}
	s.driver = entsql.OpenDB(dialect.SQLite, db)
	s.Uncached = ent.NewClient(ent.Driver(s.driver))
	if err := s.Uncached.Schema.Create(ctx); err != nil {
		return err
	}
	if err := fill(ctx, db); err != nil {
		return err
	}

	s.Near = memstore.New(0)
	if s.Hit, s.Cache, err = s.Client(cache.Options{Near: s.Near}); err != nil {
		return err
	}
	var reads atomic.Uint64
	s.Miss, _, err = s.Client(cache.Options{
		Near:   memstore.New(missBytes),
		VaryBy: func(context.Context) string { return strconv.FormatUint(reads.Add(1), 36) },
	})
	return err
}

func (s *Store) database(ctx context.Context, memory bool) (*sql.DB, error) {
	var (
		db  *sql.DB
		err error
	)
	if memory {
		if db, err = sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)&_time_format=sqlite&_timezone=UTC"); err != nil {
			return nil, err
		}
		// Each connection would have a database of its own.
		db.SetMaxOpenConns(1)
	} else {
		d, err := testdb.New(ctx, dialect.SQLite)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, d.Close)
		if db, err = d.Open(); err != nil {
			return nil, err
		}
	}
	s.closers = append(s.closers, db.Close)
	return db, nil
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

// fill gives the rows the ids 1, 2, … of each table. It is SQL, since ten thousand
// rows through Ent take seconds.
func fill(ctx context.Context, db *sql.DB) error {
	const (
		numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d - 1) "
		// Multiplying by a prime and cutting off scatters the numbers.
		track = `printf('Track %%08x', i * 2654435761 %% 4294967296), printf('Composer %%d', i * 7919 %% 500),
			60000 + i * 104729 %% 400000, i * 1299709 %% 16777216, 49 + i * 15485863 %% 300, i * 32452843 %% 100,
			CASE i * 49979687 %% 5 WHEN 0 THEN 'draft' WHEN 1 THEN 'withdrawn' ELSE 'available' END,
			strftime('%%Y-%%m-%%d %%H:%%M:%%S+00:00', 1577836800 + i * 67867967 %% 31536000, 'unixepoch'),
			1 + i / 4, 1 + i * 86028121 %% %d, 1`
	)
	for _, statement := range []string{
		"INSERT INTO media_types (name) VALUES ('MPEG audio file')",
		fmt.Sprintf(numbers+"INSERT INTO genres (name) SELECT printf('Genre %%d', i) FROM n", Genres),
		fmt.Sprintf(numbers+"INSERT INTO artists (name) SELECT printf('Artist %%d', i) FROM n", Artists),
		fmt.Sprintf(numbers+"INSERT INTO albums (title, released_at, artist_id) SELECT printf('Album %%d', i), "+
			"strftime('%%Y-%%m-%%d 00:00:00+00:00', 1577836800 + i * 86400, 'unixepoch'), 1 + i %% %d FROM n", Albums, Artists),
		fmt.Sprintf(numbers+"INSERT INTO tracks (name, composer, milliseconds, bytes, unit_price, stock, status, updated_at, "+
			"album_id, genre_id, media_type_id) SELECT "+track+" FROM n", Tracks, Genres),
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w: %s", err, statement)
		}
	}
	return nil
}
