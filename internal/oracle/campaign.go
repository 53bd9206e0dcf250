package oracle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Length is how many operations a list has. Each list runs on an empty
// database with a cache of its own.
const Length = 1000

// Campaign is many lists of operations, one after the other.
type Campaign struct {
	// Domains are the domains the lists are for, in turn; nil means all, the
	// first every second time.
	Domains []string
	Dialect string
	Seed    uint64
	// Ops is the number of operations of all lists together.
	Ops int
	// Processes spreads each list over so many caches that share a remote level,
	// if it is two or more. Reads are Strict then, or with Tokens bounded ones
	// that follow the token of the last write; both must be exact.
	Processes int
	Tokens    bool
	// Raw makes some of the writes statements that no hook sees.
	Raw bool
	// RowsOnly switches the level of typed values off in all lists, and not in every
	// fourth only.
	RowsOnly bool
	// Progress gets a line now and then; nil means none.
	Progress io.Writer
	// Shrink bounds the time a failing list is made shorter for.
	Shrink time.Duration
}

// Failure is a list that failed.
type Failure struct {
	Seed     uint64
	At       int // operations run until then, of all lists
	List     List
	Mismatch *Mismatch
}

// Error describes the failure.
func (f *Failure) Error() string {
	return fmt.Sprintf("seed %d, domain %s, after %d operations: %v", f.Seed, f.List.Domain, f.At, f.Mismatch)
}

// Run runs the campaign. Its error is a *Failure if a cached read was wrong.
func (c Campaign) Run(ctx context.Context) (Stats, error) {
	var (
		total     Stats
		databases = make(map[string]*Database)
		names     = c.Domains
		start     = time.Now()
		told      = start
	)
	defer func() {
		for _, d := range databases {
			_ = d.Close()
		}
	}()
	if names == nil {
		all := Domains()
		for _, n := range all[1:] {
			names = append(names, all[0], n)
		}
	}
	for i := uint64(0); total.Ops < c.Ops; i++ {
		name, seed := names[i%uint64(len(names))], c.Seed+i
		d := databases[name]
		if d == nil {
			var err error
			if d, err = Open(ctx, name, c.Dialect); err != nil {
				return total, err
			}
			databases[name] = d
		}
		list := generate(d, seed, Length, c.Raw)
		list.RowsOnly = list.RowsOnly || c.RowsOnly
		if c.Processes > 1 {
			list.spread(c.Processes, c.Tokens)
		}
		s, err := Run(ctx, d, list, false)
		total.Add(s)
		if err != nil {
			var m *Mismatch
			if !errors.As(err, &m) {
				return total, err
			}
			f := &Failure{Seed: seed, At: total.Ops, List: list, Mismatch: m}
			if c.Shrink > 0 {
				f.List = Shrink(ctx, d, list, c.Shrink)
				if _, err := Run(ctx, d, f.List, true); errors.As(err, &m) {
					f.Mismatch = m
				}
			}
			return total, f
		}
		if err := ctx.Err(); err != nil {
			return total, err
		}
		if c.Progress != nil && time.Since(told) > 2*time.Second {
			told = time.Now()
			fmt.Fprintln(c.Progress, total.Line(time.Since(start)))
		}
	}
	return total, nil
}

// Line is the counts on one line.
func (s Stats) Line(took time.Duration) string {
	from := ""
	if s.ValueHits > 0 {
		from = fmt.Sprintf(" (%.0f%% as values)", 100*float64(s.ValueHits)/float64(s.Hits+s.Misses))
	}
	if s.RemoteHits > 0 {
		from += fmt.Sprintf(" (%.0f%% at the remote level)", 100*float64(s.RemoteHits)/float64(s.Hits+s.Misses))
	}
	if s.Irrelevant > 0 {
		from += fmt.Sprintf(" (%d after writes that didn't matter)", s.Irrelevant)
	}
	return fmt.Sprintf("%d operations (%d reads compared, %d of them errors; %d writes, %d of them errors), %.0f%% hits%s, %.0f operations/s",
		s.Ops, s.Reads, s.ReadErrors, s.Writes, s.WriteErrors, 100*s.HitRatio(), from, float64(s.Ops)/took.Seconds())
}
