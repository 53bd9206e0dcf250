package precision

import (
	"slices"
	"strconv"
	"strings"

	"github.com/entcache/ent-cache/cache"
)

// A refinement is a way to see that a write doesn't matter to a result that
// depends on a fact the write touched.
type refinement int

// The refinements, each named in refinementNames. They are looked at in hindsight:
// of a miss that was needless it is known that nothing mattered, and only which
// facts would have shown it is asked.
const (
	// A column was set to the value that it had, or a row of a join table added
	// that was there.
	byChange refinement = iota
	// A row of a join table has the value on neither side, and the query pins
	// it through a join.
	byJoin
	// As byConjunction, of columns that the write leaves as they are: their values
	// are in the row that Ent reads back.
	byUnset
	// The groups that a row has left are known from its old values.
	byOldValues
	// A condition "column = value" or "column IN (values)" of the query holds
	// neither for the old row nor for the new one.
	byConjunction
	// A bulk write says which rows it wrote, so that it is like many single ones.
	byBulkRows
	// The query has a LIMIT, and the row is beyond it.
	byWindow
	// The WHERE holds for the old row and for the new one, or for none, and if for
	// both what is selected and the order are the same.
	byCondition
	// The columns that were changed aren't in the query at all.
	byProjection

	numRefinements
)

var refinementNames = [numRefinements]string{
	"unchanged values", "join rows", "conjunctions of unset columns", "old groups", "conjunctions", "rows of bulk writes", "LIMIT", "conditions", "projections",
}

// selection is what there is to know of a SELECT of one table.
type selection struct {
	table string
	// columns are those that are selected, order those of ORDER BY and GROUP BY.
	columns, order map[string]bool
	where          []condition
	// opaque says that a condition wasn't understood; used are the columns of all.
	opaque     bool
	used       map[string]bool
	limited    bool
	aggregated bool
}

type condition struct {
	column, op string
	values     []string
}

// holds reports whether a row fulfills the condition.
func (c condition) holds(r map[string]any) bool {
	v := text(r[c.column])
	switch c.op {
	case "=", "IN":
		return slices.Contains(c.values, v)
	}
	a, err1 := strconv.ParseFloat(v, 64)
	b, err2 := strconv.ParseFloat(c.values[0], 64)
	if err1 != nil || err2 != nil {
		return true
	}
	switch c.op {
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	}
	return a <= b
}

// parseSelect reads a SELECT; it returns nil if that is of more than one table.
func parseSelect(s statement) *selection {
	p := &changeParser{list: tokens(s.query), args: s.args}
	sel := &selection{columns: make(map[string]bool), order: make(map[string]bool), used: make(map[string]bool)}
	if len(tablesOf(nil, s.query)) != 1 || strings.Count(s.query, "SELECT") != 1 {
		return nil
	}
	names := func(to map[string]bool, until ...string) {
		for ; p.peek() != "" && !slices.Contains(until, p.peek()); p.next() {
			if n, ok := name(p.peek()); ok {
				to[n] = true
			}
			sel.aggregated = sel.aggregated || p.peek() == "COUNT" || p.peek() == "SUM"
		}
	}
	names(sel.columns, "FROM")
	p.next()
	sel.table, _ = name(p.next())
	if p.words("WHERE") {
		sel.conditions(p)
	}
	for {
		switch {
		case p.words("GROUP", "BY"):
			sel.aggregated = true
			names(sel.order, "ORDER", "LIMIT")
		case p.words("ORDER", "BY"):
			names(sel.order, "LIMIT")
		default:
			sel.limited = p.peek() == "LIMIT"
			delete(sel.columns, sel.table)
			delete(sel.order, sel.table)
			return sel
		}
	}
}

func (s *selection) conditions(p *changeParser) {
	for {
		c := condition{}
		for n, ok := name(p.peek()); ok; n, ok = name(p.peek()) {
			c.column = n
			p.next()
			p.words(".")
		}
		s.used[c.column] = true
		switch op := p.peek(); {
		case slices.Contains([]string{"=", ">", ">=", "<", "<="}, op):
			p.next()
			c.op, c.values = op, []string{text(p.condition())}
		case p.words("IN", "("):
			c.op = "IN"
			for {
				c.values = append(c.values, text(p.expression()))
				if !p.words(",") {
					break
				}
			}
			p.next()
		default:
			s.opaque = true
			p.condition()
		}
		if c.op != "" {
			s.where = append(s.where, c)
		}
		if !p.words("AND") {
			return
		}
	}
}

// condition goes past the rest of a condition and returns its last argument.
func (p *changeParser) condition() any {
	var v any
	for p.peek() != "" && !slices.Contains([]string{"AND", "GROUP", "ORDER", "LIMIT"}, p.peek()) {
		if p.peek() == "?" {
			v = p.args[p.used]
			p.used++
		}
		p.next()
	}
	return v
}

