package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
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
	ids           *ids
	words         []string
	out           io.Writer

	// quiet is held by every operation, and locked while reads are compared:
	// then nothing writes.
	quiet         sync.RWMutex
	reads, writes atomic.Int64
	recent        recent
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
	*rand.Rand
	shop  *shop
	tally tally

	artists, albums, tracks, genres, playlists, customers, words *rand.Zipf
}

func newVisitor(s *shop, n uint64) *visitor {
	v := &visitor{Rand: rand.New(rand.NewPCG(s.seed, 2+n)), shop: s, tally: newTally()}
	// Few things are asked for often, and many rarely.
	zipf := func(n int) *rand.Zipf { return rand.NewZipf(v.Rand, 1.3, 2, uint64(n-1)) }
	v.artists, v.albums, v.tracks = zipf(len(s.ids.artists)), zipf(len(s.ids.albums)), zipf(len(s.ids.tracks))
	v.genres, v.playlists, v.customers = zipf(len(s.ids.genres)), zipf(len(s.ids.playlists)), zipf(len(s.ids.customers))
	v.words = zipf(len(s.words))
	return v
}

func (v *visitor) artist() int   { return v.shop.ids.artists[v.artists.Uint64()] }
func (v *visitor) album() int    { return v.shop.ids.albums[v.albums.Uint64()] }
func (v *visitor) track() int    { return v.shop.ids.tracks[v.tracks.Uint64()] }
func (v *visitor) genre() int    { return v.shop.ids.genres[v.genres.Uint64()] }
func (v *visitor) playlist() int { return v.shop.ids.playlists[v.playlists.Uint64()] }
func (v *visitor) customer() int { return v.shop.ids.customers[v.customers.Uint64()] }
func (v *visitor) email() string { return v.shop.ids.emails[v.customers.Uint64()] }
func (v *visitor) word() string  { return v.shop.words[v.words.Uint64()] }
func (v *visitor) employee() int { return v.shop.ids.employees[v.IntN(len(v.shop.ids.employees))] }

// page: most visitors look at the first one.
func (v *visitor) page() int { return max(0, v.IntN(6)-3) }

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
	i := pick(v.Rand, kinds, func(k kind) int { return k.weight })
	r := kinds[i].ask(v)
	r.kind = i
	v.shop.recent.add(r)
	v.shop.reads.Add(1)
	t := &v.tally.reads[i]
	t.count++
	if v.IntN(timedShare) != 0 {
		_, err := r.on(ctx, v.shop.cached)
		return err
	}
	// In turns, or the second would find the database's pages warm each time.
	clients := []*ent.Client{v.shop.cached, v.shop.plain}
	times := []*[]time.Duration{&t.cached, &t.plain}
	first := v.IntN(2)
	for _, j := range []int{first, 1 - first} {
		started := time.Now()
		if _, err := r.on(ctx, clients[j]); err != nil {
			return err
		}
		*times[j] = append(*times[j], time.Since(started))
	}
	return nil
}

func (v *visitor) write(ctx context.Context) error {
	i := pick(v.Rand, actions, func(a action) int { return a.weight })
	err := actions[i].run(ctx, v.shop.cached, v)
	v.shop.writes.Add(1)
	v.tally.writes[i].count++
	if errors.Is(err, errChangedMind) || errors.Is(err, errOutOfStock) {
		v.tally.writes[i].rolledBack++
		return nil
	}
	return err
}

// pick draws an element by its weight.
func pick[T any](r *rand.Rand, from []T, weight func(T) int) int {
	sum := 0
	for _, t := range from {
		sum += weight(t)
	}
	n := r.IntN(sum)
	for i, t := range from {
		if n -= weight(t); n < 0 {
			return i
		}
	}
	return len(from) - 1
}
