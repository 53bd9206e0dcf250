package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/internal/benchmarks"
)

// remote measures the level that processes share, against the same without it.
func remote(ctx context.Context, memory bool, rounds int, each time.Duration, only func(string) bool) error {
	// The client's own messages say what is measured: that a server is gone.
	redis.SetLogger(silent{})
	sections := []struct {
		name string
		run  func(context.Context, *benchmarks.Remote, int, time.Duration) error
	}{
		{"hits", remoteHits}, {"writes", remoteWrites}, {"near", remoteNear}, {"misses", remoteMisses}, {"down", remoteDown},
	}
	for _, s := range sections {
		if !only(s.name) {
			continue
		}
		if err := section(ctx, s.name, memory, func(r *benchmarks.Remote) error { return s.run(ctx, r, rounds, each) }); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if !only("invalidation") {
		return nil
	}
	return invalidation(ctx, rounds, each)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func section(ctx context.Context, name string, memory bool, run func(*benchmarks.Remote) error) error {
	r, err := benchmarks.OpenRemote(ctx, memory)
	if err != nil {
		return err
	}
	defer r.Close()
	began(name)
	return run(r)
}

func began(name string) {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		load = []byte("unknown")
	}
	fmt.Printf("\n%s (%d processors, load %s)\n\n", strings.ToUpper(name[:1])+name[1:], runtime.NumCPU(), strings.Fields(string(load))[0])
}

func remoteHits(ctx context.Context, r *benchmarks.Remote, rounds int, each time.Duration) error {
	for _, read := range benchmarks.RemoteReads() {
		h, err := r.Hits(ctx, read, rounds, each)
		if err != nil {
			return err
		}
		fmt.Printf("%s: a payload of %d bytes with %d facts, %d bytes in Redis\n\n", h.Read, h.Payload, h.Facts, h.Entry)
		compared(h.Comparison[:benchmarks.DefaultGet], benchmarks.BareGet)
		fmt.Println()
		compared(h.Comparison[benchmarks.DefaultGet:], 0)
		fmt.Println()
	}
	return nil
}

func remoteWrites(ctx context.Context, r *benchmarks.Remote, rounds int, each time.Duration) error {
	c, facts, err := r.Writes(ctx, rounds, each)
	if err != nil {
		return err
	}
	fmt.Printf("The mutation touches %d facts.\n\n", facts)
	compared(c[:benchmarks.LocalWrite], 0)
	fmt.Println()
	compared(c[benchmarks.LocalWrite:], 0)
	return nil
}

// finer is into how many parts a round is cut where the difference is small.
const finer = 4

func remoteNear(ctx context.Context, r *benchmarks.Remote, rounds int, each time.Duration) error {
	for _, read := range []benchmarks.Read{benchmarks.Reads()[0], benchmarks.Reads()[3]} {
		c, err := r.Near(ctx, read, finer*rounds, each/finer)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n\n", read.Name)
		compared(c, 1)
		fmt.Println()
	}
	return nil
}

func remoteMisses(ctx context.Context, r *benchmarks.Remote, rounds int, each time.Duration) error {
	for _, read := range []benchmarks.Read{benchmarks.Reads()[0], benchmarks.Reads()[1]} {
		c, stats, err := r.Misses(ctx, read, rounds, each)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d stored, %d dropped, refused %v\n\n", read.Name, stats.Stored, stats.Dropped, stats.Refused)
		compared(c[:3], 0)
		fmt.Println()
		compared(c[3:], 0)
		fmt.Println()
	}
	return nil
}

func remoteDown(ctx context.Context, r *benchmarks.Remote, rounds int, each time.Duration) error {
	d, err := r.Down(ctx, benchmarks.Reads()[0], finer*rounds, each/finer)
	if err != nil {
		return err
	}
	compared(d.Comparison[:3], 1)
	fmt.Println()
	compared(d.Comparison[3:], 1)
	fmt.Printf("\nA cache that nobody reads takes %v of processor time a second with the server, %v without.\n", d.Idle, d.IdleDown)
	for _, o := range []struct {
		what string
		benchmarks.Outage
	}{{"doesn't answer", d.Hung}, {"is gone", d.Killed}} {
		fmt.Printf("While the server %s: %d reads one after the other, half within %v, %d took ten times that, the slowest %v.\n",
			o.what, o.Reads, o.Median, o.Slow, o.Most)
	}
	return nil
}

const (
	processes = 8
	writes    = 1000
)

func invalidation(ctx context.Context, rounds int, each time.Duration) error {
	began("invalidation")
	// A round of the others is too short for a percentile of a hundred.
	bare, cached, err := benchmarks.Invalidation(ctx, processes, writes, max(1, rounds/5), 20*each)
	if err != nil {
		return err
	}
	fmt.Printf("%d processes, milliseconds.\n\n", processes)
	fmt.Println("| from one process to another | p50 | p90 | p99 | p99.9 | most | within 1 ms | within 5 ms |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|")
	line := func(name string, l []time.Duration) {
		at := func(part float64) float64 { return float64(benchmarks.Percentile(l, part).Microseconds()) / 1e3 }
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f %% | %.2f %% |\n", name, at(0.5), at(0.9), at(0.99), at(0.999), at(1),
			100*benchmarks.Within(l, time.Millisecond), 100*benchmarks.Within(l, 5*time.Millisecond))
	}
	line("bare PUBLISH, from the call", bare.Called)
	line("announcement, from the call", cached.Called)
	line("bare PUBLISH, from its answer", bare.Answered)
	line("announcement, from its answer: before that nothing can be visible", cached.Answered)
	line("announcement, from when the mutation returned", cached.Returned)
	line("timers of the same processes, lateness, bare", bare.Late)
	line("timers of the same processes, lateness, writes", cached.Late)
	fmt.Println()
	for _, d := range []struct {
		what string
		*benchmarks.Delivery
	}{{"messages by hand", bare}, {"writes", cached}} {
		fmt.Printf("%s: %.0f a second, %d deliveries, %d lost; for each %v of processor time in all processes and %v in Redis\n",
			d.what, d.Rate, len(d.Called), d.Lost, d.CPU, d.Server)
	}
	return nil
}

// compared prints a comparison as a table, with ratios to one of its operations.
func compared(c benchmarks.Comparison, base int) {
	fmt.Println("| operation | p50 µs | p99 µs | client µs | Redis µs | allocs | trips | p50 ratio | client ratio | client and Redis ratio |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	b := c[base]
	for _, s := range c {
		fmt.Printf("| %s | %.1f | %.1f | %.1f | %.1f | %.0f | %.2f | %v | %v | %v |\n", s.Name,
			micro(benchmarks.Middle(s.P50)), micro(s.Percentile(0.99)), micro(benchmarks.Middle(s.Client)), micro(benchmarks.Middle(s.Server)),
			math.Round(benchmarks.Middle(s.Allocs)), benchmarks.Middle(s.Trips),
			benchmarks.RatioOf(s.P50, b.P50), benchmarks.RatioOf(s.Client, b.Client), benchmarks.RatioOf(s.Total(), b.Total()))
	}
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
