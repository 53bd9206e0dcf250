package benchmarks

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Case is what is measured in turns with others. Run gets the numbers below
// Variants, over and over. Before, if there is one, runs before each part of the
// runs and isn't counted, nor are Prepare and Done, before and after each measurement.
type Case struct {
	Name     string
	Variants int
	Run      func(ctx context.Context, i int) error
	Before   func(ctx context.Context) error
	Prepare  func(ctx context.Context) error
	Done     func()
}

// Plan says how cases are measured.
type Plan struct {
	// Rounds is how many times each case is measured, for about Each.
	Rounds int
	Each   time.Duration
	// Goroutines run a case at once, each with its part of the variants. Zero
	// means one.
	Goroutines int
	// Part is how many runs there are after each Before.
	Part int
	// Uncollected leaves out the collection of garbage before each measurement,
	// which takes longer than the measurement where there are a million entries.
	Uncollected bool
}

// Measure runs the cases in rounds, in turns of their order: what disturbs the
// machine for a while then disturbs all of them alike. The series have processor
// time and allocations of one run.
func (p Plan) Measure(ctx context.Context, cases ...Case) (Comparison, error) {
	p.Goroutines = max(1, p.Goroutines)
	series, n := make(Comparison, len(cases)), make([]int, len(cases))
	for i, c := range cases {
		series[i] = &Series{Name: c.Name}
		for n[i] = 8 * p.Goroutines; ; n[i] *= 2 {
			cpu, _, err := p.turn(ctx, c, n[i])
			if err != nil {
				return nil, err
			}
			if cpu >= p.Each/4 {
				one := max(1, cpu/time.Duration(n[i]))
				n[i] = max(p.Goroutines, int(p.Each/one))
				break
			}
		}
	}
	for round := range p.Rounds {
		for k := range cases {
			i := (round + k) % len(cases)
			cpu, allocs, err := p.turn(ctx, cases[i], n[i])
			if err != nil {
				return nil, err
			}
			series[i].Client = append(series[i].Client, cpu/time.Duration(n[i]))
			series[i].Allocs = append(series[i].Allocs, float64(allocs)/float64(n[i]))
		}
	}
	return series, nil
}

// turn measures a case once, and leaves nothing of it behind.
func (p Plan) turn(ctx context.Context, c Case, n int) (cpu time.Duration, allocs uint64, err error) {
	if c.Prepare != nil {
		if err := c.Prepare(ctx); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	if c.Done != nil {
		defer c.Done()
	}
	if !p.Uncollected {
		// What others left to collect is not this one's cost.
		runtime.GC()
	}
	return p.sample(ctx, c, n)
}

// sample runs a case n times and returns what that took in all.
func (p Plan) sample(ctx context.Context, c Case, n int) (cpu time.Duration, allocs uint64, err error) {
	part := n
	if c.Before != nil {
		part = min(n, p.Part*p.Goroutines)
	}
	var before, after runtime.MemStats
	for done := 0; done < n; done += part {
		if c.Before != nil {
			if err := c.Before(ctx); err != nil {
				return 0, 0, fmt.Errorf("%s: %w", c.Name, err)
			}
		}
		now := min(part, n-done)
		runtime.ReadMemStats(&before)
		started := CPUTime()
		err := p.run(ctx, c, done, now)
		cpu += CPUTime() - started
		runtime.ReadMemStats(&after)
		allocs += after.Mallocs - before.Mallocs
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return cpu, allocs, nil
}

func (p Plan) run(ctx context.Context, c Case, from, n int) error {
	if p.Goroutines == 1 {
		for i := range n {
			if err := c.Run(ctx, (from+i)%c.Variants); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		wg    sync.WaitGroup
		errs  = make([]error, p.Goroutines)
		share = max(1, c.Variants/p.Goroutines)
	)
	for g := range p.Goroutines {
		wg.Go(func() {
			for i := g; i < n && errs[g] == nil; i += p.Goroutines {
				errs[g] = c.Run(ctx, (g*share+(from+i)/p.Goroutines%share)%c.Variants)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
