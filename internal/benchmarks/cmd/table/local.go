package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/entcache/ent-cache/internal/benchmarks"
	"github.com/entcache/ent-cache/internal/testdb"
)

// telling are the reads that are measured everywhere. The others are measured
// where nothing else goes on, by one driver of each database, unless all are asked
// for.
var telling = []string{"Get", "20 of 10k, by index", "50 albums with 4 tracks each"}

// local measures the levels in the process.
func local(ctx context.Context, o options, memory bool) error {
	databases := []benchmarks.Database{benchmarks.SQLite, benchmarks.PGX, benchmarks.PQ}
	if memory {
		databases[0] = benchmarks.SQLiteMemory
	}
	began("reads")
	fmt.Println("Processor time of this process in µs and allocations for one read. The ratios are of processor time, with the interval that")
	fmt.Printf("holds the true one in 95 of 100 runs; medians of %d rounds.\n\n", o.rounds)
	fmt.Println("| where | read | uncached | yardstick | rows | value | shared | miss | rows are faster than the yardstick by | values by | shared values by | a miss costs |")
	fmt.Println("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	var notes []string
	for i, d := range databases {
		more, err := o.database(ctx, d, i)
		notes = append(notes, more...)
		if errors.Is(err, testdb.ErrUnavailable) {
			notes = append(notes, fmt.Sprintf("%s isn't measured: %v", d.Name, err))
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
	}
	fmt.Println()
	for _, n := range notes {
		fmt.Println(n)
	}
	if !o.floor {
		return nil
	}
	return o.printFloor(ctx, databases[0])
}

// settings are what goes on around the reads; the first one is nothing.
func (o options) settings() []benchmarks.Setting {
	n := runtime.GOMAXPROCS(0)
	list := []benchmarks.Setting{
		{},
		{Name: fmt.Sprintf("%d goroutines", n), Goroutines: n},
		{Name: "a write per 100 reads", Writes: 100},
	}
	if o.entries > 0 {
		// Last, since the caches don't get smaller again.
		name := fmt.Sprintf("%d entries", o.entries)
		list = append(list, benchmarks.Setting{Name: name, Entries: o.entries})
		if o.full {
			list = append(list, benchmarks.Setting{Name: fmt.Sprintf("%s, %d goroutines", name, n), Entries: o.entries, Goroutines: n})
		}
	}
	return list
}

func (o options) database(ctx context.Context, d benchmarks.Database, n int) (notes []string, err error) {
	var s *benchmarks.Store
	for i, set := range o.settings() {
		where := strings.TrimSuffix(d.Name+", "+set.Name, ", ")
		if !o.only.MatchString(where) || i > 0 && n > 0 && !o.full {
			continue
		}
		for _, r := range benchmarks.Reads() {
			if !o.reads.MatchString(r.Name) || (i > 0 || n > 1) && !o.full && !slices.Contains(telling, r.Name) {
				continue
			}
			if s == nil {
				if s, err = benchmarks.OpenIn(ctx, d); err != nil {
					return nil, err
				}
				defer s.Close()
			}
			row, err := s.Measure(ctx, r, set, benchmarks.Plan{Rounds: o.rounds, Each: o.each})
			if err != nil {
				return nil, err
			}
			notes = append(notes, printRow(where, row)...)
		}
	}
	return notes, nil
}

// printRow prints what a read costs, and returns what is to be said about it.
func printRow(where string, r benchmarks.Row) (notes []string) {
	fmt.Printf("| %s | %s |", where, r.Read)
	for i, s := range r.Comparison {
		mark := ""
		if h := r.Hits[i]; h >= 0 && h < 0.99 {
			mark = " *"
			notes = append(notes, fmt.Sprintf("\\* %s, %s, %s: %.0f %% were hits.", where, r.Read, s.Name, 100*h))
		}
		fmt.Printf(" %.1f / %.0f%s |", micro(benchmarks.Middle(s.Client)), math.Round(benchmarks.Middle(s.Allocs)), mark)
	}
	ratio := func(a, b int) benchmarks.Ratio {
		return benchmarks.RatioOf(r.Comparison[a].Client, r.Comparison[b].Client)
	}
	fmt.Printf(" %v | %v | %v | %v |\n", ratio(benchmarks.PeerMode, benchmarks.RowsMode), ratio(benchmarks.PeerMode, benchmarks.ValueMode),
		ratio(benchmarks.PeerMode, benchmarks.SharedMode), ratio(benchmarks.MissMode, benchmarks.UncachedMode))
	return notes
}
