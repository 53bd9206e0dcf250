package precision

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/entcache/ent-cache/cache"
)

// Cause is why the cache evicted results that hadn't changed: a statement of a
// read depended on facts that an action touched.
type Cause struct {
	// Read and Statement are the kind of read, and the type and operation of its
	// first statement that missed. Facts are what it depended on and the action
	// touched, without values.
	Read, Statement, Action, Facts string
	// Count is how many needless misses had it first, Alone of how many it was the
	// only one: those a finer fact would turn into hits.
	Count, Alone int
}

// causes finds out which write evicted what. The cache is not asked: what a
// statement touches follows from its SQL, as the README says it. A miss that can't
// be accounted for is counted too, under "unknown".
type causes struct {
	workload Workload
	// filled is what the statements of the cache depend on, and since when.
	filled map[cache.Key]filled
	// touched are the writes that touched a fact, in their order.
	touched map[cache.Tag][]touch
	counts  map[Cause]*Cause

	// images are the rows that operations changed, if that is followed.
	images []imaged
	// saved are the misses that the refinements up to each one would have turned
	// into hits, without those that all but this one would have.
	saved, without [numRefinements]int
}

// imaged are the rows that an operation changed.
type imaged struct {
	at     int
	images []image
}

type filled struct {
	at    int
	facts []cache.Tag
}

type touch struct{ at, action int }

func newCauses(w Workload) causes {
	return causes{workload: w, filled: make(map[cache.Key]filled), touched: make(map[cache.Tag][]touch), counts: make(map[Cause]*Cause)}
}

// read remembers what the statements of a read depend on.
func (c *causes) read(at int, explained []cache.Explanation) {
	for _, x := range explained {
		if len(x.Facts) > 0 {
			c.filled[x.Key] = filled{at, x.Facts}
		}
	}
}

// wrote adds what a statement of an action touches.
func (c *causes) wrote(at, action int, w *change) {
	add := func(kind cache.FactKind, column, value string) {
		t := cache.Tag{Kind: kind, Table: w.table, Column: column, Value: value}
		c.touched[t] = append(c.touched[t], touch{at, action})
	}
	groups := func(column string, values ...any) {
		for _, v := range values {
			add(cache.FactGroup, column, text(v))
		}
	}
	for _, t := range cascadesOf(c.workload, w) {
		tag := cache.Tag{Kind: cache.FactTable, Table: t}
		c.touched[tag] = append(c.touched[tag], touch{at, action})
	}
	ids := w.where["id"]
	switch {
	case w.verb == "insert":
		add(cache.FactMembers, "", "")
		for _, r := range w.rows {
			for column, v := range r {
				groups(column, v)
			}
		}
	case c.workload.joins[w.table]:
		add(cache.FactMembers, "", "")
		for column, values := range w.where {
			groups(column, values...)
		}
	case len(ids) == 0:
		add(cache.FactTable, "", "")
	case w.verb == "delete":
		add(cache.FactMembers, "", "")
		// Of every column.
		add(cache.FactGroups, "", "")
	default:
		for _, column := range w.set {
			add(cache.FactColumn, column, "")
			add(cache.FactGroups, column, "")
		}
	}
	for _, id := range ids {
		add(cache.FactRow, "", text(id))
	}
}

// missed counts a needless miss. The statements are those that reached the
// database.
func (c *causes) missed(kind int, explained []cache.Explanation, statements []statement) {
	c.refine(explained, statements)
	i := slices.IndexFunc(explained, func(x cache.Explanation) bool { return x.Outcome != cache.Hit && x.Outcome != cache.Coalesced })
	x := explained[i]
	first := Cause{Read: c.workload.kinds[kind], Statement: fmt.Sprintf("%s %s", x.Type, x.Op)}
	alone := false
	switch found := c.between(c.filled[x.Key]); {
	case x.Outcome != cache.Miss || !x.Invalidated:
		first.Action = fmt.Sprintf("(%s, %s)", x.Outcome, x.Reason)
	case len(found) == 0:
		first.Action = "unknown"
	default:
		first.Action, first.Facts = found[0][0], found[0][1]
		alone = len(found) == 1
	}
	n, ok := c.counts[first]
	if !ok {
		n = new(first)
		c.counts[first] = n
	}
	n.Count++
	if alone {
		n.Alone++
	}
}

// refine counts the refinements that would have made a needless miss a hit.
func (c *causes) refine(explained []cache.Explanation, statements []statement) {
	verdicts := make(map[verdict]bool)
	n := 0
	for _, x := range explained {
		if x.Outcome == cache.Hit || x.Outcome == cache.Coalesced {
			continue
		}
		f := c.filled[x.Key]
		d := newDependency(statements[n], f.facts)
		n++
		for _, op := range c.images[sort.Search(len(c.images), func(i int) bool { return c.images[i].at > f.at }):] {
			for _, i := range op.images {
				verdicts[d.harmless(i, c.workload.joins)] = true
			}
		}
	}
	hit := func(given uint) int {
		for v := range verdicts {
			if !v.harmless(given) {
				return 0
			}
		}
		return 1
	}
	const all = 1<<numRefinements - 1
	for r := range numRefinements {
		c.saved[r] += hit(1<<(r+1) - 1)
		c.without[r] += hit(all &^ (1 << r))
	}
}

// between returns the actions that touched what was filled, each with the facts,
// in the order in which they first did.
func (c *causes) between(f filled) [][2]string {
	facts := make(map[touch][]string)
	for _, tag := range f.facts {
		name := tag
		name.Value = ""
		lists := [][]touch{c.touched[tag]}
		if tag.Kind == cache.FactGroups {
			lists = append(lists, c.touched[cache.Tag{Kind: cache.FactGroups, Table: tag.Table}])
		}
		for _, list := range lists {
			for _, t := range list[sort.Search(len(list), func(i int) bool { return list[i].at > f.at }):] {
				if s := name.String(); !slices.Contains(facts[t], s) {
					facts[t] = append(facts[t], s)
				}
			}
		}
	}
	order := make([]touch, 0, len(facts))
	for t := range facts {
		order = append(order, t)
	}
	slices.SortFunc(order, func(a, b touch) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.action, b.action)) })
	var found [][2]string
	for _, t := range order {
		slices.Sort(facts[t])
		if one := [2]string{c.workload.actions[t.action], strings.Join(facts[t], " ")}; !slices.Contains(found, one) {
			found = append(found, one)
		}
	}
	return found
}

func (c *causes) list() []Cause {
	list := make([]Cause, 0, len(c.counts))
	for _, n := range c.counts {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	return list
}
