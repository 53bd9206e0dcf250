package cache

import (
	"slices"
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// relevancePlan is what a statement says of the rows that matter to it, beyond what
// facts tell apart. It is nil where it says nothing more.
type relevancePlan struct {
	occurrences []relevantOccurrence
	constants   []constant
	// unsure are tables of which a column is named and it isn't sure at which
	// occurrence.
	unsure []*Table
	alone  bool
	window *window
}

// relevantOccurrence is an occurrence of a table with the conditions that a row must
// fulfil to have a part in it.
type relevantOccurrence struct {
	table      *Table
	root       bool
	referred   bool
	conditions []condition
	// elsewhere are the columns that the statement names outside of the conditions.
	elsewhere []*Column
}

// window says that a result has the first rows in an order, behind an OFFSET
// perhaps.
type window struct {
	limit value
	order []orderTerm
}

// orderTerm is a column of the result's rows by which they are ordered.
type orderTerm struct {
	column     *Column
	at         int // where rows carry it
	descending bool
}

// relevanceReader collects what becomes a plan while names are resolved.
type relevanceReader struct {
	*analysis
	conditions map[place][]condition
	constants  []constant
	ranges     [][2]int32 // of the tokens of conditions
	elsewhere  map[place][]*Column
	unsure     []*Table
}

// readConditions reads the conditions that drop rows of one occurrence. Those of
// SELECTs with outer joins may be fulfilled by what such a join makes up, and stay
// out.
func (a *analysis) readConditions() *relevanceReader {
	r := &relevanceReader{analysis: a, conditions: make(map[place][]condition), elsewhere: make(map[place][]*Column)}
	for s := range a.scopes {
		sc := &a.scopes[s]
		if sc.outerJoin && !mutant.On(mutant.OuterConditions) {
			continue
		}
		for _, tokens := range append([][2]int32{sc.where}, sc.on...) {
			if tokens[1] <= tokens[0] {
				continue
			}
			visit := func(i, end int32) { r.condition(int32(s), i, end) }
			if !a.conjunction(tokens[0], tokens[1], visit) {
				visit(tokens[0], tokens[1])
			}
		}
	}
	return r
}

// The bounds of what is read: how many conditions, and in SELECTs of how many tables.
const (
	maxConditions = 64
	maxItems      = 16
)

func (r *relevanceReader) condition(s, i, end int32) {
	if len(r.ranges) == maxConditions || len(r.scopes[s].items) > maxItems {
		return
	}
	for it := range r.scopes[s].items {
		at := place{s, int32(it)}
		if t := r.scopes[s].items[it].table; t == nil || t.View {
			continue
		}
		cr := conditionReader{analysis: r.analysis, at: at, constants: r.constants}
		if c, ok := cr.read(i, end); ok {
			r.conditions[at] = append(r.conditions[at], c)
			r.constants = cr.constants
			r.ranges = append(r.ranges, [2]int32{i, end})
			return
		}
	}
}

// mentioned notes what a name turned out to be.
func (r *relevanceReader) mentioned(token int32, at found) {
	if !at.exact {
		if !slices.Contains(r.unsure, at.column.Table) {
			r.unsure = append(r.unsure, at.column.Table)
		}
		return
	}
	for _, tokens := range r.ranges {
		if tokens[0] <= token && token < tokens[1] {
			return
		}
	}
	if p := (place{at.scope, at.item}); !slices.Contains(r.elsewhere[p], at.column) {
		r.elsewhere[p] = append(r.elsewhere[p], at.column)
	}
}

// plan lays down what was read, if it tells more than the facts of the statement do.
func (r *relevanceReader) plan(st *Statement, plain map[int16]found) *relevancePlan {
	p := &relevancePlan{constants: r.constants, unsure: r.unsure}
	if st.root != nil {
		p.alone = st.root.alone
		p.window = r.window(st.root, plain)
	}
	useful := p.window != nil
	for s := range r.scopes {
		for i := range r.scopes[s].items {
			it, at := &r.scopes[s].items[i], place{int32(s), int32(i)}
			if it.table == nil || it.table.View {
				continue
			}
			o := relevantOccurrence{
				table: it.table, conditions: r.conditions[at], elsewhere: r.elsewhere[at], referred: it.referred,
				root: st.root != nil && int32(s) == r.outer && i == 0,
			}
			p.occurrences = append(p.occurrences, o)
			by, _ := it.byGroup()
			useful = useful || it.byRow() == nil && slices.ContainsFunc(o.conditions, func(c condition) bool {
				return c.names(func(c *Column) bool { return by == nil || !by.has(c) })
			})
		}
	}
	if !useful {
		return nil
	}
	return p
}

// window returns the window of a result, nil if it has none that rows can be told
// apart by. What comes behind the last row of a full page has no part in it: nothing
// that is on the page counts what is behind it, but for window functions and outer
// joins to the right.
func (r *relevanceReader) window(root *root, plain map[int16]found) *window {
	sc := &r.scopes[r.outer]
	if sc.limit[1]-sc.limit[0] != 1 || sc.order[1] == 0 || !r.paged() {
		return nil
	}
	w := new(window)
	var ok bool
	if w.limit, _, ok = r.value(sc.limit[0]); !ok {
		return nil
	}
	// Terms behind one that isn't understood come after it.
	for i := sc.order[0]; i < sc.order[1]; {
		end := r.itemEnd(i, sc.order[1])
		term, ok := r.orderTerm(i, end, root, plain)
		if !ok {
			break
		}
		w.order = append(w.order, term)
		i = end + 1
	}
	if len(w.order) == 0 {
		return nil
	}
	return w
}

func (r *relevanceReader) orderTerm(i, end int32, root *root, plain map[int16]found) (t orderTerm, ok bool) {
	p := r.path(i, end)
	if p == i || r.tokens[p-1].isOp('*') || p == i+1 && r.introduced(r.tokens[i].text) {
		// An ORDER BY takes a bare name for that of a column of the result first.
		return t, false
	}
	switch last := &r.tokens[p]; {
	case p == end:
	case p+1 == end && last.kind == tokWord && strings.EqualFold(last.text, "asc"):
	case p+1 == end && last.kind == tokWord && strings.EqualFold(last.text, "desc"):
		t.descending = true
	default:
		return t, false
	}
	f := r.resolve(r.outer, i, parts([2]int32{i, p}))
	if !f.exact || f.scope != r.outer || f.item != 0 || f.column.Table != root.table || f.column.Computed ||
		f.column.Kind != KindInt && f.column.Kind != KindBool {
		return t, false
	}
	t.column = f.column
	for at := range int16(root.width) {
		if have, ok := plain[at]; ok && have.scope == r.outer && have.item == 0 && have.column == f.column {
			t.at = int(at)
			return t, true
		}
	}
	return t, false
}
