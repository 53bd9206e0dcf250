// Command oracle compares a cached and an uncached client over random
// operations, and prints the shortest list of operations it finds that makes
// them differ. With -processes the cached side is several caches that share a
// remote level. With -goroutines it lets several loose on one database instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"github.com/entcache/ent-cache/internal/mutant"
	"github.com/entcache/ent-cache/internal/oracle"
	"github.com/entcache/ent-cache/internal/testdb"
)

// options are the flags.
type options struct {
	seed       uint64
	ops        int
	domains    string
	replay     string
	out        string
	shrink     time.Duration
	goroutines int
	processes  int
	tokens     bool
	raw        bool
	rows       bool
	storm      time.Duration
}

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "the seed of the first list of operations")
	flag.IntVar(&o.ops, "ops", 20000, "the number of operations, on each database")
	db := flag.String("db", "sqlite", "the databases: sqlite, postgres, mysql or all")
	flag.StringVar(&o.domains, "domain", "", "the domains, separated by commas: "+strings.Join(oracle.Domains(), ", ")+"; all if empty")
	flag.StringVar(&o.replay, "replay", "", "run the operations in this file, as printed for a failure")
	flag.StringVar(&o.out, "out", "", "write the operations of a failure to this file")
	flag.DurationVar(&o.shrink, "shrink", time.Minute, "how long to look for a shorter list that fails")
	flag.IntVar(&o.goroutines, "goroutines", 0, "let this many readers, and half as many writers, loose on each domain")
	flag.IntVar(&o.processes, "processes", 1, "spread the operations over this many caches that share a remote level: the Redis of "+testdb.RedisEnv+", or a simulated one")
	flag.BoolVar(&o.tokens, "tokens", false, "with -processes, make reads bounded ones that carry the token of the last write, and not strict ones")
	flag.BoolVar(&o.raw, "raw", false, "make some of the writes raw SQL, on a driver that reads it")
	flag.BoolVar(&o.rows, "rows", false, "switch the level of typed values off; else it is off for every fourth list")
	flag.DurationVar(&o.storm, "for", 5*time.Second, "how long, with -goroutines")
	name := flag.String("mutant", "none", "switch on a deliberate error; needs a build with -tags mutant")
	flag.Parse()
	n, err := mutant.Parse(*name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	mutant.Set(n)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dialects := []string{*db}
	switch *db {
	case "all":
		dialects = testdb.Dialects()
	case "sqlite":
		dialects = []string{dialect.SQLite}
	}
	failed := false
	for _, d := range dialects {
		err := o.run(ctx, d)
		if errors.Is(err, testdb.ErrUnavailable) && *db == "all" {
			fmt.Printf("%s: %v\n", d, err)
			continue
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", d, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context, d string) error {
	switch {
	case o.replay != "":
		return o.repeat(ctx, d)
	case o.goroutines > 0:
		return o.letLoose(ctx, d)
	default:
		return o.compare(ctx, d)
	}
}

func (o options) names() []string {
	if o.domains == "" {
		return nil
	}
	return strings.Split(o.domains, ",")
}

func (o options) compare(ctx context.Context, d string) error {
	fmt.Printf("%s: seed %d, %d operations\n", d, o.seed, o.ops)
	c := oracle.Campaign{Dialect: d, Seed: o.seed, Ops: o.ops, Domains: o.names(), Progress: os.Stdout, Shrink: o.shrink, Processes: o.processes, Tokens: o.tokens, Raw: o.raw, RowsOnly: o.rows}
	start := time.Now()
	s, err := c.Run(ctx)
	fmt.Printf("%s: %s\n", d, s.Line(time.Since(start)))
	var f *oracle.Failure
	if errors.As(err, &f) {
		fmt.Printf("%s: the operations, for -replay:\n", d)
		_ = f.List.Write(os.Stdout)
		if o.out != "" {
			return errors.Join(err, save(o.out, f.List))
		}
	}
	return err
}

func save(name string, l oracle.List) error {
	w, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(l.Write(w), w.Close())
}

func (o options) repeat(ctx context.Context, dialectName string) error {
	f, err := os.Open(o.replay)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := oracle.Parse(f)
	if err != nil {
		return err
	}
	d, err := oracle.Open(ctx, list.Domain, dialectName)
	if err != nil {
		return err
	}
	defer d.Close()
	s, err := oracle.Run(ctx, d, list, true)
	fmt.Printf("%s: %d operations, %d reads compared\n", dialectName, s.Ops, s.Reads)
	return err
}

func (o options) letLoose(ctx context.Context, dialectName string) error {
	names := o.names()
	if names == nil {
		names = oracle.Domains()
	}
	for _, name := range names {
		d, err := oracle.Open(ctx, name, dialectName)
		if err != nil {
			return err
		}
		s := oracle.Storm{Seed: o.seed, Readers: o.goroutines, Writers: (o.goroutines + 1) / 2, For: o.storm, Pause: time.Millisecond}
		stats, err := s.Run(ctx, d)
		fmt.Printf("%s: %s: seed %d: %s\n", dialectName, name, o.seed, stats.Line())
		if err = errors.Join(err, d.Close()); err != nil {
			return err
		}
	}
	return nil
}
