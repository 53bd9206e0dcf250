package main

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
)

const (
	// numWatched is of how many tracks the prices are watched: those that visitors
	// ask for most.
	numWatched = 50
	// lookEvery is how often the witness looks.
	lookEvery = 10 * time.Millisecond
)

// witness watches prices in the database, without a cache, so that nothing that
// a cache does or a killed process leaves undone can mislead it. No price falls.
// So if it has seen a price by some time, each lower one was overwritten by then:
// a read that begins later by more than the bound must not return it.
//
// It errs on one side: a write may have committed as much earlier as lies
// between two looks.
type witness struct {
	clock  clock
	tracks []int
	bound  time.Duration
	client *ent.Client

	mu      sync.Mutex
	seen    map[int][]seenPrice
	waiting []sighting
	verdict verdict
}

// verdict is what the witness found out.
type verdict struct {
	prices, beyond uint64        // read, and read beyond the bound
	oldest         time.Duration // how long ago one that was read had been overwritten
	gap            time.Duration // the longest between two looks
}

// seenPrice is a price, and when the database was known to have it.
type seenPrice struct {
	price int64
	at    time.Duration
}

func newWitness(client *ent.Client, tracks []int, bound time.Duration) *witness {
	return &witness{clock: newClock(time.Now()), client: client, tracks: tracks, bound: bound, seen: make(map[int][]seenPrice)}
}

// watch looks until the context ends.
func (w *witness) watch(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := w.clock.now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		asked := w.clock.now()
		var rows []struct {
			ID    int   `sql:"id"`
			Price int64 `sql:"unit_price"`
		}
		err := w.client.Track.Query().Where(track.IDIn(w.tracks...)).Select(track.FieldID, track.FieldUnitPrice).Scan(ctx, &rows)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		at := w.clock.now()
		w.mu.Lock()
		w.verdict.gap = max(w.verdict.gap, at-last)
		last = asked
		for _, r := range rows {
			if h := w.seen[r.ID]; len(h) == 0 || h[len(h)-1].price < r.Price {
				w.seen[r.ID] = append(h, seenPrice{r.Price, at})
			}
		}
		w.waiting = slices.DeleteFunc(w.waiting, func(s sighting) bool {
			known := s.Began <= asked
			if known {
				w.judge(s)
			}
			return known
		})
		w.mu.Unlock()
	}
}

// told takes in what a process has read. It is judged at the next look, when all
// is known of the time before the read.
func (w *witness) told(list []sighting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, list...)
}

func (w *witness) judge(s sighting) {
	v := &w.verdict
	v.prices += s.Times
	h := w.seen[s.Track]
	i := sort.Search(len(h), func(i int) bool { return h[i].price > s.Price })
	if i == len(h) {
		return
	}
	age := s.Began - h[i].at
	v.oldest = max(v.oldest, age)
	if age > w.bound {
		// The last of the reads is beyond the bound, and counts for them all: they
		// were within a tenth of a second.
		v.beyond += s.Times
	}
}

// result returns the verdict so far.
func (w *witness) result() verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.verdict
}
