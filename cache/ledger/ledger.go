// Package ledger remembers, for every fact that a write touched lately, the
// position of the last such write, so that a result can be checked against all
// writes since it was read.
package ledger

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Fact is the 64-bit name of something that a result depends on and a write
// touches.
type Fact uint64

// DefaultFacts is how many facts a ledger remembers if it isn't told.
const DefaultFacts = 1 << 18

// Ledger is the log of writes of one process, reduced to what validation needs:
// a position that grows with every write, and for each fact the position of the
// last write that touched it.
//
// It is bounded: facts live in sets of seven; a set that is full forgets the
// fact touched longest ago and raises the set's floor to that position, so what
// was forgotten counts as touched then. Forgetting therefore costs a needless
// miss and never hides a write. An exact map with one floor for all was refused
// because a burst of writes would raise the floor under every entry; plain
// buckets without names were refused because at a thousand writes a second each
// bucket is hit within minutes.
//
// A write holds its facts from before the database commits until after: between
// the two nobody can tell which state a reader of the database gets, so a held
// fact counts as touched at every position. A write may hold more than it turns
// out to touch; what it didn't touch is then as if it hadn't been held.
//
// A ledger also follows a log of several processes, with Record and Raise in the
// place of Touch and Hold.
//
// Checks take no lock and share no written memory; writes are serialised by one
// mutex held for some nanoseconds a fact. All methods are safe for concurrent
// use.
type Ledger struct {
	position atomic.Uint64
	floor    atomic.Uint64
	spilled  atomic.Int64
	sets     []set
	mask     uint64

	mu    sync.Mutex
	holds map[Fact]hold
}

const (
	ways = 7
	held = math.MaxUint64
)

// set is two cache lines of slots, each a fact and its position. The first line
// is enough to see that a fact isn't there, which is what most checks find.
type set struct {
	facts     [ways]atomic.Uint64
	floor     atomic.Uint64
	positions [ways]atomic.Uint64
	_         [8]byte
}

type hold struct {
	count   int
	spilled bool   // no slot was free: everything counts as touched
	last    uint64 // the position of the last write that touched the fact
}

// New returns a ledger that remembers about facts facts in 18 bytes each; zero
// means DefaultFacts.
func New(facts int) *Ledger {
	if facts <= 0 {
		facts = DefaultFacts
	}
	n := uint64(1)
	for n*ways < uint64(facts) {
		n <<= 1
	}
	return &Ledger{sets: make([]set, n), mask: n - 1, holds: make(map[Fact]hold)}
}

// Now returns the position of the last write that is wholly in the ledger. A
// result is stamped with a position taken before the database is read.
func (l *Ledger) Now() uint64 { return l.position.Load() }

// Unchanged reports whether none of the facts was touched after position since.
// A write that runs at the same time may or may not be seen, as in a database.
func (l *Ledger) Unchanged(facts []Fact, since uint64) bool {
	if since < l.floor.Load() || l.spilled.Load() != 0 {
		return false
	}
	for _, f := range facts {
		if l.last(f) > since {
			return false
		}
	}
	return true
}

// Touched appends the facts to dst that were touched after position since, or may have
// been, and reports false if one is held, or if everything counts as touched.
func (l *Ledger) Touched(dst, facts []Fact, since uint64) ([]Fact, bool) {
	if since < l.floor.Load() || l.spilled.Load() != 0 {
		return dst, false
	}
	for _, f := range facts {
		switch p := l.last(f); {
		case p == held:
			return dst, false
		case p > since:
			dst = append(dst, f)
		}
	}
	return dst, true
}

// last returns the position of the last write that touched f, or a later one.
//
// The set's floor is read after its slots: touch raises the floor before it
// takes a slot from a fact, so a fact that is missed here because its slot went
// to another meanwhile is covered by the floor. A slot's position only grows, so
// a position that belongs to the slot's next fact is later than the one sought.
func (l *Ledger) last(f Fact) uint64 {
	f = name(f)
	s := &l.sets[uint64(f)&l.mask]
	for i := range s.facts {
		if Fact(s.facts[i].Load()) == f {
			return s.positions[i].Load()
		}
	}
	return s.floor.Load()
}

// Mark is what a ledger knows of a fact, for explanations.
type Mark struct {
	// Position is that of the last write that touched the fact, or a later one if
	// Exact isn't set.
	Position uint64
	// Held is set while a write goes on that may touch the fact.
	Held bool
	// Exact is unset where the fact may have been forgotten: the position is then
	// that of the last fact its set forgot.
	Exact bool
}

