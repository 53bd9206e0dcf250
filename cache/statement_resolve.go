package cache

import "strings"

// found says what a name turned out to be.
type found struct {
	scope, item int32   // of the occurrence of the table, if exact
	column      *Column // nil if derived or unknown
	exact       bool    // it is this column of this occurrence and no other
	derived     bool    // it is a column of something derived
	missing     bool    // it names a column that the table hasn't
}

// resolve finds the column that a name of so many parts at token i means in a
// scope. What it isn't sure of it leaves to the caller: names that more than one
// element of a FROM might have, or that match only with letter case aside.
func (a *analysis) resolve(s, i int32, parts int8) found {
	if parts == 1 {
		return a.resolveBare(s, a.tokens[i].text)
	}
	if parts > 3 {
		return found{}
	}
	qualifier := ""
	if parts == 3 {
		qualifier = a.tokens[i].text
	}
	last := i + 2*int32(parts) - 2
	sc, it, ok := a.element(s, qualifier, a.tokens[last-2].text)
	if !ok {
		return found{}
	}
	t := a.scopes[sc].items[it].table
	if t == nil {
		return found{derived: true}
	}
	c := t.Column(a.tokens[last].text)
	return found{scope: sc, item: it, column: c, exact: c != nil, missing: c == nil}
}

func (a *analysis) resolveBare(s int32, name string) found {
	for s >= 0 && len(a.scopes[s].items) == 0 {
		s = a.scopes[s].parent
	}
	if s < 0 || len(a.scopes[s].items) > 1 || a.scopes[s].items[0].table == nil {
		return found{}
	}
	c := a.scopes[s].items[0].table.Column(name)
	return found{scope: s, column: c, exact: c != nil}
}

// element finds the element of a FROM that a qualifier means: the only one of
// that name in the innermost scope that has any.
func (a *analysis) element(s int32, qualifier, name string) (int32, int32, bool) {
	for ; s >= 0; s = a.scopes[s].parent {
		match, n, same := int32(0), 0, false
		for i, it := range a.scopes[s].items {
			if strings.EqualFold(it.name, name) && (qualifier == "" || strings.EqualFold(it.qualifier, qualifier)) {
				match, same = int32(i), it.name == name && (qualifier == "" || it.qualifier == qualifier)
				n++
			}
		}
		if n > 0 {
			return s, match, n == 1 && same
		}
	}
	return 0, 0, false
}

// settle decides what a name adds to what the result depends on, and calls
// depend for each column: with its occurrence where that is certain.
func (a *analysis) settle(r *ref, depend func(c *Column, at found)) {
	if r.star {
		a.settleStar(r, depend)
		return
	}
	f := a.resolve(r.scope, r.token, r.parts)
	switch {
	case f.exact:
		if r.aggregate {
			a.scopes[f.scope].aggregated = true
		}
		depend(f.column, f)
		return
	case f.missing && a.dialect == postgresDialect:
		// t.f may call f(t), which may read anything.
		a.fail(NotUnderstood, "column \""+a.tokens[r.token+2*int32(r.parts)-2].text+"\"")
		return
	case f.derived:
		return
	}
	if r.aggregate && a.outer >= 0 {
		a.scopes[a.outer].aggregated = true
	}
	last := a.tokens[r.token+2*int32(r.parts)-2].text
	known := false
	for _, t := range a.tables {
		if c := t.Column(last); c != nil {
			known = true
			depend(c, found{})
		}
	}
	for k := range r.parts - 1 {
		a.settleTable(r, a.tokens[r.token+2*int32(k)].text, nil)
	}
	if r.parts == 1 && a.settleTable(r, last, depend) || known || r.keyword || a.introduced(last) {
		return
	}
	a.coarse = true
	if r.projected {
		a.sensitive = a.sensitive || a.anySensitive()
	}
}

// settleTable treats a name as that of a table: the whole row of an element of
// FROM unless depend is nil, or a table that is read in a way we don't know.
func (a *analysis) settleTable(r *ref, name string, depend func(*Column, found)) bool {
	for s := r.scope; s >= 0; s = a.scopes[s].parent {
		for i, it := range a.scopes[s].items {
			if !strings.EqualFold(it.name, name) {
				continue
			}
			if it.table != nil && depend != nil {
				for _, c := range it.table.Columns {
					depend(c, found{scope: s, item: int32(i)})
				}
			}
			return true
		}
	}
	t := a.schema.Table(name)
	if t == nil {
		return false
	}
	a.mention(t)
	return true
}

func (a *analysis) settleStar(r *ref, depend func(*Column, found)) {
	if r.parts == 0 || r.parts == 1 && a.tokens[r.token].isOp('*') {
		for i, it := range a.scopes[r.scope].items {
			a.settleRow(it.table, found{scope: r.scope, item: int32(i), exact: true}, depend)
		}
		return
	}
	qualifier := ""
	if r.parts == 2 {
		qualifier = a.tokens[r.token].text
	}
	s, i, ok := a.element(r.scope, qualifier, a.tokens[r.token+2*int32(r.parts)-2].text)
	if !ok || r.parts > 2 {
		for _, t := range a.tables {
			a.settleRow(t, found{}, depend)
		}
		return
	}
	a.settleRow(a.scopes[s].items[i].table, found{scope: s, item: i, exact: true}, depend)
}

func (a *analysis) settleRow(t *Table, at found, depend func(*Column, found)) {
	if t == nil {
		return
	}
	for _, c := range t.Columns {
		at.column = c
		depend(c, at)
	}
}

// introduced reports whether the statement itself introduces the name.
func (a *analysis) introduced(name string) bool {
	for _, d := range a.derived {
		if strings.EqualFold(d, name) {
			return true
		}
	}
	return false
}

func (a *analysis) anySensitive() bool {
	for _, t := range a.tables {
		for _, c := range t.Columns {
			if c.Sensitive {
				return true
			}
		}
	}
	return false
}
