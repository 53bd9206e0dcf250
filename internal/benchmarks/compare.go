package benchmarks

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// Op is an operation that is compared with others. Run is what a caller waits
// for. After, if there is one, is run after each: its processor time counts and
// its latency doesn't.
type Op struct {
	Name       string
	Run, After func(ctx context.Context, i int) error
}

// Series is what one operation took, in rounds that were measured in turns with
// those of the operations it was compared with.
type Series struct {
	Name string
	// Client and Server are processor time for one operation, P50 latency.
	Client, Server, P50 []time.Duration
	// Allocs and Trips are allocations and round trips for one operation.
	Allocs, Trips []float64
	// Latencies are those of all rounds, sorted.
	Latencies []time.Duration
}

// Comparison are the series of operations that were measured in turns.
type Comparison []*Series

// meter tells what a server has done. Without one a comparison has zeros there.
type meter interface {
	CPU(ctx context.Context) (time.Duration, error)
	Trips() uint64
}

// Compare runs each operation for about the given time in each round.
func Compare(ctx context.Context, m meter, rounds int, each time.Duration, ops ...Op) (Comparison, error) {
	series := make(Comparison, len(ops))
	n := make([]int, len(ops))
	for k, op := range ops {
		series[k] = &Series{Name: op.Name}
		one, err := calibrate(ctx, op, each)
		if err != nil {
			return nil, err
		}
		n[k] = max(8, int(each/max(1, one)))
	}
	for round := range rounds {
		for k := range ops {
			i := (round + k) % len(ops)
			if err := series[i].round(ctx, m, ops[i], n[i]); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range series {
		slices.Sort(s.Latencies)
	}
	return series, nil
}

// calibrate returns about how long an operation takes: the least of several
// times, since a round that is too short counts what each round costs besides.
func calibrate(ctx context.Context, op Op, each time.Duration) (time.Duration, error) {
	least := time.Duration(math.MaxInt64)
	for n, times := 8, 0; times < 3; {
		began := time.Now()
		if err := new(Series).round(ctx, nil, op, n); err != nil {
			return 0, err
		}
		took := time.Since(began)
		if took < each/8 {
			n *= 2
			continue
		}
		least = min(least, took/time.Duration(n))
		times++
	}
	return least, nil
}

func (s *Series) round(ctx context.Context, m meter, op Op, n int) error {
	latencies := make([]time.Duration, n)
	// What others left to collect is not this one's cost.
	runtime.GC()
	var (
		before, after   runtime.MemStats
		served, serving time.Duration
		trips           uint64
		err             error
	)
	if m != nil {
		if serving, err = m.CPU(ctx); err != nil {
			return err
		}
		trips = m.Trips()
	}
	runtime.ReadMemStats(&before)
	started := CPUTime()
	for i := range n {
		began := time.Now()
		err := op.Run(ctx, i)
		latencies[i] = time.Since(began)
		if err == nil && op.After != nil {
			err = op.After(ctx, i)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", op.Name, err)
		}
	}
	took := CPUTime() - started
	runtime.ReadMemStats(&after)
	if m != nil {
		trips = m.Trips() - trips
		if served, err = m.CPU(ctx); err != nil {
			return err
		}
	}
	slices.Sort(latencies)
	s.Client = append(s.Client, took/time.Duration(n))
	s.Server = append(s.Server, (served-serving)/time.Duration(n))
	s.P50 = append(s.P50, latencies[n/2])
	s.Allocs = append(s.Allocs, float64(after.Mallocs-before.Mallocs)/float64(n))
	s.Trips = append(s.Trips, float64(trips)/float64(n))
	s.Latencies = append(s.Latencies, latencies...)
	return nil
}

// Percentile returns the latency that the given part of all stays within.
func (s *Series) Percentile(part float64) time.Duration { return Percentile(s.Latencies, part) }

// Percentile returns the value that the given part of sorted values stays within.
func Percentile[T any](sorted []T, part float64) (zero T) {
	if len(sorted) == 0 {
		return zero
	}
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

// Middle returns the median of what a series has for each round.
func Middle[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return Percentile(sorted, 0.5)
}

// Total returns the processor time of both sides in each round.
func (s *Series) Total() []time.Duration {
	total := slices.Clone(s.Client)
	for i := range total {
		total[i] += s.Server[i]
	}
	return total
}

// Ratio is the median of the rounds' ratios, with the interval that holds the
// true one in 95 of 100 runs if rounds are independent.
type Ratio struct{ Median, Low, High float64 }

func (r Ratio) String() string {
	if math.IsNaN(r.Median) || math.IsInf(r.Median, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f× (%.2f–%.2f)", r.Median, r.Low, r.High)
}

// RatioOf divides what one operation took in each round by what another did in
// the same round.
func RatioOf(a, b []time.Duration) Ratio {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(ratios)
	n := len(ratios)
	k := rank(n)
	return Ratio{Median: Percentile(ratios, 0.5), Low: ratios[k], High: ratios[n-1-k]}
}

// rank returns how many of n sorted values lie outside the 95 % interval of the
// median on each side: the number of values below the median is binomial.
func rank(n int) int {
	below, p := 0.0, math.Pow(0.5, float64(n))
	for k := 0; k < n/2; k++ {
		if below += p; below > 0.025 {
			return max(0, k-1)
		}
		p *= float64(n-k) / float64(k+1)
	}
	return 0
}
