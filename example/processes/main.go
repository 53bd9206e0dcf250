// Command processes runs the music store in several processes that share what
// they cache through Redis. While visitors read and write in all of them, one
// process is killed and started again, and Redis is killed twice: once it comes
// back with an old snapshot, once empty. All the while it is checked that no
// read returns what was overwritten longer ago than the bound. It exits with 1
// if one did.
//
//	go run ./example/processes
//	go run ./example/processes -processes 5 -for 40s -bound 200ms
//	go run ./example/processes -db 'postgres://user:password@127.0.0.1:5432/shop?sslmode=disable'
//	go run ./example/processes -alone
//
// It starts a redis-server of its own. How a program sets up the cache is in
// cache.go, and how a web server passes tokens on in token.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/example/internal/music"
)

// options are the flags.
type options struct {
	processes       int
	duration, bound time.Duration
	seed            uint64
	db, data        string
	alone, verbose  bool
}

func main() {
	if os.Getenv(processEnv) != "" {
		os.Exit(processMain())
	}
	var o options
	flag.IntVar(&o.processes, "processes", 3, "how many processes there are")
	flag.DurationVar(&o.duration, "for", 20*time.Second, "how long the traffic lasts")
	flag.DurationVar(&o.bound, "bound", time.Second, "how old a result may be that another process has overwritten")
	flag.Uint64Var(&o.seed, "seed", 1, "what the generated rows and the traffic are made from")
	flag.StringVar(&o.db, "db", "", "use a schema of its own in the PostgreSQL database of this `URL`, instead of an SQLite file")
	flag.StringVar(&o.data, "data", "", "load the store from this JSON `file` of the Chinook database instead of generating it")
	flag.BoolVar(&o.alone, "alone", false, "leave the remote level out, to see what happens: each process caches for itself")
	flag.BoolVar(&o.verbose, "v", false, "show what the caches log, not only errors")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "processes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	quietRedis()
	switch {
	case o.processes < 2:
		return errors.New("-processes must be 2 or more")
	case o.duration < time.Second:
		return errors.New("-for must be 1s or more")
	case o.bound < 100*time.Millisecond:
		return errors.New("-bound must be 100ms or more")
	}
	dir, err := os.MkdirTemp("", "entcache-processes-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	redis, err := newRedisServer(ctx, filepath.Join(dir, "redis"), out)
	if err != nil {
		return err
	}
	defer redis.kill()

	dsn, drop, err := newDatabase(ctx, o.db, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	drv, err := open(dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drv.Close()) }()

	// This process only looks at the database, so it needs no cache. It fills the
	// database while there is nobody yet who could have cached anything.
	plain := ent.NewClient(ent.Driver(drv))
	rows := music.Generate(o.seed)
	if o.data != "" {
		if rows, err = music.Load(o.data); err != nil {
			return err
		}
	}
	ids, err := fill(ctx, drv, plain, rows)
	if err != nil {
		return fmt.Errorf("filling the database: %w", err)
	}
	fmt.Fprintln(out, rows)

	w := newWitness(plain, ids.Tracks[:min(numWatched, len(ids.Tracks))], o.bound)
	d := newDay(o, out, redis, w, setup{
		DSN: dsn, Redis: redis.url(), Dir: dir, Processes: o.processes, Bound: o.bound, Seed: o.seed, Alone: o.alone, Verbose: o.verbose,
		IDs: ids, Words: rows.Words(), Watched: w.tracks, Began: w.clock.began,
	})
	defer d.end()
	if err := d.run(ctx); err != nil {
		return err
	}
	return d.summary()
}
