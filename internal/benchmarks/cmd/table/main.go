// Command table measures every read uncached, as a hit of the yardstick, as a hit
// of rows, of values and of shared values, and as a miss, all in one process and
// in turns, and prints a table in Markdown. A second table has the floor: what a
// hit is made of, each part by itself. With -remote it measures the level that
// processes share instead, on a private Redis server.
//
// PostgreSQL is measured where ENTCACHE_TEST_POSTGRES names a server, as it does
// under bin/servers.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"

	"github.com/entcache/ent-cache/internal/benchmarks"
)

type options struct {
	rounds      int
	each        time.Duration
	entries     int
	full        bool
	floor       bool
	reads, only *regexp.Regexp
}

func main() {
	benchmarks.Process()
	var o options
	memory := flag.Bool("memory", false, "keep the database in memory instead of in a file")
	flag.IntVar(&o.rounds, "rounds", 9, "how many `times` each read is measured; the tables have the medians")
	flag.DurationVar(&o.each, "each", 150*time.Millisecond, "how `long` a read is measured each time; less than some collections of garbage take says little")
	flag.IntVar(&o.entries, "entries", 1_000_000, "how many `entries` the large caches have, in about 1 kB each; 0 leaves them out")
	flag.BoolVar(&o.full, "full", false, "measure all reads in all settings on all databases, not only the telling ones")
	flag.BoolVar(&o.floor, "floor", true, "measure the floor too")
	reads := flag.String("run", "", "measure only the reads, or with -remote the sections, whose names match the `regexp`")
	only := flag.String("where", "", "measure only the databases and settings whose names match the `regexp`")
	shared := flag.Bool("remote", false, "measure the level that processes share: hits, writes, near, misses, down and invalidation")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o.rounds = max(1, o.rounds)
	if err := run(ctx, o, *reads, *only, *memory, *shared); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, reads, only string, memory, shared bool) (err error) {
	if o.reads, err = regexp.Compile(reads); err != nil {
		return err
	}
	if o.only, err = regexp.Compile(only); err != nil {
		return err
	}
	if shared {
		return remote(ctx, memory, o.rounds, o.each, o.reads.MatchString)
	}
	return local(ctx, o, memory)
}
