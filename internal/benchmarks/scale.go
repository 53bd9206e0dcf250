package benchmarks

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/store/memstore"
)

// Scaling is what hits of different keys do to each other.
type Scaling struct {
	// Throughput is how many times the hits of one goroutine several make in
	// the same time. On a busy machine it may be less than what they could.
	Throughput float64
	// CPU is how many times the processor time of a hit each takes then: shared
	// memory that is written, or a lock that is spun on, raises it.
	CPU float64
}

// Parallel measures hits in one goroutine and in several, in turns, and returns
// the medians.
func Parallel(ctx context.Context, s *Store, r Read, goroutines, rounds, n int) (Scaling, error) {
	if err := r.Warm(ctx, s.Hit); err != nil {
		return Scaling{}, err
	}
	var throughput, cpu []float64
	for range rounds {
		wall1, cpu1, err := hits(ctx, s, r, 1, n)
		if err != nil {
			return Scaling{}, err
		}
		wall, cpus, err := hits(ctx, s, r, goroutines, n)
		if err != nil {
			return Scaling{}, err
		}
		throughput = append(throughput, float64(goroutines)*wall1.Seconds()/wall.Seconds())
		cpu = append(cpu, cpus.Seconds()/cpu1.Seconds()/float64(goroutines))
	}
	slices.Sort(throughput)
	slices.Sort(cpu)
	return Scaling{Throughput: throughput[rounds/2], CPU: cpu[rounds/2]}, nil
}

// hits runs n hits in each goroutine, no two of them on one key.
func hits(ctx context.Context, s *Store, r Read, goroutines, n int) (wall, cpu time.Duration, err error) {
	var (
		wg     sync.WaitGroup
		errs   = make([]error, goroutines)
		share  = r.Variants / goroutines
		began  = time.Now()
		before = CPUTime()
	)
	for g := range goroutines {
		wg.Go(func() {
			for i := 0; i < n && errs[g] == nil; i++ {
				errs[g] = r.Run(ctx, s.Hit, g*share+i%share)
			}
		})
	}
	wg.Wait()
	for _, e := range errs {
		if e != nil {
			err = e
		}
	}
	return time.Since(began), CPUTime() - before, err
}

// Crowding is the cost of a hit of Get by what else the cache holds.
type Crowding struct {
	// Alone is with nothing but the entries that are read, Hot with many others
	// beside them, and Random reads any of the many.
	Alone, Hot, Random Cost
}

const hotEntries = 512

// Crowd measures hits in a cache of the given number of entries, which take
// about a kilobyte each.
func Crowd(ctx context.Context, s *Store, entries, rounds, n int) (Crowding, error) {
	alone, err := newCrowd(ctx, s, hotEntries)
	if err != nil {
		return Crowding{}, err
	}
	many, err := newCrowd(ctx, s, entries)
	if err != nil {
		return Crowding{}, err
	}
	kinds := [...]struct {
		client *ent.Client
		pick   func(i int) int
	}{
		{alone, func(i int) int { return i % hotEntries }},
		{many, func(i int) int { return i % hotEntries }},
		// A prime stride far from both ends visits all in no order of memory.
		{many, func(i int) int { return int(uint64(i) * 2_654_435_761 % uint64(entries)) }},
	}
	var costs [len(kinds)][]Cost
	next := 0
	for range rounds {
		for k, kind := range kinds {
			read := Read{Name: "Get", Variants: 1 << 40, Run: func(ctx context.Context, client *ent.Client, _ int) error {
				next++
				_, err := client.Track.Get(context.WithValue(ctx, reader{}, kind.pick(next)), 1)
				return err
			}}
			c, err := cost(ctx, kind.client, read, n)
			if err != nil {
				return Crowding{}, err
			}
			costs[k] = append(costs[k], c)
		}
	}
	return Crowding{Alone: median(costs[0]), Hot: median(costs[1]), Random: median(costs[2])}, nil
}

// reader is the context key of what a crowd's cache varies by.
type reader struct{}

// newCrowd returns a client whose cache holds one query's result under as many
// keys as there are entries. One is read from the database and the others are
// copies of it, since that many misses would take minutes.
func newCrowd(ctx context.Context, s *Store, entries int) (*ent.Client, error) {
	near := &copier{Near: memstore.New(int64(entries) << 12)}
	client, _, err := s.Client(cache.Options{Near: near, VaryBy: func(ctx context.Context) string {
		return strconv.Itoa(ctx.Value(reader{}).(int))
	}})
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if _, err := client.Track.Get(context.WithValue(ctx, reader{}, i), 1); err != nil {
			return nil, err
		}
	}
	near.first = nil
	if n := near.Len(); n != entries {
		return nil, want(entries, n)
	}
	return client, nil
}

// copier is a near level that answers each look-up with a copy of the first
// entry it got, until first is taken away.
type copier struct {
	cache.Near
	first *cache.Entry
}

func (c *copier) Set(key cache.Key, e *cache.Entry, ttl time.Duration) {
	c.first = e
	c.Near.Set(key, e, ttl)
}

func (c *copier) Get(key cache.Key) (*cache.Entry, bool) {
	e, ok := c.Near.Get(key)
	if ok || c.first == nil {
		return e, ok
	}
	e = &cache.Entry{
		Rows:   &codec.Rows{Columns: c.first.Rows.Columns, Values: slices.Clone(c.first.Rows.Values), N: c.first.Rows.N},
		Facts:  slices.Clone(c.first.Facts),
		Tables: c.first.Tables, Position: c.first.Position, Filled: c.first.Filled,
	}
	for i, v := range e.Rows.Values {
		if text, ok := v.(string); ok {
			e.Rows.Values[i] = strings.Clone(text)
		}
	}
	c.Near.Set(key, e, time.Hour)
	return e, true
}
