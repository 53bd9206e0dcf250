// Command shop runs a day of a music store's traffic through a cached Ent
// client. While it runs it compares what the cache says with what the database
// says, and at the end it reports what the cache did, how long reads took with
// and without it, and how many reads were wrong. It exits with 1 if any was.
//
//	go run ./example/shop
//	go run ./example/shop -seconds 60 -goroutines 8
//	go run ./example/shop -data chinook.json
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/example/internal/music"
)

type options struct {
	data       string
	dir        string
	duration   time.Duration
	operations int
	goroutines int
	compared   int
	seed       uint64
}

func main() {
	var (
		o       options
		seconds float64
	)
	flag.StringVar(&o.data, "data", "", "load the store from this JSON `file` of the Chinook database instead of generating it")
	flag.StringVar(&o.dir, "dir", "", "keep the database in this `folder` (default: a temporary one, removed at the end)")
	flag.Float64Var(&seconds, "seconds", 18, "how long the traffic lasts")
	flag.IntVar(&o.operations, "operations", 0, "stop after so many operations instead")
	flag.IntVar(&o.goroutines, "goroutines", 4, "how many visitors there are at a time")
	flag.IntVar(&o.compared, "compare", 2500, "how many reads to compare with the database in all")
	flag.Uint64Var(&o.seed, "seed", 1, "what the generated rows and the traffic are made from")
	flag.Parse()
	o.duration = time.Duration(seconds * float64(time.Second))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.goroutines < 1 || o.compared < 1 || o.operations < 0 || o.operations == 0 && o.duration <= 0 {
		return errors.New("-goroutines, -compare, and -seconds or -operations, must be positive")
	}
	dir, remove, err := folder(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()

	db, err := sql.Open("sqlite", music.SQLite(filepath.Join(dir, "shop.db")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	// The wiring, all of it: a cache, and the client that reads through it. The
	// policies stand in ent/schema.
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))
	cache, err := entcache.New()
	if err != nil {
		return err
	}
	defer cache.Close()
	client.Intercept(cache.Interceptor())

	// The same database without a cache, to compare with. It must not write:
	// a cache learns of writes from the clients that it is attached to.
	plain := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))

	if err := client.Schema.Create(ctx); err != nil {
		return err
	}
	for _, index := range music.Indexes {
		if _, err := db.ExecContext(ctx, index); err != nil {
			return err
		}
	}
	var rows *music.Rows
	if o.data == "" {
		rows = music.Generate(o.seed)
	} else if rows, err = music.Load(o.data); err != nil {
		return err
	}
	started := time.Now()
	ids, err := rows.Insert(ctx, client)
	if err != nil {
		return fmt.Errorf("filling the database: %w", err)
	}
	fmt.Fprintf(out, "%s; filled in %.1f s\n", rows, time.Since(started).Seconds())

	s := &shop{options: o, cached: client, plain: plain, cache: cache, ids: ids, words: rows.Words(), out: out}
	if err := s.day(ctx); err != nil {
		return err
	}
	s.summary()
	if s.checked.differed > 0 {
		return fmt.Errorf("%d of %d reads differed from the database", s.checked.differed, s.checked.reads)
	}
	return nil
}

// folder returns where the database goes, and a function that cleans up.
func folder(dir string) (string, func() error, error) {
	if dir == "" {
		dir, err := os.MkdirTemp("", "entcache-shop-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	if _, err := os.Stat(filepath.Join(dir, "shop.db")); err == nil {
		return "", nil, fmt.Errorf("%s has a shop.db already: remove it, or choose another folder", dir)
	}
	return dir, func() error { return nil }, os.MkdirAll(dir, 0o755)
}
