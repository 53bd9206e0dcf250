package cache

import "strings"

// expression reads names, calls and sub-selects up to end.
func (a *analysis) expression(s, i, end int32, projection bool) {
	var aggregate, cast int32 // where the innermost aggregate and CAST end
	for i < end && a.reason == Cacheable {
		t := &a.tokens[i]
		switch t.kind {
		case tokString:
			a.literal(s, i, projection)
			i++
		case tokOp:
			switch {
			case t.op == '(' && a.beginsQuery(i+1):
				a.query(s, i+1, t.n, false)
				i = t.n + 1
			case t.op == '.':
				a.unclear(i) // a field of what an expression yields
			case t.text == "::":
				i = a.typeName(i+1, end)
			default:
				i++
			}
		case tokWord, tokQuoted:
			p := a.path(i, end)
			if p == i && a.tokens[i+1].isOp('(') && !a.keyword(i) {
				p = i + 1
			}
			switch {
			case p > i && p < end && a.tokens[p].isOp('('):
				switch a.call(s, i, p) {
				case functionAggregate:
					aggregate = max(aggregate, a.tokens[p].n)
				case functionCast:
					cast = max(cast, a.tokens[p].n)
				}
				i = p
			case p > i:
				a.name(s, i, p, projection)
				a.refs[len(a.refs)-1].aggregate = i < aggregate
				i = p
			case t.word == wAs && i < cast:
				i = a.castType(i+1, cast)
			default:
				i = a.bareKeyword(s, i, end, projection)
			}
		default:
			i++
		}
	}
}

// keyword reports whether the bare word before a parenthesis calls nothing.
func (a *analysis) keyword(i int32) bool {
	_, ok := notFunctions[strings.ToLower(a.tokens[i].text)]
	return ok
}

// bareKeyword reads a keyword inside an expression.
func (a *analysis) bareKeyword(s, i, end int32, projection bool) int32 {
	switch t := &a.tokens[i]; t.word {
	case wSelect, wSetOp, wJoin, wWhere:
		return a.unclear(i)
	case wAs:
		next := &a.tokens[i+1]
		switch {
		case next.isOp('('):
			return i + 1
		case i+1 < end && (next.isName() || next.kind == tokString):
			a.derive(next.text)
			return i + 2
		}
		return a.unclear(i)
	case wCollate:
		return max(i+2, a.path(i+1, end))
	case wOver:
		if a.tokens[i+1].isName() {
			return i + 2
		}
	default:
		// It may be a column after all.
		a.refs = append(a.refs, ref{scope: s, token: i, parts: 1, keyword: true, projected: projection})
	}
	return i + 1
}

// literal reads a string.
func (a *analysis) literal(s, i int32, projection bool) {
	t := &a.tokens[i]
	switch next := &a.tokens[i+1]; {
	case volatileText(a.dialect, t.text):
		a.fail(Volatile, "'"+t.text+"'")
	case next.isOp('('), next.isOp('.'):
		a.unclear(i)
	case t.loose && t.text != "":
		a.refs = append(a.refs, ref{scope: s, token: i, parts: 1, keyword: true, projected: projection})
	}
}

// typeName skips the type behind "::".
func (a *analysis) typeName(i, end int32) int32 {
	for i < end && a.tokens[i].isName() {
		if i++; i >= end || !a.tokens[i].isOp('.') {
			break
		}
		i++
	}
	if i < end && a.tokens[i].isOp('(') {
		return a.castType(i+1, a.tokens[i].n) + 1
	}
	return i
}

// castType skips a type up to end.
func (a *analysis) castType(i, end int32) int32 {
	for ; i < end; i++ {
		if t := &a.tokens[i]; !t.isName() && t.kind != tokNumber && t.op == 0 || a.beginsQuery(i) {
			return a.unclear(i)
		}
	}
	return end
}

// name notes the name of the tokens from i up to end.
func (a *analysis) name(s, i, end int32, projection bool) {
	r := ref{scope: s, token: i, parts: int8((end-i)/2 + 1), projected: projection}
	if a.tokens[end-1].isOp('*') {
		r.star = true
		r.parts--
	}
	if r.parts > 4 {
		a.unclear(i)
		r.parts = 4
	}
	a.refs = append(a.refs, r)
}

// call decides on the function whose name ends before the parenthesis at p.
func (a *analysis) call(s, i, p int32) functionKind {
	name := strings.ToLower(a.tokens[p-1].text)
	kind := functionOf(a.dialect, name)
	switch kind {
	case functionVolatile:
		a.fail(Volatile, "function \""+name+"\"")
	case functionAggregate:
		a.scopes[s].aggregated = true
	case functionUnknown:
		tables, ok := a.schema.Function(name)
		if !ok && p-i == 3 {
			tables, ok = a.schema.Function(a.tokens[i].text + "." + name)
		}
		if !ok {
			a.fail(UnknownFunction, "function \""+name+"\"")
		}
		for _, t := range tables {
			a.mention(t)
		}
		if !a.filter {
			// It may be an aggregate.
			a.scopes[s].aggregated = true
			return functionAggregate
		}
	}
	return kind
}
