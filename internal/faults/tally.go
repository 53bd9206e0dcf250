package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/entcache/ent-cache/internal/crash"
)

// tally counts what a run has done.
type tally struct {
	faults                 map[string]int
	effects                map[string]int // what came of some of them
	crashes, stops, delays map[string]int
	killed                 int
	outcomes               map[Outcome]int
	ratios                 []float64
	violations             map[What]int
	sources                map[string]int

	reads, bounded, strict, finals, followed, versions int
	// slack are the reads that needed the slack, late the writes of processes
	// that stood still, excused the failures of operations while the database
	// was cut off.
	slack, late, excused int
}

func newTally() *tally {
	return &tally{
		faults: make(map[string]int), effects: make(map[string]int), crashes: make(map[string]int), stops: make(map[string]int), delays: make(map[string]int),
		outcomes: make(map[Outcome]int), violations: make(map[What]int), sources: make(map[string]int),
	}
}

// kills are all deaths of workers before their time.
func (t *tally) kills() int {
	n := t.killed
	for _, c := range t.crashes {
		n += c
	}
	return n
}

func (t *tally) write(e Event) { t.outcomes[e.Outcome]++ }

// how counts where the statements of a read got their results.
func (t *tally) how(text string) {
	for _, part := range strings.Split(text, ", ") {
		word, _, _ := strings.Cut(part, " aged")
		t.sources[word]++
	}
}

// print writes the tables at the end.
func (t *tally) print(r *run) {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d processes, %s, bound %v, lease %v, quarantine %v, expiry %v, %v\n", r.Seed, r.Processes, r.Dialect,
		r.Bound, r.Lease, r.Quarantine, r.TTL, time.Duration(now()-r.start).Round(time.Second))
	line := func(name string, v any) { fmt.Fprintf(&b, "  %-42s %v\n", name, v) }
	table := func(title string, m map[string]int, all []string) {
		fmt.Fprintf(&b, "%s\n", title)
		if all == nil {
			all = slices.Sorted(maps.Keys(m))
		}
		for _, name := range all {
			line(name, m[name])
		}
	}
	table("faults", t.faults, nil)
	table("what came of them", t.effects, nil)
	if crash.Enabled {
		table("killed at", t.crashes, crash.Labels())
		table("stopped at", t.stops, crash.Labels())
		table("made to wait at", t.delays, crash.Labels())
	}
	line("killed at any time", t.killed)
	fmt.Fprintf(&b, "reads checked\n")
	line("all", t.reads)
	line("bounded", t.bounded)
	line("strict", t.strict)
	line("of these under another's token", t.followed)
	line("at rest", t.finals)
	table("statements", t.sources, nil)
	fmt.Fprintf(&b, "writes\n")
	for _, o := range []Outcome{Committed, RolledBack, Refused} {
		line(string(o), t.outcomes[o])
	}
	line("outcome unknown to a living process", t.outcomes[Unknown])
	line("versions", t.versions)
	fmt.Fprintf(&b, "left out\n")
	line(fmt.Sprintf("reads beyond a bound by less than %v", r.Slack), t.slack)
	line("writes not announced, or not for long enough", t.late)
	line("failures while the database was cut off", t.excused)
	fmt.Fprintf(&b, "hits without faults")
	for _, x := range t.ratios {
		fmt.Fprintf(&b, " %.1f %%", 100*x)
	}
	fmt.Fprintf(&b, "\nviolations\n")
	for _, w := range []What{Stale, Dirty, Future, OwnLost, TokenMiss, Unproven, Torn, Undead, BrokenLog, NotFinal, Failure} {
		line(string(w), t.violations[w])
	}
	if t.reads > 0 && len(t.violations) == 0 {
		fmt.Fprintf(&b, "no read of %d was wrong: with 95 %% confidence less than %.1e are\n", t.reads, 3/float64(t.reads))
	}
	r.t.Log("\n" + b.String())
}
