package main

import (
	"time"

	"github.com/entcache/ent-cache/example/internal/music"
)

// processEnv is set in the environment of the processes.
const processEnv = "ENTCACHE_EXAMPLE_PROCESS"

// What the program and its processes say to each other is JSON, a line each.
type (
	// setup is the first line to a process.
	setup struct {
		Number, Processes int
		DSN, Redis, Dir   string
		Bound             time.Duration
		Seed              uint64
		Alone, Verbose    bool
		IDs               *music.IDs
		Words             []string
		Watched           []int
		Began             time.Time
	}

	// order is each line after it.
	order string

	// report is what a process says: ten times a second, and when it has done
	// what it was told.
	report struct {
		Done      order `json:",omitempty"`
		Counts    counts
		Sightings []sighting  `json:",omitempty"`
		Compared  *comparison `json:",omitempty"`
	}

	// counts are those of a process since its start.
	counts struct {
		Reads, Writes, RolledBack, Refused  uint64
		Near, Remote, Misses, Invalidations uint64
		Epochs, Handovers, Behind, Failures uint64
	}

	// sighting says that a price was read so many times, and when the last of
	// those reads began.
	sighting struct {
		Track int
		Price int64
		Times uint64
		Began time.Duration
	}

	// comparison is what became of reads that were run on both clients.
	comparison struct {
		Reads, Differed int
		Example         string `json:",omitempty"`
	}
)

const (
	ready   order = "ready"   // said by a process when it has started
	quiet   order = "quiet"   // stop the visitors
	compare order = "compare" // compare recent reads with the database
)

func (c *counts) add(o counts) {
	c.Reads += o.Reads
	c.Writes += o.Writes
	c.RolledBack += o.RolledBack
	c.Refused += o.Refused
	c.Near += o.Near
	c.Remote += o.Remote
	c.Misses += o.Misses
	c.Invalidations += o.Invalidations
	c.Epochs += o.Epochs
	c.Handovers += o.Handovers
	c.Behind += o.Behind
	c.Failures += o.Failures
}

// clock counts the time since the run began, the same in all processes. It asks
// for the time of day once; what happens to that later doesn't matter.
type clock struct {
	began, started time.Time
	offset         time.Duration
}

func newClock(began time.Time) clock {
	c := clock{began: began.Round(0), started: time.Now()}
	c.offset = c.started.Round(0).Sub(c.began)
	return c
}

func (c clock) now() time.Duration { return c.offset + time.Since(c.started) }
