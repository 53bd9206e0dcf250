package cache

import (
	"slices"
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// finish resolves the names and lays down what results depend on.
func (a *analysis) finish(st *Statement) {
	a.pinScopes()
	a.needTenants()
	relevant := a.readConditions()
	var (
		depends []found
		plain   = make(map[int16]found)
	)
	if len(a.refs)*len(a.derived) > maxWork {
		a.fail(NotUnderstood, "too many names")
	}
	for i := range a.refs {
		if len(depends) > maxDepends {
			a.fail(NotUnderstood, "too many columns")
		}
		if a.reason != Cacheable {
			break
		}
		r := &a.refs[i]
		a.settle(r, func(c *Column, at found) {
			at.column = c
			relevant.mentioned(r.token, at)
			if r.projected && c.Sensitive {
				a.sensitive = true
			}
			if r.column > 0 && at.exact && !r.star {
				plain[r.column-1] = at
				return
			}
			depends = append(depends, at)
		})
	}
	if a.reason != Cacheable {
		return
	}
	st.sensitive, st.counts = a.sensitive, a.countsOnly()
	st.fixed.Spell = true
	for _, t := range a.tables {
		st.fixed.Table(t)
		if (t.View || a.coarse || slices.Contains(a.read, t)) && !mutant.On(mutant.IgnoreViews) {
			st.fixed.Any(t)
		}
	}
	st.root = a.findRoot(plain)
	if a.coarse {
		if st.root != nil {
			// Only ForeignColumns asks for it.
			st.root.width = -1
		}
		return
	}
	if st.root != nil {
		st.root.fallback.Spell = true
		st.root.alone = a.alone()
		st.root.fallback.Created(st.root.table)
		st.root.fallback.Deleted(st.root.table)
		st.root.groups(plain, a.outer)
		st.root.columns(plain, a.outer, depends)
	}
	st.relevance = relevant.plan(st, plain)
	if sc := &a.scopes[a.outer]; st.root != nil && st.root.alone && sc.order[1] == 0 && sc.limit[1]-sc.limit[0] == 1 {
		// Ent asks so whether there are rows: what it gets is one that matches.
		limit, _, ok := a.value(sc.limit[0])
		st.anyRow = ok && limit.arg < 0 && limit.literal == int64(1)
	}
	for _, at := range plain {
		if mutant.On(mutant.SkipProjected) {
			continue
		}
		it := a.scopes[at.scope].items[at.item]
		exempt := st.root != nil && at.scope == a.outer && at.item == 0 && !a.ordinals
		if !exempt || it.table.View {
			depends = append(depends, at)
			continue
		}
		if at.column != it.table.ID[0] {
			once(&st.root.fallback, at.column.column, func() { st.root.fallback.Column(at.column) })
		}
		if at.column.Computed {
			once(&st.root.fallback, it.table.any, func() { st.root.fallback.Any(it.table) })
		}
	}
	// Facts are the same whatever order the map has.
	slices.SortFunc(depends, func(x, y found) int {
		if n := strings.Compare(x.column.Table.Name, y.column.Table.Name); n != 0 {
			return n
		}
		return strings.Compare(x.column.Name, y.column.Name)
	})
	a.occurrences(st, depends)
}

// needTenants refuses a statement that reads rows of tenants without saying which.
func (a *analysis) needTenants() {
	for _, t := range a.read {
		if t.Tenant != nil {
			a.fail(NoTenant, "table \""+t.Name+"\"")
		}
	}
	for s := range a.scopes {
		for _, it := range a.scopes[s].items {
			if it.table != nil && it.table.Tenant != nil && !slices.ContainsFunc(it.pins, func(p pin) bool { return p.column == it.table.Tenant }) {
				a.fail(NoTenant, "table \""+it.table.Name+"\"")
			}
		}
	}
}

// occurrences adds what each occurrence of a table adds.
func (a *analysis) occurrences(st *Statement, depends []found) {
	named := make(map[place][]*Column)
	for _, d := range depends {
		at := place{d.scope, d.item}
		if d.exact && !immutable(d.column) && !slices.Contains(named[at], d.column) {
			named[at] = append(named[at], d.column)
		}
	}
	for s := range a.scopes {
		for i := range a.scopes[s].items {
			it := &a.scopes[s].items[i]
			if it.table == nil || it.table.View {
				continue
			}
			if mutant.On(mutant.IgnoreJoins) && i > 0 || mutant.On(mutant.IgnoreSubqueries) && int32(s) != a.outer {
				continue
			}
			o := occurrence{
				table: it.table, columns: named[place{int32(s), int32(i)}], referred: it.referred,
				root: st.root != nil && int32(s) == a.outer && i == 0,
			}
			o.row = it.byRow()
			if o.row == nil {
				o.by, o.values = it.byGroup()
			} else if o.root {
				// Facts of the rows themselves say more.
				st.root.few = false
			}
			st.occurrences = append(st.occurrences, o)
		}
	}
	for _, d := range depends {
		t := d.column.Table
		if t.View || d.exact && (mutant.On(mutant.IgnoreJoins) && d.item > 0 || mutant.On(mutant.IgnoreSubqueries) && d.scope != a.outer) {
			continue
		}
		if d.column.Computed {
			once(&st.fixed, t.any, func() { st.fixed.Any(t) })
		}
		if !immutable(d.column) && !d.exact {
			once(&st.fixed, d.column.column, func() { st.fixed.Column(d.column) })
		}
	}
}

// immutable reports whether no write changes the column of a row.
func immutable(c *Column) bool { return len(c.Table.ID) == 1 && c.Table.ID[0] == c }

// findRoot finds the table of which the result's rows are rows: the first of the
// outermost FROM, if its id is in the projection and nothing makes one row of
// many.
func (a *analysis) findRoot(plain map[int16]found) *root {
	if a.compound || a.starred || a.outer < 0 || a.scopes[a.outer].aggregated || len(a.scopes[a.outer].items) == 0 {
		return nil
	}
	t := a.scopes[a.outer].items[0].table
	if t == nil || t.View || len(t.ID) != 1 {
		return nil
	}
	for i := range int16(a.columns) {
		if at, ok := plain[i]; ok && at.scope == a.outer && at.item == 0 && at.column == t.ID[0] {
			before, ok := plain[i-1]
			return &root{
				table: t, position: int(i), name: at.column.Name, width: a.columns,
				join: ok && i == 1 && before.item != 0,
			}
		}
	}
	return nil
}

// alone reports whether a row that isn't in the result has no part in it, so that
// the result would be the same without the row. Selecting, filtering, joining,
// ordering, dropping duplicates and keeping the first of them is of that kind. An
// OFFSET counts rows that it drops, a window looks at its neighbours, and an outer
// join to the right makes a row of what has no partner.
func (a *analysis) alone() bool {
	if mutant.On(mutant.NeverAlone) {
		return true
	}
	for i := range a.tokens {
		t := &a.tokens[i]
		if t.kind != tokWord || i > 0 && a.tokens[i-1].isOp('.') {
			continue
		}
		switch t.word {
		case wOffset:
			return false
		case wLimit:
			// LIMIT a, b has an offset too.
			if n := &a.tokens[i+1]; n.kind != tokArg && n.kind != tokNumber || a.tokens[i+2].kind == tokOp && !a.tokens[i+2].isOp(')') {
				return false
			}
		}
	}
	return a.paged()
}

// paged reports whether a row has no part in what comes before it in the result.
func (a *analysis) paged() bool {
	for i := range a.tokens {
		t := &a.tokens[i]
		if t.kind != tokWord || i > 0 && a.tokens[i-1].isOp('.') {
			continue
		}
		switch t.word {
		case wOver, wWindow, wFetch:
			return false
		case wJoinKind:
			if strings.EqualFold(t.text, "right") || strings.EqualFold(t.text, "full") {
				return false
			}
		}
	}
	return true
}

// countsOnly reports whether the projection is one COUNT(…), perhaps with an
// alias.
func (a *analysis) countsOnly() bool {
	if a.compound || a.columns != 1 {
		return false
	}
	i := int32(0)
	for a.tokens[i].word != wSelect {
		if i++; a.tokens[i].isOp('(') {
			i = a.tokens[i].n
		}
	}
	i++
	if !strings.EqualFold(a.tokens[i].text, "count") || !a.tokens[i+1].isOp('(') {
		return false
	}
	i = a.tokens[i+1].n + 1
	if a.tokens[i].word == wAs {
		i += 2
	}
	return a.tokens[i].kind == tokEnd || a.tokens[i].kind == tokWord && a.tokens[i].word.clause()
}

// once adds a fact unless it is there.
func once(f *Facts, fact Fact, add func()) {
	if !slices.Contains(f.List, fact) {
		add()
	}
}

// append adds the facts of g, which are spelled out.
func (f *Facts) append(g *Facts) {
	f.List = append(f.List, g.List...)
	if f.Spell {
		f.Tags = append(f.Tags, g.Tags...)
	}
}

// truncate drops the facts from n on.
func (f *Facts) truncate(n int) {
	f.List = f.List[:n]
	if f.Spell {
		f.Tags = f.Tags[:n]
	}
}

// contains reports whether every fact of want is among have.
func contains(have, want []Fact) bool {
	if len(have)*len(want) > 1<<10 {
		have = slices.Clone(have)
		slices.Sort(have)
		for _, w := range want {
			if _, ok := slices.BinarySearch(have, w); !ok {
				return false
			}
		}
		return true
	}
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}
