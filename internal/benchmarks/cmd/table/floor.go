package main

import (
	"context"
	"fmt"
	"math"

	"github.com/entcache/ent-cache/internal/benchmarks"
)

// printFloor prints what hits of values are made of.
func (o options) printFloor(ctx context.Context, d benchmarks.Database) error {
	s, err := benchmarks.OpenIn(ctx, d)
	if err != nil {
		return err
	}
	defer s.Close()
	began("floor")
	fmt.Println("What a hit of a value can't do without, measured apart, in µs of processor time and allocations: Ent's builder and interceptors with")
	fmt.Println("the result at hand, what predicates and order say, a hash, a look-up, and a copy of the result.")
	fmt.Println()
	fmt.Println("| read | hit | builder | fingerprint | hash | look-up | clone | floor | hit : floor |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range benchmarks.Reads() {
		if !o.reads.MatchString(r.Name) {
			continue
		}
		f, ok, err := s.Floor(ctx, r, benchmarks.Plan{Rounds: o.rounds, Each: o.each})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		fmt.Printf("| %s |", f.Read)
		for _, c := range f.Comparison {
			fmt.Printf(" %.2f / %.0f |", micro(benchmarks.Middle(c.Client)), math.Round(benchmarks.Middle(c.Allocs)))
		}
		sum := f.Sum()
		fmt.Printf(" %.2f / %.0f | %v |\n", micro(benchmarks.Middle(sum)), math.Round(f.Allocs()),
			benchmarks.RatioOf(f.Comparison[benchmarks.WholeHit].Client, sum))
	}
	return nil
}