// Mark returns what is known of a fact, but for the floor.
func (l *Ledger) Mark(f Fact) Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	f = name(f)
	floor := l.sets[uint64(f)&l.mask].floor.Load()
	m := Mark{Position: l.last(f)}
	if h, ok := l.holds[f]; ok {
		m.Held, m.Position = true, h.last
	}
	// A hold that ended without a touch leaves a fact at the floor.
	m.Exact = m.Position != floor
	return m
}

// Floor returns the position up to which everything counts as touched, and
// whether everything does at present, because there are more holds than slots.
func (l *Ledger) Floor() (position uint64, all bool) {
	return l.floor.Load(), l.spilled.Load() != 0
}

// Touch records a write that touched the facts and returns its position.
func (l *Ledger) Touch(facts []Fact) uint64 { return l.Release(nil, facts) }

// Hold makes the facts count as touched until they are released as often as
// they were held.
func (l *Ledger) Hold(facts []Fact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range facts {
		f = name(f)
		h := l.holds[f]
		if h.count == 0 {
			h.last = l.last(f)
			if !l.set(f, held) {
				h.spilled = true
				l.spilled.Add(1)
			}
		}
		h.count++
		l.holds[f] = h
	}
	// A new position, or entries found valid at the old one would still be
	// served without a look at their facts.
	l.position.Add(1)
}

// Held returns how many facts are held.
func (l *Ledger) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.holds)
}

// Release ends a hold of the facts in held and records a write that touched the
// ones in touched, whether they were held or not. It returns the write's position.
//
// The position is published last. A reader that takes it before is stamped with
// an older one, and this write's facts are later than its stamp; a reader that
// takes it after sees every fact of this write in its slot.
func (l *Ledger) Release(held, touched []Fact) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.position.Load() + 1
	for _, f := range touched {
		f = name(f)
		if h, ok := l.holds[f]; ok {
			h.last = n
			l.holds[f] = h
		} else {
			l.set(f, n)
		}
	}
	for _, f := range held {
		l.release(name(f))
	}
	l.position.Store(n)
	return n
}

// release ends one hold of a fact. The fact gets its last position back, or the
// set's floor if that is later: the hold may have taken the slot from another fact,
// and who looks for that and finds the slot's position must find one that isn't
// earlier than its own.
func (l *Ledger) release(f Fact) {
	h, ok := l.holds[f]
	if !ok {
		return
	}
	if h.count--; h.count > 0 {
		l.holds[f] = h
		return
	}
	delete(l.holds, f)
	l.set(f, max(h.last, l.sets[uint64(f)&l.mask].floor.Load()))
	if h.spilled {
		l.spilled.Add(-1)
	}
}

// Reset records a write that touched everything.
func (l *Ledger) Reset() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.position.Load() + 1
	l.floor.Store(n)
	l.position.Store(n)
	return n
}

// Record takes in a write that has its position n from elsewhere: from a log
// that several processes write. Positions come in ascending order; one that isn't
// later than Now is known already and changes nothing.
func (l *Ledger) Record(facts []Fact, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n <= l.position.Load() {
		return
	}
	for _, f := range facts {
		l.set(name(f), n)
	}
	l.position.Store(n)
}

// Raise makes everything count as touched at n, for writes up to there that were
// missed.
func (l *Ledger) Raise(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.floor.Store(max(l.floor.Load(), n))
	l.position.Store(max(l.position.Load(), n))
}

// set writes a fact's position into its set, the oldest fact's slot if there is
// no other. It reports whether the set has a slot for it: one that holds seven
// held facts has none, and its floor then stands for f, unless f is to be held.
func (l *Ledger) set(f Fact, position uint64) bool {
	s := &l.sets[uint64(f)&l.mask]
	victim, oldest := -1, uint64(held)
	for i := range s.facts {
		switch g := Fact(s.facts[i].Load()); g {
		case f:
			s.positions[i].Store(position)
			return true
		case 0:
			if oldest > 0 {
				victim, oldest = i, 0
			}
		default:
			if p := s.positions[i].Load(); p < oldest {
				victim, oldest = i, p
			}
		}
	}
	if victim < 0 {
		if position != held {
			s.floor.Store(max(s.floor.Load(), position))
		}
		return false
	}
	if !mutant.On(mutant.LedgerForgets) {
		s.floor.Store(max(s.floor.Load(), oldest))
	}
	s.facts[victim].Store(0)
	s.positions[victim].Store(position)
	s.facts[victim].Store(uint64(f))
	return true
}

// name keeps zero free to mark an empty slot.
func name(f Fact) Fact {
	if f == 0 {
		return 1
	}
	return f
}
