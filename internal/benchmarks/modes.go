package benchmarks

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
)

// The ways a read is served, in the order of Store.Modes.
const (
	UncachedMode = iota
	PeerMode
	RowsMode
	ValueMode
	SharedMode
	MissMode
)

// Mode is a way that a read is served.
type Mode struct {
	Name   string
	Client *ent.Client
	// Context is the one that reads run under.
	Context func(context.Context) context.Context
	// hits returns how many reads were hits so far, and how many there were.
	// It is nil where none is to be one.
	hits func() (hits, reads uint64)
	// purge empties its cache. It is nil where there is none, or none that grows.
	purge func()
}

// Modes returns the ways a read is served.
func (s *Store) Modes() []Mode {
	same := func(ctx context.Context) context.Context { return ctx }
	counted := func(c *cache.Cache) func() (uint64, uint64) {
		return func() (uint64, uint64) {
			t := c.Stats().Total()
			return t.Hits, t.Hits + t.Misses
		}
	}
	return []Mode{
		{"uncached", s.Uncached, same, nil, nil},
		{"yardstick", s.Peer, same, s.peer.Hits, s.peer.Purge},
		{"rows", s.Rows, same, counted(s.cacheRows), s.nearRows.Purge},
		{"value", s.Hit, same, counted(s.Cache), s.Near.Purge},
		{"shared", s.Hit, cache.Share, counted(s.Cache), s.Near.Purge},
		{"miss", s.Miss, same, nil, nil},
	}
}

// Setting is what goes on around the reads that are measured.
type Setting struct {
	Name string
	// Goroutines read at once; zero means one.
	Goroutines int
	// Entries is how many the caches hold, if more than the reads make.
	Entries int
	// Writes is how many reads there are for each write; zero means no writes.
	Writes int
}

// Row is what a read costs in each mode.
type Row struct {
	Read string
	Comparison
	// Hits is the part of the reads that were hits in each mode, -1 where none
	// is to be one.
	Hits []float64
}

// Measure runs a read in all modes, in turns.
func (s *Store) Measure(ctx context.Context, r Read, set Setting, p Plan) (Row, error) {
	if set.Entries > 0 {
		if err := s.crowd(ctx, set.Entries); err != nil {
			return Row{}, err
		}
		p.Uncollected = true
		if r.Name == byID {
			// Any entry and not only hot ones.
			r.Variants = Tracks
		}
	}
	p.Goroutines, p.Part = set.Goroutines, set.Writes
	modes := s.Modes()
	cases, hits, reads := make([]Case, len(modes)), make([]uint64, len(modes)), make([]uint64, len(modes))
	for i, m := range modes {
		ctx := m.Context(ctx)
		cases[i] = Case{Name: m.Name, Variants: r.Variants, Run: func(_ context.Context, i int) error { return r.Run(ctx, m.Client, i) }}
		if set.Writes > 0 {
			cases[i].Before = s.writer(m.Client)
		}
		var hitsBefore, readsBefore uint64
		cases[i].Prepare = func(ctx context.Context) error {
			if m.hits == nil {
				return nil
			}
			err := r.Warm(ctx, m.Client)
			hitsBefore, readsBefore = m.hits()
			return err
		}
		cases[i].Done = func() {
			if m.hits != nil {
				h, n := m.hits()
				hits[i], reads[i] = hits[i]+h-hitsBefore, reads[i]+n-readsBefore
			}
			// The garbage collector looks at what all caches hold, and a program has
			// one of them.
			if m.purge != nil && set.Entries == 0 {
				m.purge()
			}
		}
	}
	c, err := p.Measure(ctx, cases...)
	if err != nil {
		return Row{}, fmt.Errorf("%s: %w", r.Name, err)
	}
	row := Row{Read: r.Name, Comparison: c, Hits: make([]float64, len(modes))}
	for i, m := range modes {
		row.Hits[i] = -1
		if m.hits != nil {
			row.Hits[i] = float64(hits[i]) / float64(max(1, reads[i]))
		}
	}
	return row, nil
}

// unread are tracks that no measured read returns, and whose bytes none looks
// at: their writes invalidate nothing, and yet every entry has to be checked
// again after one.
func (s *Store) unread(ctx context.Context) ([]int, error) {
	return s.Uncached.Track.Query().
		Where(track.IDGT(rowsRead), track.StatusNEQ(track.StatusAvailable), track.UnitPriceLTE(50)).IDs(ctx)
}

// writer returns a function that writes one row through a client.
func (s *Store) writer(client *ent.Client) func(context.Context) error {
	var (
		ids []int
		n   int
	)
	return func(ctx context.Context) (err error) {
		if ids == nil {
			if ids, err = s.unread(ctx); err != nil {
				return err
			}
			if len(ids) == 0 {
				return fmt.Errorf("every track is read: there is nothing to write")
			}
		}
		n++
		return client.Track.UpdateOneID(ids[n%len(ids)]).SetBytes(n).Exec(ctx)
	}
}
