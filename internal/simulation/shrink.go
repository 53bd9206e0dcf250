package simulation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Report is a plan and what happened, line by line.
func Report(p *Plan, r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%v", r.Violation, p)
	for _, e := range r.Events {
		fmt.Fprintln(&b, e)
		if e.what == "VIOLATION" {
			break
		}
	}
	return b.String()
}

// tries is how many schedules a smaller plan gets to fail again.
const tries = 15

// Shrink leaves operations and faults out of a plan that failed as long as what
// is left fails too, maybe in another order.
func Shrink(t *testing.T, p *Plan, r *Result, deadline time.Time) (*Plan, *Result) {
	fails := func(q *Plan) bool {
		for i := range tries {
			o := *q
			if i > 0 {
				o.Schedule = q.Seed + uint64(i)*1e6
			}
			if got := Run(t, &o); got.Violation != "" {
				p, r = &o, got
				return true
			}
		}
		return false
	}
	for size := max(len(p.Ops), 1); size > 0 && time.Now().Before(deadline); {
		cut := false
		for i := 0; i < len(p.Ops) && time.Now().Before(deadline); {
			q := *p
			q.Ops = slices.Delete(slices.Clone(p.Ops), i, min(i+size, len(p.Ops)))
			if fails(&q) {
				cut = true
			} else {
				i += size
			}
		}
		for i := 0; i < len(p.Faults); {
			q := *p
			q.Faults = slices.Delete(slices.Clone(p.Faults), i, i+1)
			if fails(&q) {
				cut = true
			} else {
				i++
			}
		}
		if !cut || size > 1 {
			size /= 2
		}
	}
	return p, r
}

// Tally adds up histories.
type Tally struct {
	mu sync.Mutex

	Histories, Ops, Commits, Unannounced, Steps int
	Reads, Hits, Remote, Peeked                 uint64
	// Of the histories without faults.
	CalmReads, CalmHits uint64
}

// Count adds a history. It isn't safe for concurrent use.
func (t *Tally) Count(p *Plan, r *Result) {
	t.Histories++
	t.Ops += r.Ops
	t.Commits += r.Commits
	t.Unannounced += r.Unannounced
	t.Steps += r.Steps
	t.Reads += r.Reads
	t.Hits += r.Hits
	t.Remote += r.Remote
	t.Peeked += r.Peeked
	if len(p.Faults) == 0 {
		t.CalmReads += r.Reads
		t.CalmHits += r.Hits
	}
}

// Add adds another tally.
func (t *Tally) Add(o *Tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Histories += o.Histories
	t.Ops += o.Ops
	t.Commits += o.Commits
	t.Unannounced += o.Unannounced
	t.Steps += o.Steps
	t.Reads += o.Reads
	t.Hits += o.Hits
	t.Remote += o.Remote
	t.Peeked += o.Peeked
	t.CalmReads += o.CalmReads
	t.CalmHits += o.CalmHits
}

// HitRatio is that of the histories without faults.
func (t *Tally) HitRatio() float64 { return float64(t.CalmHits) / max(1, float64(t.CalmReads)) }

func (t *Tally) String() string {
	return fmt.Sprintf("%d histories: %d steps, %d operations, %d commits of which %d unannounced; %d reads, %d hits, %d of them remote and %d of these by a plain read; hit ratio %.2f without faults",
		t.Histories, t.Steps, t.Ops, t.Commits, t.Unannounced, t.Reads, t.Hits, t.Remote, t.Peeked, t.HitRatio())
}
