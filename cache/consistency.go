package cache

import (
	"context"
	"fmt"
	"time"
)

// DefaultBound is the bound of Bounded where none is named.
const DefaultBound = time.Second

// minBound is the shortest bound that a process which probes the remote level
// three times within it can keep.
const minBound = 100 * time.Millisecond

// Consistency says how old a result may be that a read gets, where processes
// share a remote level. Without one every read is as if it were Strict, at no
// cost. A process always reads its own writes.
type Consistency struct {
	level consistencyLevel
	bound time.Duration
}

type consistencyLevel uint8

const (
	bounded consistencyLevel = iota // the zero value, with the default bound
	strict
	eventual
)

// Strict reads see every write that committed before they began: a result is
// validated at the remote level, in one round trip, or read from the database.
var Strict = Consistency{level: strict}

// Bounded reads see every write that committed longer ago than d, which must be
// 100 ms or more. Hits in the process cost no round trip.
func Bounded(d time.Duration) Consistency { return Consistency{level: bounded, bound: d} }

// Eventual reads see every write that committed longer ago than d: results that
// the process has are served up to that age whatever other processes wrote
// meanwhile, also where it is known.
func Eventual(d time.Duration) Consistency { return Consistency{level: eventual, bound: d} }

// String returns the level with its bound.
func (c Consistency) String() string {
	switch c.level {
	case strict:
		return "strict"
	case eventual:
		return "eventual(" + c.bound.String() + ")"
	}
	return "bounded(" + c.orDefault().bound.String() + ")"
}

func (c Consistency) orDefault() Consistency {
	if c == (Consistency{}) {
		return Bounded(DefaultBound)
	}
	return c
}

// Validate returns an error if the bound can't be kept.
func (c Consistency) Validate() error {
	switch {
	case c == Consistency{}, c.level == strict:
	case c.level == bounded && c.bound < minBound:
		return fmt.Errorf("entcache: Bounded(%v): give it %v or more, or use Strict", c.bound, minBound)
	case c.bound <= 0:
		return fmt.Errorf("entcache: Eventual(%v): use a positive time", c.bound)
	}
	return nil
}

// Consistent makes the reads under the returned context as consistent as c says
// instead of what the cache was made with. A c that Validate refuses is taken for
// Strict.
func Consistent(ctx context.Context, c Consistency) context.Context {
	if c.Validate() != nil {
		c = Strict
	}
	return withDirectives(ctx, func(d *directives) { d.consistency = c })
}
