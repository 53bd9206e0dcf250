package simulation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// Plan is a history before it happens: what the processes do and what goes wrong.
// In which order it comes, Schedule decides.
type Plan struct {
	Seed, Schedule uint64
	Processes      int
	Standard       cache.Consistency
	Refuse         bool // unannounced writes
	NoPeek         bool // hits of the remote level are always validated by it
	Forgetful      bool // near levels keep little, so that more comes from the remote level
	TTL            time.Duration
	// Cold says that it begins in the quarantine of the first epoch.
	Cold bool
	// LateCommits breaks the assumption that a transaction becomes visible
	// within the lease of its announcement.
	LateCommits bool
	Strategy    Strategy
	Ops         []Op
	Faults      []Fault
}

// Strategy is how the scheduler chooses.
type Strategy struct {
	Kind StrategyKind
	// Held is what is held back at times.
	Held []Held
	// Post says that messages are held back, too.
	Post bool
	// Sleep is how often, of a hundred steps, time goes on; Longest for how long.
	Sleep   int
	Longest time.Duration
	// Together is how many operations a process has at a time.
	Together int
}

// Held are calls with a label in a phase.
type Held struct {
	Label label
	Phase phase
}

// StrategyKind is a kind of Strategy.
type StrategyKind uint8

// The kinds.
const (
	Uniform  StrategyKind = iota
	Priority              // the call with the highest of random priorities, which change at times
	Hold                  // some calls take long
)

func (k StrategyKind) String() string { return [...]string{"uniform", "priority", "hold"}[k] }

// Fault is something that goes wrong at a step of the schedule.
type Fault struct {
	Step int
	Kind FaultKind
	// Target chooses what it happens to.
	Target int
	For    time.Duration
	// Of CrashAt and RestartAt.
	Label label
	Phase phase
}

// FaultKind is a kind of Fault.
type FaultKind uint8

// The kinds.
const (
	Crash FaultKind = iota
	CrashAt
	Stop // and go on later
	RestartEmpty
	RestartOld // from a snapshot
	Save       // the snapshot
	Flush
	EvictState
	EvictCells
	EvictEntries
	EvictNear
	DropMail
	RepeatMail
	DelayMail
	Mute        // messages to a process are lost for some time
	Cut         // a process off the server
	Refuse      // nobody reaches the server
	Isolate     // the server refuses writes
	FailCall    // a call of the remote level, before its effect
	LoseAnswer  // of one, after its effect
	CommitLost  // the answer to the next commit; it took effect
	CommitLate  // the same, it takes effect later
	CommitNever // the same, it doesn't
	SlowWrite   // the next commit takes long, and then recording it
	RestartAt   // empty, at a call, whose answer or record then takes long
	DieOwing    // a process crashes once a write took effect that it could tell nobody of
	numFaults
)

var faultNames = [numFaults]string{
	"crash", "crash at", "stop", "restart empty", "restart from the snapshot", "snapshot", "flush", "evict the state", "evict cells",
	"evict entries", "evict near entries", "drop message", "repeat message", "delay messages", "lose messages", "cut off", "refuse all", "isolate",
	"fail a call", "lose an answer", "lose a commit's answer", "commit late and lose the answer", "lose a commit",
	"slow write", "restart at", "crash owing",
}

func (k FaultKind) String() string { return faultNames[k] }

func (f Fault) String() string {
	s := fmt.Sprintf("step %d: %v", f.Step, f.Kind)
	if f.Kind == CrashAt || f.Kind == RestartAt {
		s += fmt.Sprintf(" %v/%d", f.Label, f.Phase)
	}
	return fmt.Sprintf("%s target %d for %v", s, f.Target, f.For)
}

// String lists what happens.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, schedule %d, %v, refuse %t, no peek %t, forgetful %t, ttl %v, late commits %t, strategy %+v\n",
		p.Seed, p.Schedule, p.Standard, p.Refuse, p.NoPeek, p.Forgetful, p.TTL, p.LateCommits, p.Strategy)
	for i, op := range p.Ops {
		fmt.Fprintf(&b, "  operation %d in %d: %v\n", i, op.Slot, op)
	}
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "  %v\n", f)
	}
	return b.String()
}

// NewPlan draws a plan with that many operations. One history in ten has no
// faults, and one in four an aim.
func NewPlan(seed uint64, ops int) *Plan {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &Plan{Seed: seed, Schedule: seed, Processes: 2 + r.IntN(3)/2, Standard: cache.Bounded(bound), TTL: time.Minute}
	p.Refuse = r.IntN(2) == 0
	p.NoPeek, p.Forgetful = r.IntN(5) == 0, r.IntN(3) == 0
	if r.IntN(4) == 0 {
		p.TTL = time.Duration(1+r.IntN(3)) * time.Second
	}
	if r.IntN(12) == 0 {
		p.Standard = cache.Strict
	}
	p.Cold = r.IntN(10) == 0
	p.LateCommits = r.IntN(40) == 0
	p.Strategy = Strategy{
		Kind: []StrategyKind{Uniform, Priority, Hold, Hold}[r.IntN(4)], Post: r.IntN(3) == 0,
		Sleep: 5 + r.IntN(30), Longest: time.Duration(5<<r.IntN(5)) * time.Millisecond, Together: 1 + r.IntN(3),
	}
	for range 1 + r.IntN(3) {
		p.Strategy.Held = append(p.Strategy.Held, delays[r.IntN(len(delays))])
	}
	l := newLoad(r)
	if r.IntN(8) > 0 {
		p.Faults = newFaults(r, ops*12)
	}
	if r.IntN(4) == 0 {
		aims[r.IntN(len(aims))](r, p, &l)
	}
	p.Ops = l.ops(r, p.Processes, ops)
	return p
}

// delays are the calls that races are about, those that more are about twice.
var delays = []Held{
	{dbQuery, done}, {dbExec, sent}, {dbCommit, sent}, {dbCommit, done}, {remoteGet, done}, {remoteGet, done}, {remoteFill, sent}, {remoteFill, done},
	{remoteBegin, sent}, {remoteBegin, done}, {remoteEnd, sent}, {remoteEnd, sent}, {remoteProbe, sent}, {remoteProbe, done},
	{remoteProbe, done}, {remoteHandshake, sent}, {remotePeek, done}, {remotePeek, done},
}

// newFaults draws faults of some kinds.
func newFaults(r *rand.Rand, steps int) []Fault {
	var kinds []FaultKind
	for range 1 + r.IntN(5) {
		kinds = append(kinds, FaultKind(r.IntN(int(numFaults))))
	}
	switch r.IntN(6) {
	case 0:
		kinds = append(kinds, SlowWrite)
	case 1:
		kinds = append(kinds, RestartEmpty)
	}
	var faults []Fault
	for range 1 + r.IntN(8) {
		f := Fault{Step: r.IntN(steps), Kind: kinds[r.IntN(len(kinds))], Target: r.IntN(1 << 20)}
		f.For = lease/10 + time.Duration(r.Int64N(int64(3*lease)))
		f.Label, f.Phase = label(r.IntN(int(numLabels))), phase(r.IntN(2))
		if f.Kind == CrashAt && r.IntN(2) == 0 {
			f.Label = []label{dbExec, dbCommit, remoteBegin, remoteEnd}[r.IntN(4)]
		}
		faults = append(faults, f)
		if f.Kind == RestartOld {
			faults = append(faults, Fault{Step: r.IntN(f.Step + 1), Kind: Save})
		}
	}
	return faults
}
