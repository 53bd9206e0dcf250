// Command table measures every read uncached, as a hit and as a miss, all in
// one process and in turns, and prints a table in Markdown. Then it measures what
// hits cost in parallel, and in a cache of many entries. With -remote it measures
// the level that processes share instead, on a private Redis server.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"time"

	"github.com/entcache/ent-cache/internal/benchmarks"
)

func main() {
	benchmarks.Process()
	memory := flag.Bool("memory", false, "keep the database in memory instead of in a file")
	rounds := flag.Int("rounds", 15, "how many `times` each read is measured; the table has the medians")
	each := flag.Duration("each", 100*time.Millisecond, "how `long` a read is measured each time")
	entries := flag.Int("entries", 1_000_000, "how many `entries` the large cache has, in about 1 kB each; 0 leaves it out")
	only := flag.String("run", "", "measure only the reads, or with -remote the sections, whose names match the `regexp`")
	shared := flag.Bool("remote", false, "measure the level that processes share: hits, writes, near, misses, down and invalidation")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *memory, *shared, max(1, *rounds), *each, *entries, *only); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, memory, shared bool, rounds int, each time.Duration, entries int, only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if shared {
		return remote(ctx, memory, rounds, each, pattern.MatchString)
	}
	s, err := benchmarks.Open(ctx, memory)
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Println("| read | uncached µs | hit µs | miss µs | hit is faster by | miss costs | allocs uncached | hit | miss |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range benchmarks.Reads() {
		if !pattern.MatchString(r.Name) {
			continue
		}
		row, err := benchmarks.Measure(ctx, s, r, rounds, each)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %.1f | %.1f | %.1f | %.1f× | %.2f× | %.0f | %.0f | %.0f |\n", row.Name,
			micros(row.Uncached), micros(row.Hit), micros(row.Miss),
			float64(row.Uncached.CPU)/float64(row.Hit.CPU), float64(row.Miss.CPU)/float64(row.Uncached.CPU),
			row.Uncached.Allocs, row.Hit.Allocs, row.Miss.Allocs)
	}
	fmt.Printf("\nProcessor time of the whole process for one operation; medians of %d rounds. ", rounds)
	if memory {
		fmt.Println("SQLite in memory, one connection.")
	} else {
		fmt.Println("SQLite in a file, in the same process.")
	}

	get := benchmarks.Reads()[0]
	scaling, err := benchmarks.Parallel(ctx, s, get, runtime.GOMAXPROCS(0), rounds, 5000)
	if err != nil {
		return err
	}
	fmt.Printf("\n%d goroutines with keys of their own: %.2f× the hits of one, at %.2f× the processor time of each.\n",
		runtime.GOMAXPROCS(0), scaling.Throughput, scaling.CPU)
	if entries == 0 {
		return nil
	}
	c, err := benchmarks.Crowd(ctx, s, entries, rounds, 20_000)
	if err != nil {
		return err
	}
	fmt.Printf("\nA hit of %s takes %.1f µs in a small cache; in one of %d entries %.1f µs (%.2f×) if the entry is a hot one, %.1f µs (%.2f×) if it is any.\n",
		get.Name, micros(c.Alone), entries, micros(c.Hot), float64(c.Hot.CPU)/float64(c.Alone.CPU),
		micros(c.Random), float64(c.Random.CPU)/float64(c.Alone.CPU))
	return nil
}

func micros(c benchmarks.Cost) float64 { return float64(c.CPU.Nanoseconds()) / 1e3 }
