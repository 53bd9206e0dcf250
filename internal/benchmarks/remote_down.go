package benchmarks

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/store/redisstore"
)

// Outage is what reads wait for while a server fails: the slowest, and how many
// took ten times as long as half of them.
type Outage struct {
	Reads, Slow  int
	Median, Most time.Duration
}

// Down is what reads cost while the server can't be reached, and before that
// what they waited for when it stopped to answer, and when it ended.
type Down struct {
	Comparison
	Hung, Killed Outage
	// Idle is the processor time that one cache takes in a second when nobody
	// reads, with the server there and without.
	Idle, IdleDown time.Duration
}

// Down compares reads without a remote level with those of a cache whose server
// is gone: hits in the process, then misses. The first two operations of each are
// both without it, as in Near.
func (r *Remote) Down(ctx context.Context, read Read, rounds int, each time.Duration) (*Down, error) {
	var (
		shared [2]*Shared
		result Down
		ops    []Op
		kinds  = [...]string{"hit", "miss"}
	)
	for i, missing := range []bool{false, true} {
		for _, name := range []string{" without, once more", " without a remote level"} {
			local, err := r.Local(missing)
			if err != nil {
				return nil, err
			}
			ops = append(ops, hitting(kinds[i]+name, read, local))
		}
		s, err := r.Shared(ctx, missing, redisstore.WithTimeouts(0, 0))
		if err != nil {
			return nil, err
		}
		s.Recorder.off.Store(true)
		shared[i] = s
		ops = append(ops, hitting(kinds[i]+", server down", read, s.Client))
	}
	idle := func() time.Duration {
		const lasts = 2 * time.Second
		before := CPUTime()
		time.Sleep(lasts)
		return (CPUTime() - before) / time.Duration(lasts/time.Second) / time.Duration(len(shared))
	}
	result.Idle = idle()

	miss := ops[5]
	const hung = 2 * time.Second
	err := r.Redis.Hang(ctx, hung)
	if err == nil {
		result.Hung, err = outage(ctx, miss, hung)
	}
	for _, s := range shared {
		if err == nil {
			err = s.Usable(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	r.Redis.Kill()
	if result.Killed, err = outage(ctx, miss, 3*time.Second); err != nil {
		return nil, err
	}
	for _, s := range shared {
		if stats := s.Cache.Stats().Remote; stats.Usable || stats.Errors == 0 {
			return nil, errors.New("entcache: the server is gone and the cache doesn't know")
		}
	}
	result.IdleDown = idle()

	// Hits are no older than the bound, so it must outlast the measurement.
	within := cache.Consistent(ctx, cache.Bounded(time.Hour))
	for _, op := range ops[:3] {
		for i := range read.Variants {
			if err := op.Run(within, i); err != nil {
				return nil, err
			}
		}
	}
	for _, op := range ops[3:] {
		for i := range fullAfter {
			if err := op.Run(within, i); err != nil {
				return nil, err
			}
		}
	}
	result.Comparison, err = Compare(within, nil, rounds, each, ops...)
	if err != nil {
		return nil, err
	}
	if total := shared[0].Cache.Stats().Total(); total.Misses > uint64(read.Variants) {
		return nil, errors.New("entcache: hits within the bound were misses")
	}
	return &result, nil
}

// outage reads for as long as the server fails.
func outage(ctx context.Context, op Op, lasts time.Duration) (o Outage, err error) {
	var latencies []time.Duration
	for i, end := 0, time.Now().Add(lasts); time.Now().Before(end); i++ {
		began := time.Now()
		if err := op.Run(ctx, i); err != nil {
			return o, err
		}
		latencies = append(latencies, time.Since(began))
	}
	slices.Sort(latencies)
	o.Reads, o.Median, o.Most = len(latencies), Percentile(latencies, 0.5), latencies[len(latencies)-1]
	for _, l := range latencies {
		if l > 10*o.Median {
			o.Slow++
		}
	}
	return o, nil
}
