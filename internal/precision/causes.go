package precision

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/entcache/ent-cache/cache"
)

// Cause is why the cache evicted results that hadn't changed, as the cache explains
// it of the first statement of a read that missed.
type Cause struct {
	// Read and Statement are the kind of read, and the type and operation of the
	// statement. Write is what was written, and Facts what of it the result depended
	// on, without values.
	Read, Statement, Write, Facts string
	// Count is how many needless misses had it.
	Count int
}

// causes counts why the cache missed without need.
type causes struct {
	workload Workload
	counts   map[Cause]int
}

func newCauses(w Workload) causes { return causes{workload: w, counts: make(map[Cause]int)} }

// missed counts a needless miss.
func (c *causes) missed(kind int, explained []cache.Explanation) {
	i := slices.IndexFunc(explained, func(x cache.Explanation) bool { return !served(x) })
	x := explained[i]
	first := Cause{Read: c.workload.kinds[kind], Statement: fmt.Sprintf("%s %s", x.Type, x.Op)}
	switch why := x.Invalidation; {
	case x.Outcome != cache.Miss || !x.Invalidated:
		first.Write = fmt.Sprintf("(%s, %s)", x.Outcome, x.Reason)
	case why == nil || len(why.Facts) == 0:
		first.Write = "unknown"
	default:
		first.Write, first.Facts = kindOf(why.By), bare(why.Facts)
	}
	c.counts[first]++
}

// served reports whether a statement didn't reach the database.
func served(x cache.Explanation) bool {
	return x.Outcome == cache.Hit || x.Outcome == cache.Coalesced || x.Outcome == cache.HitRemote
}

// kindOf names a write by what it was, without its rows.
func kindOf(by cache.Cause) string {
	text := fmt.Sprintf("%s: %s", by.Type, by.Op)
	if by.Op == cache.WriteTx {
		text = by.Op.String()
		for _, w := range by.Writes {
			text += ", " + kindOf(w)
		}
	}
	if len(by.Columns) > 0 {
		text += " of " + strings.Join(by.Columns, ", ")
	}
	return text
}

// bare spells facts out without values.
func bare(tags []cache.Tag) string {
	var list []string
	for _, t := range tags {
		t.Value = ""
		columns := strings.Split(t.Group, ",")
		for i := range columns {
			columns[i], _, _ = strings.Cut(columns[i], "=")
		}
		t.Group = strings.Join(columns, ",")
		if s := t.String(); !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func (c *causes) list() []Cause {
	list := make([]Cause, 0, len(c.counts))
	for cause, n := range c.counts {
		cause.Count = n
		list = append(list, cause)
	}
	slices.SortFunc(list, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	return list
}
