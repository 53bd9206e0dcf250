package benchmarks

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/entcache/ent-cache/ent"
)

// Cost is what one operation takes.
type Cost struct {
	CPU    time.Duration
	Allocs float64
}

// Row is what a read costs without the cache, as a hit and as a miss.
type Row struct {
	Name                string
	Uncached, Hit, Miss Cost
}

// Measure runs a read in rounds, each of which runs it uncached, as a hit and as
// a miss for about the given time, in turns of their order. It returns the
// medians: what disturbs the machine for a while then disturbs all three alike.
func Measure(ctx context.Context, s *Store, r Read, rounds int, each time.Duration) (Row, error) {
	clients := [...]*ent.Client{s.Uncached, s.Hit, s.Miss}
	var (
		n     [len(clients)]int
		costs [len(clients)][]Cost
	)
	for i, client := range clients {
		if err := r.Warm(ctx, client); err != nil {
			return Row{}, err
		}
		for n[i] = 8; ; n[i] *= 2 {
			c, err := cost(ctx, client, r, n[i])
			if err != nil {
				return Row{}, err
			}
			if took := c.CPU * time.Duration(n[i]); took >= each/4 {
				n[i] = max(1, int(each/max(1, c.CPU)))
				break
			}
		}
	}
	for round := range rounds {
		for k := range clients {
			i := (round + k) % len(clients)
			c, err := cost(ctx, clients[i], r, n[i])
			if err != nil {
				return Row{}, err
			}
			costs[i] = append(costs[i], c)
		}
	}
	return Row{Name: r.Name, Uncached: median(costs[0]), Hit: median(costs[1]), Miss: median(costs[2])}, nil
}

func cost(ctx context.Context, client *ent.Client, r Read, n int) (Cost, error) {
	// What others left to collect is not this one's cost.
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := CPUTime()
	for i := range n {
		if err := r.Run(ctx, client, i%r.Variants); err != nil {
			return Cost{}, fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	took := CPUTime() - started
	runtime.ReadMemStats(&after)
	return Cost{CPU: took / time.Duration(n), Allocs: float64(after.Mallocs-before.Mallocs) / float64(n)}, nil
}

func median(costs []Cost) Cost {
	cpu, allocs := slices.Clone(costs), slices.Clone(costs)
	slices.SortFunc(cpu, func(a, b Cost) int { return cmp.Compare(a.CPU, b.CPU) })
	slices.SortFunc(allocs, func(a, b Cost) int { return cmp.Compare(a.Allocs, b.Allocs) })
	return Cost{CPU: cpu[len(cpu)/2].CPU, Allocs: allocs[len(allocs)/2].Allocs}
}
