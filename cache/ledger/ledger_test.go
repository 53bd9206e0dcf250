package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func facts(fs ...Fact) []Fact { return fs }

func TestTouchInvalidatesWhatWasReadBefore(t *testing.T) {
	l := New(0)
	before := l.Now()
	require.True(t, l.Unchanged(facts(1, 2), before))
	n := l.Touch(facts(2))
	assert.Equal(t, n, l.Now())
	assert.True(t, l.Unchanged(facts(1), before), "an untouched fact")
	assert.False(t, l.Unchanged(facts(1, 2), before), "a touched fact")
	assert.True(t, l.Unchanged(facts(1, 2), n), "a result read after the write")
}

func TestFactZeroIsAFact(t *testing.T) {
	l := New(0)
	before := l.Now()
	l.Touch(facts(0))
	assert.False(t, l.Unchanged(facts(0), before))
}

func TestHoldRefusesUntilReleased(t *testing.T) {
	l := New(0)
	before := l.Now()
	l.Hold(facts(1))
	assert.NotEqual(t, before, l.Now(), "entries found valid at the old position must be looked at again")
	during := l.Now()
	assert.False(t, l.Unchanged(facts(1), before))
	assert.False(t, l.Unchanged(facts(1), during), "a result read while the write runs")
	assert.True(t, l.Unchanged(facts(2), before))
	n := l.Release(facts(1), facts(1, 2))
	assert.False(t, l.Unchanged(facts(1), during))
	assert.False(t, l.Unchanged(facts(2), during))
	assert.True(t, l.Unchanged(facts(1, 2), n))
}

func TestHoldsOfOneFactAreCounted(t *testing.T) {
	l := New(0)
	l.Hold(facts(1))
	l.Hold(facts(1))
	first := l.Release(facts(1), nil)
	assert.False(t, l.Unchanged(facts(1), first), "the other hold goes on")
	l.Touch(facts(1))
	assert.False(t, l.Unchanged(facts(1), l.Now()), "a touch doesn't end a hold")
	second := l.Release(facts(1), nil)
	assert.True(t, l.Unchanged(facts(1), second))
}

func TestResetTouchesEverything(t *testing.T) {
	l := New(0)
	before := l.Now()
	n := l.Reset()
	assert.False(t, l.Unchanged(facts(7), before))
	assert.False(t, l.Unchanged(nil, before), "a result that depends on nothing")
	assert.True(t, l.Unchanged(facts(7), n))
}

// What a write held and didn't touch is as if it hadn't been held.
func TestReleaseWithoutTouch(t *testing.T) {
	l := New(0)
	l.Touch(facts(1, 2))
	since := l.Now()
	l.Hold(facts(1, 2, 3))
	l.Hold(facts(2))
	assert.False(t, l.Unchanged(facts(1), since))
	n := l.Release(facts(1, 2, 3), facts(3, 4))
	assert.True(t, l.Unchanged(facts(1), since))
	assert.False(t, l.Unchanged(facts(1), since-1))
	assert.False(t, l.Unchanged(facts(2), n), "another write holds it")
	assert.False(t, l.Unchanged(facts(3), since))
	assert.False(t, l.Unchanged(facts(4), since))
	assert.True(t, l.Unchanged(facts(3, 4), n))
	l.Touch(facts(2))
	l.Release(facts(2), nil)
	assert.False(t, l.Unchanged(facts(2), n), "touched while it was held")
	assert.Empty(t, l.holds)
}

// A fact whose slot a hold has taken isn't earlier when the hold is over.
func TestReleaseKeepsTheFloor(t *testing.T) {
	l := New(ways)
	fs := same(l, ways+1)
	for _, f := range fs[:ways] {
		l.Touch(facts(f))
	}
	l.Hold(facts(fs[ways]))
	l.Release(facts(fs[ways]), nil)
	assert.False(t, l.Unchanged(facts(fs[ways]), 0), "its slot stands for the one that was there")
}

// same returns n facts that fall into one set of the ledger.
func same(l *Ledger, n int) []Fact {
	out := make([]Fact, n)
	for i := range out {
		out[i] = Fact(uint64(i+1)*uint64(len(l.sets)) + 1)
	}
	return out
}

func TestForgettingRaisesTheFloor(t *testing.T) {
	l := New(ways)
	fs := same(l, ways+1)
	before := l.Now()
	for _, f := range fs[:ways] {
		l.Touch(facts(f))
	}
	assert.True(t, l.Unchanged(facts(fs[ways]), before), "nothing is forgotten yet")
	kept := l.Now()
	l.Touch(facts(fs[ways]))
	assert.False(t, l.Unchanged(facts(fs[0]), before), "the forgotten fact counts as touched")
	assert.True(t, l.Unchanged(facts(fs[0]), kept), "not later than it was")
}

func TestMoreHoldsThanASetHasSlots(t *testing.T) {
	l := New(ways)
	fs := same(l, ways+3)
	l.Hold(fs)
	assert.False(t, l.Unchanged(facts(99), l.Now()), "holds without a slot refuse everything")
	l.Release(fs[:ways+2], nil)
	assert.False(t, l.Unchanged(facts(fs[ways+2]), l.Now()))
	n := l.Release(fs[ways+2:], nil)
	assert.True(t, l.Unchanged(fs, n))
	assert.True(t, l.Unchanged(facts(99), n))
	assert.Empty(t, l.holds)
}

