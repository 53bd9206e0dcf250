package simulation

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

var (
	flagSeed      = flag.Uint64("seed", 1, "the first seed")
	flagHistories = flag.Int("histories", 0, "how many histories to play; 0 for 1000, and 500 with the race detector")
	flagLength    = flag.Int("operations", length, "how many operations a history has")
	flagTrace     = flag.Bool("trace", false, "print what happens in each history, too")
)

// histories is how many are played by default.
func histories() int {
	switch {
	case *flagHistories > 0:
		return *flagHistories
	case raceDetector:
		return 500
	}
	return 1000
}

// length is how many operations a history has by default.
const length = 200

// collectSeldom makes the garbage collector run more seldom during a test that
// plays many histories: it took half of the time.
func collectSeldom(t *testing.T) {
	percent := debug.SetGCPercent(800)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
}

// TestSimulation plays histories, each from a seed of its own.
func TestSimulation(t *testing.T) {
	collectSeldom(t)
	var (
		start    = time.Now()
		n        = histories()
		next     atomic.Int64
		total    Tally
		failed   atomic.Bool
		progress = time.Minute
	)
	t.Run("histories", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				var own Tally
				defer func() { total.Add(&own) }()
				for !failed.Load() {
					i := next.Add(1) - 1
					if i >= int64(n) {
						return
					}
					p := NewPlan(*flagSeed+uint64(i), *flagLength)
					r := Run(t, p)
					own.Count(p, r)
					if *flagTrace {
						fmt.Print(Report(p, r))
					}
					if r.Violation != "" && !failed.Swap(true) {
						p, r = Shrink(t, p, r, time.Now().Add(time.Minute))
						t.Errorf("seed %d: %s", p.Seed, Report(p, r))
					}
					if n > 100000 && i%1000 == 0 && time.Since(start) > progress {
						fmt.Fprintf(os.Stderr, "%d histories after %v\n", i, time.Since(start).Round(time.Second))
						progress += time.Minute
					}
				}
			})
		}
	})
	t.Logf("%v in %v", &total, time.Since(start).Round(time.Millisecond))
	if n >= 1000 && !t.Failed() {
		// A cache that never hits is never wrong. One read of three can't be a hit:
		// it is strict, has a token, or a write came before it.
		if h := total.HitRatio(); h < 0.4 {
			t.Errorf("hit ratio of the histories without faults: %.2f", h)
		}
	}
}

// TestHits requires that a cache pays where reads prevail and nothing goes wrong.
func TestHits(t *testing.T) {
	var total Tally
	for seed := range uint64(20) {
		p := NewPlan(seed, 400)
		p.Faults, p.Cold, p.Standard, p.TTL = nil, false, cache.Bounded(bound), time.Minute
		p.NoPeek, p.Forgetful = false, false
		p.Strategy = Strategy{Kind: Uniform, Sleep: 10, Longest: 10 * time.Millisecond, Together: 2}
		for i, op := range p.Ops {
			q := queries[i%len(queries)]
			if op.Kind == Read {
				q = op.Query
			}
			if op.Kind == Read || i%20 > 0 {
				p.Ops[i] = Op{Slot: op.Slot, Query: q}
			}
		}
		r := Run(t, p)
		require.Empty(t, r.Violation)
		total.Count(p, r)
	}
	t.Log(&total)
	require.Greater(t, total.HitRatio(), 0.8)
}

// TestRepeats requires that a plan says all, nearly: see the package's comment.
func TestRepeats(t *testing.T) {
	same, n := 0, 0
	for seed := uint64(0); n < 50; seed++ {
		p := NewPlan(seed, length)
		if p.TTL < time.Minute {
			continue
		}
		n++
		if a, b := Run(t, p), Run(t, p); a.Steps == b.Steps && a.Commits == b.Commits && len(a.Events) == len(b.Events) {
			same++
		}
	}
	t.Logf("%d of %d", same, n)
	if same < n*4/5 {
		t.Errorf("%d of %d plans lead to one history", same, n)
	}
}
