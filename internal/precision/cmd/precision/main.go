// Command precision plays workloads and prints, as a table in Markdown, how far
// the cache is from a perfect one, and what others would have done.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/entcache/ent-cache/internal/precision"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	operations := flag.Int("operations", 20_000, "how long each log is")
	seed := flag.Uint64("seed", 1, "of the logs")
	only := flag.String("workload", "", "play only this one: shop, feed or queue")
	shares := flag.String("writes", "1,5,20", "shares of writes, in percent")
	every := flag.Duration("every", 10*time.Millisecond, "time from one operation to the next, for policies with a TTL")
	remote := flag.Bool("remote", false, "with a level that other processes could share, in memory")
	causes := flag.Int("causes", 0, "print so many causes of needless misses for each run")
	flag.Parse()

	var results []*precision.Result
	for _, w := range precision.Workloads() {
		if *only != "" && *only != w.Name {
			continue
		}
		for share := range strings.SplitSeq(*shares, ",") {
			percent, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
			if err != nil {
				return fmt.Errorf("-writes: %w", err)
			}
			started := time.Now()
			r, err := precision.Run(ctx, w, precision.Options{Seed: *seed, Operations: *operations, Writes: percent / 100, Every: *every, Remote: *remote})
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%s, %g %% writes: %.3f of the oracle's hits, %d stale, in %.0f s\n",
				w.Name, percent, r.Ratio(), r.Policies[precision.Ours].Stale, time.Since(started).Seconds())
			results = append(results, r)
		}
	}
	if len(results) == 0 {
		return fmt.Errorf("no workload %q; there are shop, feed and queue", *only)
	}
	if err := precision.WriteTable(os.Stdout, results); err != nil {
		return err
	}
	for _, r := range results {
		if *causes > 0 {
			fmt.Println()
			if err := precision.WriteCauses(os.Stdout, r, *causes); err != nil {
				return err
			}
		}
	}
	for _, r := range results {
		if n := r.Policies[precision.Ours].Stale; n > 0 {
			return fmt.Errorf("%s, %g %% writes: %d reads were wrong", r.Workload, 100*r.Writes, n)
		}
	}
	return nil
}