// TestNeverMissesAWrite compares the ledger with an exact map on random
// histories: it may say "touched" too often, never "unchanged" wrongly.
func TestNeverMissesAWrite(t *testing.T) {
	for _, size := range []int{ways, 4 * ways, 1024} {
		t.Run(fmt.Sprintf("%d facts", size), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(size)))
			l := New(size)
			exact := map[Fact]uint64{}
			held := map[Fact]int{}
			var open [][]Fact
			pick := func() []Fact {
				fs := make([]Fact, 1+r.IntN(4))
				for i := range fs {
					fs[i] = Fact(r.Uint64N(200) * 0x9e3779b97f4a7c15)
				}
				return fs
			}
			var exactHits, refusedNeedlessly int
			for range 200_000 {
				switch r.IntN(6) {
				case 0:
					fs := pick()
					n := l.Touch(fs)
					for _, f := range fs {
						exact[f] = n
					}
				case 1:
					if len(open) < 5 {
						fs := pick()
						l.Hold(fs)
						open = append(open, fs)
						for _, f := range fs {
							held[f]++
						}
					}
				case 2:
					if len(open) > 0 {
						fs := open[0]
						open = open[1:]
						// It touches some of what it held, and something else at times.
						touched := fs[:r.IntN(len(fs)+1)]
						if r.IntN(4) == 0 {
							touched = append(slices.Clone(touched), pick()...)
						}
						n := l.Release(fs, touched)
						for _, f := range fs {
							held[f]--
						}
						for _, f := range touched {
							exact[f] = n
						}
					}
				default:
					fs := pick()
					since := l.Now() - min(l.Now(), r.Uint64N(50))
					want := true
					for _, f := range fs {
						want = want && held[f] == 0 && exact[f] <= since
					}
					got := l.Unchanged(fs, since)
					if got && !want {
						t.Fatalf("facts %v since %d: unchanged, but one was touched or is held", fs, since)
					}
					if want {
						exactHits++
						if !got {
							refusedNeedlessly++
						}
					}
				}
			}
			if size == 1024 {
				assert.Less(t, float64(refusedNeedlessly), 0.02*float64(exactHits), "of %d", exactHits)
			}
		})
	}
}

// TestConcurrentReadersSeeFinishedWrites has readers check facts whose last
// finished write they know: the ledger must never forget it, whatever other
// writers evict meanwhile.
func TestConcurrentReadersSeeFinishedWrites(t *testing.T) {
	l := New(2 * ways)
	var last [64]atomic.Uint64
	var wg sync.WaitGroup
	var stop atomic.Bool
	for w := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(w)))
			for range 100_000 {
				f := r.IntN(len(last))
				// Another writer's later position may be overwritten by ours;
				// keep the greater one.
				n := l.Touch(facts(Fact(f + 1)))
				for {
					have := last[f].Load()
					if have >= n || last[f].CompareAndSwap(have, n) {
						break
					}
				}
			}
			stop.Store(true)
		})
	}
	for i := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(i)))
			for !stop.Load() {
				f := r.IntN(len(last))
				n := last[f].Load()
				if n > 0 && l.Unchanged(facts(Fact(f+1)), n-1) {
					t.Errorf("fact %d was touched at %d and counts as unchanged since %d", f+1, n, n-1)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkUnchanged(b *testing.B) {
	l := New(0)
	r := rand.New(rand.NewPCG(4, 4))
	for range 400_000 {
		l.Touch(facts(Fact(r.Uint64())))
	}
	fs := make([]Fact, 100)
	for i := range fs {
		fs[i] = Fact(r.Uint64())
	}
	now := l.Now()
	b.ReportAllocs()
	for b.Loop() {
		l.Unchanged(fs, now)
	}
}

// A log with positions of its own is taken in up to where it is, in order; what
// was missed is raised over everything.
func TestRecordAndRaise(t *testing.T) {
	l := New(0)
	l.Raise(10)
	assert.EqualValues(t, 10, l.Now())
	assert.False(t, l.Unchanged(facts(1), 9), "everything older is gone")
	assert.True(t, l.Unchanged(facts(1), 10))
	l.Record(facts(1, 2), 11)
	assert.EqualValues(t, 11, l.Now())
	assert.False(t, l.Unchanged(facts(2), 10))
	assert.True(t, l.Unchanged(facts(3), 10))
	assert.True(t, l.Unchanged(facts(2), 11))
	l.Record(facts(3), 11)
	l.Record(facts(3), 5)
	assert.EqualValues(t, 11, l.Now())
	assert.True(t, l.Unchanged(facts(3), 10), "it was known already")
	l.Raise(4)
	assert.EqualValues(t, 11, l.Now(), "a floor doesn't fall")
	assert.True(t, l.Unchanged(facts(3), 10))
	l.Raise(20)
	assert.False(t, l.Unchanged(facts(3), 19))
	assert.Zero(t, l.Held())
	l.Hold(facts(3))
	assert.Equal(t, 1, l.Held())
}
