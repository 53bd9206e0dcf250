package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/example/internal/music"
)

// tally is what one visitor did, by kind of read and by action.
type tally struct {
	reads  []readTally
	writes []writeTally
}

type readTally struct {
	count         int
	cached, plain []time.Duration
}

type writeTally struct {
	count, rolledBack int
}

func newTally() tally {
	return tally{reads: make([]readTally, len(music.Kinds)), writes: make([]writeTally, len(music.Actions))}
}

func (t *tally) add(o *tally) {
	if t.reads == nil {
		*t = newTally()
	}
	for i, r := range o.reads {
		t.reads[i].count += r.count
		t.reads[i].cached = append(t.reads[i].cached, r.cached...)
		t.reads[i].plain = append(t.reads[i].plain, r.plain...)
	}
	for i, w := range o.writes {
		t.writes[i].count += w.count
		t.writes[i].rolledBack += w.rolledBack
	}
}

// moment is what was done up to a time.
type moment struct {
	at            time.Time
	reads, writes int64
	stats         entcache.OpStats
}

func (s *shop) now() moment {
	return moment{at: time.Now(), reads: s.reads.Load(), writes: s.writes.Load(), stats: s.cache.Stats().Total()}
}

func (m moment) print(out io.Writer, started time.Time, last moment) {
	seconds := m.at.Sub(last.at).Seconds()
	d := entcache.OpStats{
		Hits:      m.stats.Hits - last.stats.Hits,
		Misses:    m.stats.Misses - last.stats.Misses,
		Coalesced: m.stats.Coalesced - last.stats.Coalesced,
	}
	fmt.Fprintf(out, "%4.0f s  %6.0f reads/s  %5.0f writes/s  hit ratio %5.1f %%\n",
		m.at.Sub(started).Seconds(), float64(m.reads-last.reads)/seconds, float64(m.writes-last.writes)/seconds, 100*d.HitRatio())
}

// summary prints what the run did.
func (s *shop) summary() {
	stats := s.cache.Stats()
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)

	fmt.Fprintf(w, "\nreads\tnumber\tmedian cached\tmedian uncached\tratio\t\n")
	var all readTally
	for i, k := range music.Kinds {
		t := &s.tally.reads[i]
		row(w, k.Name, t)
		all.count += t.count
		all.cached = append(all.cached, t.cached...)
		all.plain = append(all.plain, t.plain...)
	}
	row(w, "all", &all)
	fmt.Fprintf(w, "mean of all\t\t%s\t%s\t%.1f\t\n", micros(mean(all.cached)), micros(mean(all.plain)),
		float64(mean(all.plain))/float64(max(1, mean(all.cached))))
	w.Flush()
	fmt.Fprintf(s.out, "Timed: one read in %d, run on both clients in turns, in the same run.\n", timedShare)

	fmt.Fprintf(w, "\nstatements by type\thits\tmisses\tof them invalidated\tcoalesced\thit ratio\tbypassed\t\n")
	for _, name := range slices.Sorted(maps.Keys(stats.Types)) {
		one := entcache.Stats{Types: map[string]entcache.TypeStats{name: stats.Types[name]}}
		statements(w, name, one.Total())
	}
	total := stats.Total()
	statements(w, "all", total)
	w.Flush()
	for _, line := range []struct {
		what    string
		reasons map[entcache.Reason]uint64
	}{{"Bypassed", total.Bypasses}, {"Run and not stored", total.Refused}} {
		if len(line.reasons) > 0 {
			fmt.Fprintf(s.out, "%s: %s.\n", line.what, reasons(line.reasons))
		}
	}

	fmt.Fprintf(w, "\nwrites\tnumber\trolled back\t\n")
	for i, a := range music.Actions {
		fmt.Fprintf(w, "%s\t%d\t%d\t\n", a.Name, s.tally.writes[i].count, s.tally.writes[i].rolledBack)
	}
	w.Flush()

	fmt.Fprintf(s.out, "\n%d invalidations. The cache holds %d results in %.1f MiB.\n",
		stats.Invalidations, stats.Entries, float64(stats.Bytes)/(1<<20))
	fmt.Fprintf(s.out, "%d reads compared with the database at %d quiet points, %.1f %% of their statements were hits: %d differed.\n",
		s.checked.reads, s.checked.points, 100*float64(s.checked.hits)/float64(max(1, s.checked.statements)), s.checked.differed)
}

func row(w io.Writer, name string, t *readTally) {
	cached, plain := median(t.cached), median(t.plain)
	if cached == 0 {
		fmt.Fprintf(w, "%s\t%d\t\t\t\t\n", name, t.count)
		return
	}
	fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%.1f\t\n", name, t.count, micros(cached), micros(plain), float64(plain)/float64(cached))
}

func statements(w io.Writer, name string, o entcache.OpStats) {
	var bypassed uint64
	for _, n := range o.Bypasses {
		bypassed += n
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.1f %%\t%d\t\n", name, o.Hits, o.Misses, o.Invalidated, o.Coalesced, 100*o.HitRatio(), bypassed)
}

func reasons(counts map[entcache.Reason]uint64) string {
	var list []string
	for _, r := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d %s", counts[r], r))
	}
	return strings.Join(list, ", ")
}

func median(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func mean(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	var sum time.Duration
	for _, t := range times {
		sum += t
	}
	return sum / time.Duration(len(times))
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
}
