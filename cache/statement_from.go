package cache

import "strings"

// from reads the elements of a FROM clause, and returns end or the index of the
// keyword of the next clause.
func (a *analysis) from(s, i, end int32) int32 {
	i = a.fromItem(s, i, end)
	for i < end && a.reason == Cacheable {
		t := &a.tokens[i]
		switch {
		case t.isOp(','):
			i = a.fromItem(s, i+1, end)
		case t.kind != tokWord:
			return a.unclear(i)
		case t.word == wNatural:
			// The columns it joins on aren't named.
			a.coarse = true
			i++
		case t.word == wJoinKind:
			if !strings.EqualFold(t.text, "inner") && !strings.EqualFold(t.text, "cross") {
				a.scopes[s].outerJoin = true
			}
			i++
		case t.word == wJoin:
			i = a.fromItem(s, i+1, end)
		case t.word == wOn:
			stop := a.onEnd(i+1, end)
			a.scopes[s].on = append(a.scopes[s].on, [2]int32{i + 1, stop})
			a.filter = true
			a.expression(s, i+1, stop, false)
			a.filter = false
			i = stop
		case t.word == wUsing && a.tokens[i+1].isOp('('):
			stop := a.tokens[i+1].n
			a.expression(s, i+2, stop, false)
			i = stop + 1
		case t.word.clause():
			return i
		default:
			return a.unclear(i)
		}
	}
	return i
}

// onEnd returns the index behind the condition of a join.
func (a *analysis) onEnd(i, end int32) int32 {
	for j := i; j < end; j++ {
		t := &a.tokens[j]
		if t.isOp('(') {
			j = t.n
			continue
		}
		if t.isOp(',') {
			return j
		}
		if t.kind != tokWord || j > i && a.tokens[j-1].isOp('.') {
			continue
		}
		switch {
		case t.word == wJoinKind && a.tokens[j+1].isOp('('): // LEFT(…)
			continue
		case t.word == wFrom && a.tokens[j-1].word == wDistinct:
			continue
		case t.word == wJoin, t.word == wJoinKind, t.word == wNatural, t.word == wOn, t.word == wUsing, t.word.clause():
			if j == i || !a.operand(j-1, t.word) {
				return a.unclear(j)
			}
			return j
		}
	}
	return end
}

// fromItem reads one element of FROM with its alias.
func (a *analysis) fromItem(s, i, end int32) int32 {
	inside := a.scopes[s].parent
	if a.tokens[i].word == wLateral {
		inside = s
		i++
	}
	if i >= end {
		return a.unclear(i)
	}
	if a.tokens[i].isOp('(') {
		stop := a.tokens[i].n
		switch {
		case a.beginsQuery(i + 1):
			sub := int32(len(a.scopes)) + 1
			a.query(inside, i+1, stop, false)
			if !a.single(i+1, stop) {
				sub = 0
			}
			return a.alias(s, stop+1, end, item{sub: sub})
		case a.tokens[i+1].word == wValues:
			a.expression(s, i+2, stop, false)
			return a.alias(s, stop+1, end, item{})
		}
		if a.from(s, i+1, stop) != stop {
			return a.unclear(stop)
		}
		if next := &a.tokens[stop+1]; stop+1 < end && (next.isName() && !next.word.structural() || next.word == wAs) {
			return a.unclear(stop + 1)
		}
		return stop + 1
	}
	p := i
	for p < end && a.tokens[p].isName() && (a.tokens[p].kind == tokQuoted || !a.tokens[p].word.structural()) {
		if p++; p < end && a.tokens[p].isOp('.') {
			p++
			continue
		}
		break
	}
	if p == i || !a.tokens[p-1].isName() || p-i > 5 {
		return a.unclear(i)
	}
	name := a.tokens[p-1].text
	if p < end && a.tokens[p].isOp('(') {
		a.call(s, i, p)
		stop := a.tokens[p].n
		a.expression(s, p+1, stop, false)
		for c := range rowsColumns {
			a.derive(c)
		}
		return a.alias(s, stop+1, end, item{name: name})
	}
	it := item{name: name}
	if p-i > 1 {
		it.qualifier = a.tokens[p-3].text
	}
	cte := p-i == 1 && a.visible(s, name)
	table := a.schema.Table(name)
	switch {
	case cte && table != nil:
		a.mention(table)
	case cte:
	case table == nil, it.qualifier != "" && a.foreign(it.qualifier), a.dialect != sqliteDialect && !sameName(a.dialect, &a.tokens[p-1], table.Name):
		return a.fail(UnknownTable, "table \""+name+"\"")
	default:
		it.table = table
		a.addTable(table)
	}
	return a.alias(s, p, end, it)
}

// foreign reports whether a database schema holds no tables of ours.
func (a *analysis) foreign(qualifier string) bool {
	if a.dialect == sqliteDialect {
		return !strings.EqualFold(qualifier, "main")
	}
	for _, system := range [...]string{"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"} {
		if strings.EqualFold(qualifier, system) {
			return true
		}
	}
	return false
}

// sameName reports whether the name in the statement is the table's. Where
// letter case tells tables apart, another spelling is another table.
func sameName(dialect string, t *token, table string) bool {
	if t.text == table {
		return true
	}
	return dialect == postgresDialect && t.kind == tokWord && strings.EqualFold(t.text, table) && lowerCase(table)
}

func lowerCase(s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return false
		}
	}
	return true
}

// alias reads what may follow an element of FROM and adds it to the scope.
func (a *analysis) alias(s, i, end int32, it item) int32 {
	as := i < end && a.tokens[i].word == wAs
	if as {
		i++
	}
	switch t := &a.tokens[i]; {
	case i < end && t.isName() && (t.kind == tokQuoted || !t.word.structural()):
		it.name, it.qualifier = t.text, ""
		if i++; i < end && a.tokens[i].isOp('(') {
			// The columns have other names from here on.
			a.coarse = a.coarse || it.table != nil
			it.sub = 0
			i = a.columnList(i)
		}
	case as:
		return a.unclear(i)
	}
	a.scopes[s].items = append(a.scopes[s].items, it)
	return i
}

// visible reports whether a common table expression of that name is.
func (a *analysis) visible(s int32, name string) bool {
	for ; s >= 0; s = a.scopes[s].parent {
		for _, c := range a.scopes[s].ctes {
			if strings.EqualFold(c, name) {
				return true
			}
		}
	}
	return false
}

// mention notes a table of which nothing else is known than that it is read.
func (a *analysis) mention(t *Table) {
	a.addTable(t)
	for _, x := range a.read {
		if x == t {
			return
		}
	}
	a.read = append(a.read, t)
}

func (a *analysis) addTable(t *Table) {
	for _, x := range a.tables {
		if x == t {
			return
		}
	}
	a.tables = append(a.tables, t)
	if t.View && !t.Closed {
		a.fail(OpenView, "view \""+t.Name+"\"")
	}
	for _, b := range t.Depends {
		a.mention(b)
	}
}
