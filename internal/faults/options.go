package faults

import (
	"time"

	"entgo.io/ent/dialect"
)

// Options say how long a run lasts and what it does. A run ends when it has
// lasted for the duration and reached the numbers of kills and reads.
type Options struct {
	Seed     uint64
	Duration time.Duration
	// Kills are kills of workers by the parent and by themselves.
	Kills int
	// Reads are checked reads.
	Reads int
	// Only names the faults that are injected, with a + between them, or calm or
	// storm; empty means all.
	Only string
	// Policy is what becomes of writes that can't be announced.
	Policy Policy
	// Processes are the workers that run at once.
	Processes int
	// Dialect is the database's.
	Dialect string
	// Phase is how long faults of one kind are injected.
	Phase time.Duration
	// Slack excuses reads under Bounded that are less than that beyond the
	// bound; the report counts them.
	Slack time.Duration
	// NearOnly runs workers without a remote level, which must go wrong with
	// more than one.
	NearOnly bool
	// Mutant is a deliberate error that all workers make; it needs the build tag
	// mutant.
	Mutant string
	// Short runs a few phases of faults mixed, once.
	Short bool
	Size
	Timing
	Mix
}

// Policy is what becomes of writes that can't be announced.
type Policy string

// The policies.
const (
	Refusing Policy = "refuse" // they fail
	GoingOn  Policy = "go on"  // they happen, and entries may be stale until they expire
	Both     Policy = "both"   // one phase after the other
)

// Defaults returns the options of a run of some minutes.
func Defaults() Options {
	return Options{
		Seed: 1, Duration: 3 * time.Minute, Policy: Both, Processes: 3, Dialect: dialect.Postgres,
		Phase: 6 * time.Second, Slack: 20 * time.Millisecond,
		Size: Size{Shelves: 6, Items: 30},
		Timing: Timing{
			Bound: 200 * time.Millisecond, Lease: time.Second, Quarantine: 1200 * time.Millisecond,
			InDoubt: 2 * time.Second, TTL: 5 * time.Second,
		},
		Mix: Mix{Threads: 4, Pause: 5 * time.Millisecond, Writes: 30},
	}
}

// calmWrites are how many of a thousand operations write where the share of hits
// is measured.
const calmWrites = 10

// hitRatio is the least share of hits in phases without faults.
const hitRatio = 0.8

// converge is how long after the last fault reads may be behind.
func (o Options) converge(p Policy) time.Duration {
	d := o.Lease + o.Quarantine + o.Bound + time.Second
	if p == GoingOn {
		d = max(d, o.TTL+time.Second)
	}
	return max(d, o.InDoubt+time.Second)
}
