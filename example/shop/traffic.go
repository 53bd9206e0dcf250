package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/example/internal/music"
)

// The traffic.
const (
	// writeShare is how many of a thousand operations write.
	writeShare = 50
	// timedShare: one read in so many is run on the plain client as well, and
	// both are timed.
	timedShare = 8
)

// shop is one run of the program.
type shop struct {
	options
	cached, plain *ent.Client
	cache         *entcache.Handle
	ids           *music.IDs
	words         []string
	out           io.Writer

	// quiet is held by every operation, and locked while reads are compared:
	// then nothing writes.
	quiet         sync.RWMutex
	reads, writes atomic.Int64
	recent        music.Recent
	checked       comparison
	started       time.Time
	tally         tally
}

// day runs the traffic, prints how it goes, and compares reads now and then.
func (s *shop) day(ctx context.Context) error {
	fmt.Fprintf(s.out, "%d visitors, seed %d; of 1000 operations %d write\n\n", s.goroutines, s.seed, writeShare)
	s.started = time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var (
		visitors sync.WaitGroup
		mu       sync.Mutex
		done     = make(chan struct{})
	)
	for i := range s.goroutines {
		visitors.Go(func() {
			v := newVisitor(s, uint64(i))
			for ctx.Err() == nil && s.progress() < 1 {
				if err := v.next(ctx); err != nil {
					cancel(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			s.tally.add(&v.tally)
		})
	}
	go func() {
		visitors.Wait()
		close(done)
	}()
	if err := s.watch(ctx, done); err != nil {
		cancel(err)
	}
	<-done
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for s.checked.points < numChecks {
		if err := s.compare(ctx); err != nil {
			return err
		}
	}
	return nil
}

// progress says how much of the day is over.
func (s *shop) progress() float64 {
	if s.operations > 0 {
		return float64(s.reads.Load()+s.writes.Load()) / float64(s.operations)
	}
	return float64(time.Since(s.started)) / float64(s.duration)
}

// watch prints a line every second, and compares reads at equal intervals, until
// the visitors are gone.
func (s *shop) watch(ctx context.Context, done <-chan struct{}) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := s.now()
	for {
		select {
		case <-done:
			return nil
		case <-tick.C:
		}
		if time.Since(last.at) >= time.Second {
			now := s.now()
			now.print(s.out, s.started, last)
			last = now
		}
		if next := s.checked.points + 1; next < numChecks && s.reads.Load() > 0 && s.progress() >= float64(next)/numChecks {
			if err := s.compare(ctx); err != nil {
				return err
			}
		}
	}
}

// visitor is one goroutine's way through the shop.
type visitor struct {
	*music.Visitor
	shop  *shop
	tally tally
}

func newVisitor(s *shop, n uint64) *visitor {
	return &visitor{Visitor: music.NewVisitor(s.seed, n, s.ids, s.words), shop: s, tally: newTally()}
}

// next runs one operation.
func (v *visitor) next(ctx context.Context) error {
	v.shop.quiet.RLock()
	defer v.shop.quiet.RUnlock()
	if v.IntN(1000) < writeShare {
		return v.write(ctx)
	}
	return v.read(ctx)
}

func (v *visitor) read(ctx context.Context) error {
	r := v.Read()
	v.shop.recent.Add(r)
	v.shop.reads.Add(1)
	t := &v.tally.reads[r.Kind()]
	t.count++
	if v.IntN(timedShare) != 0 {
		_, err := r.On(ctx, v.shop.cached)
		return err
	}
	// In turns, or the second would find the database's pages warm each time.
	clients := []*ent.Client{v.shop.cached, v.shop.plain}
	times := []*[]time.Duration{&t.cached, &t.plain}
	first := v.IntN(2)
	for _, j := range []int{first, 1 - first} {
		started := time.Now()
		if _, err := r.On(ctx, clients[j]); err != nil {
			return err
		}
		*times[j] = append(*times[j], time.Since(started))
	}
	return nil
}

func (v *visitor) write(ctx context.Context) error {
	i, rolledBack, err := v.Write(ctx, v.shop.cached)
	v.shop.writes.Add(1)
	v.tally.writes[i].count++
	if rolledBack {
		v.tally.writes[i].rolledBack++
	}
	return err
}
