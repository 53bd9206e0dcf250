package cache

import (
	"strconv"
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// MaxOldRows bounds the rows that a statement by predicate has read before it writes
// them.
const MaxOldRows = 256

// lockedRows is a SELECT that finds, and locks, the rows that an UPDATE or DELETE is
// about to write: it has the same conditions. On SQLite it locks nothing.
//
// The rows are those that the statement then writes if it writes as many. Which rows
// meet the conditions is for each row a matter of its own columns and the arguments
// alone (see aboutRow), and nobody else can change a row that is locked, so the
// statement writes all that were read. Rows that came to meet the conditions
// meanwhile, as READ COMMITTED lets them, are written besides, and the count differs.
// MySQL counts the rows that an update changed and not those that it wrote, so there
// this holds for deletes only.
type lockedRows struct {
	text    string
	args    []int32 // those of the statement, in order
	columns []*Column
}

// lockedRows returns the SELECT for a statement of which the table's name is the
// tokens from target to name, and the conditions those from where up to end. It
// returns nil if there is none.
func (a *analysis) lockedRows(query string, v verb, t *Table, target, name, where, end int32) *lockedRows {
	if len(t.ID) != 1 || v == verbUpdate && a.dialect == mysqlDialect || !a.aboutRow(t, target, name, where, end) {
		return nil
	}
	quote := "`"
	if a.dialect == postgresDialect {
		quote = `"`
	}
	r := &lockedRows{columns: t.oldColumns()}
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, c := range r.columns {
		if strings.Contains(c.Name, quote) {
			return nil
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote + c.Name + quote)
	}
	b.WriteString(" FROM")
	at := offsets(a.dialect, query)
	b.WriteString(query[at[target]:at[name+1]])
	if where < end {
		b.WriteString(" WHERE")
	}
	for i := where; i < end; i++ {
		text := query[at[i]:at[i+1]]
		if a.tokens[i].kind == tokArg {
			r.args = append(r.args, a.tokens[i].n)
			if a.dialect == postgresDialect {
				text = text[:strings.IndexByte(text, '$')] + "$" + strconv.Itoa(len(r.args))
			}
		}
		b.WriteString(text)
	}
	b.WriteString(" LIMIT " + strconv.Itoa(MaxOldRows+1))
	switch {
	case a.dialect == sqliteDialect:
	case v == verbUpdate:
		b.WriteString(" FOR NO KEY UPDATE")
	default:
		b.WriteString(" FOR UPDATE")
	}
	r.text = b.String()
	return r
}

// offsets returns where the tokens of a text begin, counting the blanks before them,
// and where it ends.
func offsets(dialect, text string) []int {
	t := tokenizer{dialect: dialect, text: text}
	at := []int{0}
	for t.next() {
		at = append(at, t.pos)
	}
	if last := at[len(at)-1]; last < t.pos {
		at = append(at, t.pos)
	}
	return at
}

// aboutRow reports whether it is for each row a matter of its own columns and the
// arguments alone whether it meets the conditions: they read no other table, and
// nothing that differs from one statement to the next.
func (a *analysis) aboutRow(t *Table, target, name, where, end int32) bool {
	for i := where; i < end; i++ {
		x := &a.tokens[i]
		switch x.kind {
		case tokString:
			if x.loose || volatileText(a.dialect, x.text) {
				return false
			}
		case tokWord, tokQuoted:
			switch {
			case a.tokens[i+1].isOp('('):
				if x.kind == tokQuoted || !a.keyword(i) && functionOf(a.dialect, strings.ToLower(x.text)) != functionPure {
					return false
				}
			case a.tokens[i+1].isOp('.'):
				// Of the table, as it is named above, or of its database schema.
				if !a.names(x, target, name) {
					return false
				}
				continue
			case t.Column(x.text) != nil:
				continue
			case x.kind == tokQuoted:
				return false
			}
			switch x.word {
			case wOperator, wAnd, wOr, wNot, wIn, wTrue, wFalse, wCase, wBetween:
			case wNone:
				if !a.tokens[i+1].isOp('(') {
					return false
				}
			default:
				if !strings.EqualFold(x.text, "null") && !strings.EqualFold(x.text, "end") {
					return false
				}
			}
		}
	}
	return true
}

// names reports whether a name is among those from one token to another.
func (a *analysis) names(x *token, from, to int32) bool {
	for i := from; i <= to; i++ {
		if a.tokens[i].isName() && strings.EqualFold(a.tokens[i].text, x.text) {
			return true
		}
	}
	return false
}

// LockedRows returns a SELECT that finds the rows that an UPDATE or DELETE by predicate
// is about to write, and locks them but on SQLite; up to one more than MaxOldRows.
// Columns are what it returns, the key first. There is none if columns is nil.
func (s *Schema) LockedRows(dialect, table, query string, args any) (text string, argv []any, columns []*Column) {
	list, ok := args.([]any)
	w := s.written.of(s, dialect, query)
	if !ok || w.rows == nil || w.table != s.Table(table) {
		return "", nil, nil
	}
	argv = make([]any, len(w.rows.args))
	for i, n := range w.rows.args {
		if int(n) >= len(list) {
			return "", nil, nil
		}
		argv[i] = list[n]
	}
	return w.rows.text, argv, w.rows.columns
}

// OldRows notes the rows that the statement is about to write, as LockedRows found
// them. More than MaxOldRows say nothing.
func (o *Observed) OldRows(columns []*Column, rows [][]any) {
	if len(rows) > MaxOldRows || o.interrupted {
		return
	}
	o.columns, o.locked = columns, rows
}

// each returns what was known before the statement of every row that it wrote, with
// its key, and reports whether all of them are known.
func (o *Observed) each(t *Table, fold bool) (befores []image, keys []any, ok bool) {
	if o == nil || len(o.columns) == 0 || o.columns[0].Table != t {
		return nil, nil, false
	}
	done := o.done(o.verb, t)
	if o.blind || done.statements != 1 || done.unknown || done.rows != int64(len(o.locked)) {
		if !mutant.On(mutant.CountIgnored) {
			return nil, nil, false
		}
	}
	for _, values := range o.locked {
		if _, ok := t.ID[0].canonical(values[0], fold); !ok {
			return nil, nil, false
		}
		var before image
		for i, c := range o.columns {
			before.set(c, values[i], fold)
		}
		befores, keys = append(befores, before), append(keys, values[0])
	}
	return befores, keys, true
}