// pass reports whether the row fulfills all conditions that were understood.
func (s *selection) pass(r map[string]any) bool {
	return r != nil && !slices.ContainsFunc(s.where, func(c condition) bool { return !c.holds(r) })
}

func overlaps(a, b map[string]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}

// dependency is a statement that missed needlessly, with the facts it depended on.
type dependency struct {
	facts  map[cache.Tag]bool
	tables map[string]bool
	sel    *selection // nil if it isn't of one table
	args   []string
}

func newDependency(s statement, facts []cache.Tag) *dependency {
	d := &dependency{facts: make(map[cache.Tag]bool), tables: make(map[string]bool), sel: parseSelect(s)}
	for _, f := range facts {
		d.facts[f] = true
		d.tables[f.Table] = true
	}
	for _, a := range s.args {
		d.args = append(d.args, text(a))
	}
	return d
}

// harmless reports whether a changed row doesn't matter to the statement, given
// some refinements.
func (d *dependency) harmless(i image, joins map[string]bool) verdict {
	if !d.tables[i.table] {
		return verdict{}
	}
	matched, groups := d.matched(i)
	v := verdict{bulk: i.bulk, matters: len(matched) > 0}
	if !v.matters {
		return v
	}
	by := func(r refinement, ok bool) {
		if ok {
			v.unless |= 1 << r
		}
	}
	by(byOldValues, len(groups) == len(matched) && !d.inGroups(i, groups))
	by(byJoin, joins[i.table] && d.sel == nil && !d.mentions(i))
	if s := d.sel; s != nil {
		changed := i.changed()
		for _, c := range s.where {
			if (c.op == "=" || c.op == "IN") && (i.old == nil || !c.holds(i.old)) && (i.new == nil || !c.holds(i.new)) {
				by(byConjunction, true)
				by(byUnset, i.old == nil || i.new != nil && !changed[c.column])
			}
		}
		by(byProjection, i.old != nil && i.new != nil && !overlaps(changed, s.columns) && !overlaps(changed, s.order) && !overlaps(changed, s.used))
		before, after := s.pass(i.old), s.pass(i.new)
		by(byCondition, !before && !after ||
			before && after && !(s.opaque && overlaps(changed, s.used)) && !overlaps(changed, s.columns) && !overlaps(changed, s.order))
		by(byWindow, s.limited && !s.aggregated && !d.facts[cache.Tag{Kind: cache.FactRow, Table: i.table, Value: i.id()}])
	}
	return v
}

// verdict says whether a row that changed matters to a statement: because a bulk
// write says nothing about rows, or by the facts of a single write, unless there is
// one of some refinements.
type verdict struct {
	bulk, matters bool
	unless        uint
}

// harmless reports whether the row doesn't matter, given a set of refinements.
func (v verdict) harmless(given uint) bool {
	return (!v.bulk || given&(1<<byBulkRows) != 0) && (!v.matters || given&v.unless != 0)
}

// matched returns the facts that a single write of the row touches and the
// statement depends on, and the columns among them of which all groups are touched.
func (d *dependency) matched(i image) (facts []cache.Tag, groups []string) {
	add := func(t cache.Tag) {
		if t.Table = i.table; d.facts[t] {
			facts = append(facts, t)
			if t.Kind == cache.FactGroups {
				groups = append(groups, t.Column)
			}
		}
	}
	add(cache.Tag{Kind: cache.FactRow, Value: i.id()})
	if i.old == nil || i.new == nil {
		add(cache.Tag{Kind: cache.FactMembers})
	}
	for c := range i.changed() {
		switch {
		case i.old == nil, i.id() == "":
			add(cache.Tag{Kind: cache.FactGroup, Column: c, Value: text(i.either()[c])})
		case i.new == nil:
			add(cache.Tag{Kind: cache.FactGroups, Column: c})
		default:
			add(cache.Tag{Kind: cache.FactColumn, Column: c})
			add(cache.Tag{Kind: cache.FactGroups, Column: c})
		}
	}
	return facts, groups
}

// inGroups reports whether the row was or is in a group that the statement
// depends on.
func (d *dependency) inGroups(i image, columns []string) bool {
	for _, c := range columns {
		for _, r := range []map[string]any{i.old, i.new} {
			if r != nil && d.facts[cache.Tag{Kind: cache.FactGroup, Table: i.table, Column: c, Value: text(r[c])}] {
				return true
			}
		}
	}
	return false
}

// mentions reports whether an argument of the statement is in the row.
func (d *dependency) mentions(i image) bool {
	for _, v := range i.either() {
		if slices.Contains(d.args, text(v)) {
			return true
		}
	}
	return false
}
