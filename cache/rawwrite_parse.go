package cache

import (
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// statement reads one statement from i up to end: a whole one, or the body or the
// end of a WITH.
func (p *rawParser) statement(i, end int32, whole bool) {
	if i >= end {
		p.unread("an empty statement")
		return
	}
	t := &p.tokens[i]
	if t.isOp('(') {
		p.body(i, end)
		return
	}
	verb := strings.ToLower(t.text)
	if t.kind != tokWord {
		verb = ""
	}
	switch verb {
	case "select", "values", "table":
		p.body(i, end)
	case "with":
		p.with(i+1, end)
	case "insert", "replace":
		p.insert(i+1, end, verb == "replace")
	case "update":
		p.update(i+1, end)
	case "delete":
		p.remove(i+1, end)
	case "merge":
		p.merge(i+1, end)
	default:
		if !whole {
			p.unread("near " + t.text)
			return
		}
		p.command(verb, i+1, end)
	}
}

// command reads a statement that isn't about rows.
func (p *rawParser) command(verb string, i, end int32) {
	switch verb {
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release":
		p.controls(verb, i, end)
	case "truncate":
		p.truncate(i, end)
	case "explain", "describe", "desc":
		if p.has(i, end, "analyze", "analyse") {
			p.unread("EXPLAIN ANALYZE")
		}
	case "show", "listen", "unlisten", "notify", "deallocate", "reset":
	case "pragma":
		_, harmless := rawPragmas[strings.ToLower(p.tokens[i].text)]
		if p.tokens[i+1].isOp('.') {
			_, harmless = rawPragmas[strings.ToLower(p.tokens[i+2].text)]
		}
		if !harmless {
			p.unread("PRAGMA " + p.tokens[i].text)
		}
	case "set":
		p.set(i, end)
	case "lock":
		// In MySQL it commits.
		if p.dialect != postgresDialect {
			p.unread("LOCK")
		}
	case "create", "alter", "drop", "rename", "comment", "grant", "revoke", "vacuum", "analyze", "reindex", "attach", "detach":
		p.w.expected = p.w.unread == ""
		p.unread(strings.ToUpper(verb))
	case "":
		p.unread("near " + p.tokens[i-1].text)
	default:
		p.unread(strings.ToUpper(verb))
	}
}

// rawPragmas read, or set what no result depends on.
var rawPragmas = wordSet(`foreign_keys foreign_key_list foreign_key_check table_info table_xinfo table_list index_list index_info index_xinfo
	database_list collation_list compile_options function_list pragma_list journal_mode journal_size_limit synchronous busy_timeout cache_size
	temp_store mmap_size locking_mode auto_vacuum page_size page_count freelist_count user_version application_id encoding schema_version
	integrity_check quick_check wal_checkpoint wal_autocheckpoint optimize defer_foreign_keys data_version query_only`)

// controls reads what begins and ends transactions.
func (p *rawParser) controls(verb string, i, end int32) {
	switch {
	case p.has(i, end, "prepared"):
		p.unread(strings.ToUpper(verb) + " PREPARED")
	case verb == "begin", verb == "start" && p.is(i, "transaction"):
		p.w.control, p.w.escapes = RawBegin, true
	case verb == "start":
		p.unread("START")
	case verb == "savepoint":
		p.w.control, p.w.savepoint = RawSavepoint, strings.ToLower(p.tokens[i].text)
	case verb == "release":
		p.w.control, p.w.savepoint = RawRelease, strings.ToLower(p.tokens[p.skip(i, "savepoint")].text)
	case verb == "rollback" && p.has(i, end, "to"):
	case p.has(i, end, "chain") && !p.has(i, end, "no"):
		p.w.control, p.w.escapes = RawBegin, true
	case verb == "rollback", verb == "abort":
		p.w.control, p.w.escapes = RawRollback, true
	default:
		p.w.control, p.w.escapes = RawCommit, true
	}
}

// set reads SET, which in MariaDB may be the beginning of any statement, and in
// MySQL begin and end a transaction.
func (p *rawParser) set(i, end int32) {
	p.body(i, end)
	switch {
	case p.is(i, "statement"):
		p.unread("SET STATEMENT")
	case p.dialect == mysqlDialect && p.has(i, end, "autocommit"):
		p.w.control, p.w.escapes = RawBegin, true
		if p.has(i, end, "on", "true", "default") || p.tokens[end-1].text == "1" {
			p.w.control = RawCommit
		}
	}
}

// with reads [RECURSIVE] name AS (statement), … statement. Those in parentheses
// may write in PostgreSQL.
func (p *rawParser) with(i, end int32) {
	i = p.skip(i, "recursive")
	for {
		_, parts, next := p.name(i)
		if parts != 1 {
			p.unread("near " + p.tokens[i].text)
			return
		}
		if i = next; p.tokens[i].isOp('(') {
			i = p.tokens[i].n + 1
		}
		if !p.is(i, "as") {
			p.unread("near " + p.tokens[i].text)
			return
		}
		i = p.skip(i+1, "not", "materialized")
		if !p.tokens[i].isOp('(') {
			p.unread("near " + p.tokens[i].text)
			return
		}
		if !mutant.On(mutant.RawCteIgnored) {
			p.statement(i+1, p.tokens[i].n, false)
		}
		if i = p.tokens[i].n + 1; !p.tokens[i].isOp(',') {
			break
		}
		i++
	}
	p.statement(i, end, false)
}

func (p *rawParser) insert(i, end int32, replace bool) {
	if i, replace = p.or(p.skip(i, "low_priority", "delayed", "high_priority", "ignore"), replace); p.is(i, "into") {
		i++
	}
	table, parts, next := p.name(i)
	if parts == 0 {
		p.unread("near " + p.tokens[i].text)
		return
	}
	e := rawEffect{kind: rawInsert, table: table}
	if replace || p.has(next, end, "conflict", "duplicate") {
		e.kind = rawAny
	}
	p.add(e)
	p.body(next, end)
}

// or reads SQLite's OR …, and reports whether rows in the way are replaced.
func (p *rawParser) or(i int32, replace bool) (int32, bool) {
	if !p.is(i, "or") {
		return i, replace
	}
	return i + 2, replace || p.is(i+1, "replace")
}

func (p *rawParser) add(e rawEffect) { p.w.effects = append(p.w.effects, e) }

// target reads the one table that an update or delete is of, and the name by
// which the rest of the statement calls it.
func (p *rawParser) target(i int32) (table, alias string, next int32) {
	i = p.skip(i, "only")
	table, parts, i := p.name(i)
	if parts == 0 {
		return "", "", i
	}
	if alias = table; p.tokens[i].isOp('*') {
		i++
	}
	if p.is(i, "as") {
		i++
	}
	if t := &p.tokens[i]; t.kind == tokQuoted || t.kind == tokWord && t.word == wNone && !p.is(i, "set", "returning") {
		alias = t.text
		i++
	}
	return table, alias, i
}

func (p *rawParser) update(i, end int32) {
	i, replace := p.or(p.skip(i, "low_priority", "ignore"), false)
	set := p.find(i, end, "set")
	table, alias, next := p.target(i)
	if set == end {
		p.unread("an UPDATE without SET")
		return
	}
	if table == "" || next != set {
		p.several(i, set)
		p.body(set, end)
		return
	}
	e := rawEffect{kind: rawUpdate, table: table}
	stop := set + 1
	for {
		if stop = p.find(stop, end, "from", "where", "order", "limit", "returning"); !(p.is(stop, "from") && p.is(stop-1, "distinct")) {
			break
		}
		stop++ // IS DISTINCT FROM
	}
	if replace || !p.assigned(&e, set+1, stop) {
		e.kind = rawAny
	}
	if p.is(stop, "where") {
		e.pins = p.pins(stop+1, p.find(stop+1, end, "order", "limit", "returning"), alias)
	}
	p.add(e)
	p.body(set, end)
}

// assigned notes the columns of column = …, column = …, and reports whether that
// is all there is. What a qualified name means there differs between databases.
func (p *rawParser) assigned(e *rawEffect, i, end int32) bool {
	for {
		column, parts, next := p.name(i)
		if parts == 0 || parts > 1 && p.dialect != mysqlDialect || p.tokens[next].kind != tokOp || p.tokens[next].text != "=" {
			return false
		}
		e.columns = append(e.columns, column)
		brackets := 0
		for i = next; i < end && !(p.tokens[i].isOp(',') && brackets == 0); i++ {
			switch t := &p.tokens[i]; {
			case t.isOp('('):
				i = t.n
			case t.isOp('['):
				brackets++
			case t.isOp(']'):
				brackets--
			}
		}
		if i >= end {
			return i == end
		}
		i++
	}
}

func (p *rawParser) remove(i, end int32) {
	i = p.skip(i, "low_priority", "quick", "ignore")
	if !p.is(i, "from") {
		// DELETE a, b FROM a JOIN b: the names before FROM may be aliases.
		from := p.find(i, end, "from")
		p.several(from+1, p.find(from, end, "where", "order", "limit", "returning"))
		p.body(min(from+1, end), end)
		return
	}
	table, alias, next := p.target(i + 1)
	stop := p.find(next, end, "where", "order", "limit", "returning")
	if table == "" || next != stop && !(p.is(next, "using") && p.dialect == postgresDialect) {
		using := p.find(next, end, "using")
		if using == end {
			using = i
		}
		p.several(using+1, stop)
		p.body(i+1, end)
		return
	}
	e := rawEffect{kind: rawRemove, table: table}
	if next == stop && p.is(stop, "where") {
		e.pins = p.pins(stop+1, p.find(stop+1, end, "order", "limit", "returning"), alias)
	}
	p.add(e)
	p.body(next, end)
}

// several reads table references of which any may be written.
func (p *rawParser) several(i, end int32) {
	if i >= end {
		p.unread("a statement of several tables")
		return
	}
	for begins := true; i < end; i++ {
		t := &p.tokens[i]
		if begins {
			table, parts, next := p.name(p.skip(i, "lateral"))
			if parts == 0 {
				p.unread("near " + t.text)
				return
			}
			p.add(rawEffect{kind: rawAny, table: table})
			i, begins = next-1, false
			continue
		}
		if t.isOp('(') {
			i = t.n
		} else if t.isOp(',') || t.word == wJoin {
			begins = true
		}
	}
}

func (p *rawParser) merge(i, end int32) {
	if !p.is(i, "into") {
		i--
	}
	table, _, next := p.target(i + 1)
	if table == "" {
		p.unread("MERGE")
		return
	}
	p.add(rawEffect{kind: rawAny, table: table})
	p.body(next, end)
}

func (p *rawParser) truncate(i, end int32) {
	// MySQL commits before.
	p.w.escapes = p.w.escapes || p.dialect == mysqlDialect
	if p.has(i, end, "cascade") {
		p.add(rawEffect{kind: rawAny}) // whatever has a key to the tables
	}
	i = p.skip(i, "table")
	for {
		table, parts, next := p.name(p.skip(i, "only"))
		if parts == 0 {
			p.unread("TRUNCATE")
			return
		}
		p.add(rawEffect{kind: rawAny, table: table})
		if i = next; p.tokens[i].isOp('*') {
			i++
		}
		if !p.tokens[i].isOp(',') {
			if i = p.skip(i, "restart", "continue", "identity", "cascade", "restrict"); i != end {
				p.unread("TRUNCATE")
			}
			return
		}
		i++
	}
}

// pins finds the conditions column = value and column IN (values) that a WHERE is
// a conjunction of, of the table called alias. What might bind weaker than AND,
// or hold an AND of its own, leaves none.
func (p *rawParser) pins(i, end int32, alias string) (pins []rawPin) {
	for j := i; j < end; j++ {
		switch t := &p.tokens[j]; {
		case t.isOp('('):
			j = t.n
		case t.word == wOr, t.word == wCase, t.word == wBetween, t.word == wOperator && strings.EqualFold(t.text, "xor"),
			t.kind == tokOp && p.dialect == mysqlDialect && strings.Contains(t.text, "||"):
			return nil
		}
	}
	start := i
	for j := i; j <= end; j++ {
		switch {
		case j < end && p.tokens[j].isOp('('):
			j = p.tokens[j].n
		case j == end || p.tokens[j].word == wAnd && !p.tokens[j-1].isOp('.'):
			if p.tokens[start].isOp('(') && p.tokens[start].n == j-1 {
				pins = append(pins, p.pins(start+1, j-1, alias)...)
			} else if pin, ok := p.pin(start, j, alias); ok {
				pins = append(pins, pin)
			}
			start = j + 1
		}
	}
	return pins
}

func (p *rawParser) pin(i, end int32, alias string) (pin rawPin, ok bool) {
	column, parts, next := p.name(i)
	if parts == 0 || parts > 1 && !strings.EqualFold(p.tokens[next-3].text, alias) || next >= end {
		return rawPin{}, false
	}
	pin.column = column
	switch t := &p.tokens[next]; {
	case t.kind == tokOp && (t.text == "=" || t.text == "=="):
		return pin, pin.value(&p.tokens[next+1]) && next+2 == end
	case t.word == wIn && p.tokens[next+1].isOp('(') && p.tokens[next+1].n == end-1:
		for j := next + 2; ; j += 2 {
			if !pin.value(&p.tokens[j]) {
				return rawPin{}, false
			}
			if !p.tokens[j+1].isOp(',') {
				return pin, j+1 == end-1
			}
		}
	}
	return rawPin{}, false
}
