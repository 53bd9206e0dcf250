//go:build mutant

package simulation

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/entcache/ent-cache/internal/mutant"
)

var flagMutant = flag.String("mutant", "none", "switch an error of the engine on, to see which tests show it")

func TestMain(m *testing.M) {
	flag.Parse()
	n, err := mutant.Parse(*flagMutant)
	if err != nil {
		panic(err)
	}
	mutant.Set(n)
	os.Exit(m.Run())
}

// mutantHistories is within how many histories from each seed a mutant must be
// found: what an idle machine with two processors plays in a minute.
const mutantHistories = 6_000

var mutantSeeds = []uint64{1_000_000, 2_000_000, 3_000_000}

// equivalent are the mutants that break no promise, and why.
var equivalent = map[mutant.Name]string{
	mutant.AttachedIgnored: "what was missed before a subscription shows in the next message, as a gap, or in the next probe; and until that the view doesn't count as complete",
}

// directed are the mutants that chance finds in one of some ten thousand histories,
// and the test that shows each (with -mutant).
var directed = map[mutant.Name]string{
	mutant.AheadOwnLate: "TestRace_R32_OwnWriteWhileEdgesAreAskedForAhead",
}

func TestMutants(t *testing.T) {
	collectSeldom(t)
	for _, n := range append(mutant.Shared(), mutant.CoalescedAsIs) {
		t.Run(n.String(), func(t *testing.T) {
			if why, ok := equivalent[n]; ok {
				t.Skip(why)
			}
			if name, ok := directed[n]; ok {
				t.Skip("shown by " + name)
			}
			mutant.Set(n)
			defer mutant.Set(mutant.None)
			line := ""
			for _, seed := range mutantSeeds {
				start := time.Now()
				tried, what := hunt(t, seed)
				if what == "" {
					t.Errorf("not found from seed %d within %d histories", seed, tried)
					continue
				}
				line += fmt.Sprintf(" %6d (%v)", tried, time.Since(start).Round(10*time.Millisecond))
				t.Log(what)
			}
			t.Logf("%-18s%s", n, line)
		})
	}
}

// hunt plays histories until one shows a violation.
func hunt(t *testing.T, seed uint64) (tried int64, what string) {
	var (
		next atomic.Int64
		once sync.Once
	)
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for found := false; !found && next.Load() >= 0 && next.Load() < mutantHistories; {
					n := next.Add(1)
					if n <= 0 {
						return
					}
					if r := Run(t, NewPlan(seed+uint64(n), length)); r.Violation != "" {
						once.Do(func() {
							tried, what, found = n, r.Violation, true
							next.Store(-1 << 40)
						})
					}
				}
			})
		}
	})
	if what == "" {
		tried = next.Load()
	}
	return tried, what
}
