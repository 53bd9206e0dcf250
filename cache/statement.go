package cache

import (
	"database/sql/driver"
	"reflect"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Statement is what the cache knows of the text of one SQL statement: whether
// its result may be cached, and what the result depends on. It is immutable and
// serves every execution of the text, whatever the arguments.
//
// A name, a function or a clause that the analysis isn't sure of makes the
// dependencies coarser, and in the end the statement isn't cacheable.
type Statement struct {
	dialect string
	reason  Reason
	detail  string
	tables  []*Table
	fixed   Facts // what every execution depends on
	// occurrences are those of tables of which it is known how they are read.
	occurrences []occurrence
	root        *root
	relevance   *relevancePlan
	// anyRow says that the result is one row, whichever, of those that match.
	anyRow    bool
	sensitive bool
	counts    bool
}

// Analyze returns what is known of a statement in one of the dialects that Ent
// names sqlite3, postgres and mysql. It accepts any text.
func Analyze(s *Schema, dialect, query string) *Statement {
	a := analysis{schema: s, dialect: dialect}
	a.tokens, a.reason, a.detail = tokenize(dialect, query)
	if a.reason == Cacheable {
		a.parse()
	}
	st := &Statement{dialect: dialect}
	if a.reason == Cacheable {
		a.finish(st)
	}
	st.reason, st.detail, st.tables = a.reason, a.detail, a.tables
	return st
}

// Reason returns Cacheable, or why no result of the statement is ever stored:
// Locking, NotSelect, Volatile, UnknownFunction, UnknownTable, OpenView, NoTenant or
// NotUnderstood.
func (st *Statement) Reason() Reason { return st.reason }

// Detail returns what in the statement the reason is about, for people. It may
// be empty.
func (st *Statement) Detail() string { return st.detail }

// Tables returns every table the statement reads, those behind views and
// declared functions too. It may be incomplete if the reason isn't Cacheable.
func (st *Statement) Tables() []*Table { return st.tables }

// Sensitive reports whether the result holds, or may hold, a Sensitive column.
func (st *Statement) Sensitive() bool { return st.sensitive }

// Counts reports whether the projection is a single COUNT.
func (st *Statement) Counts() bool { return st.counts }

// CheckArgs returns the statement's reason or, where that is Cacheable, what an
// argument adds: Volatile for a text that the database may read as a moving time.
func (st *Statement) CheckArgs(args []any) Reason {
	if st.reason != Cacheable || st.dialect == mysqlDialect {
		return st.reason
	}
	for _, arg := range args {
		if st.moving(arg) {
			return Volatile
		}
	}
	return Cacheable
}

func (st *Statement) moving(arg any) bool {
	switch v := arg.(type) {
	case int, int64, bool, float64, nil:
		return false
	case string:
		return volatileText(st.dialect, v)
	case []byte:
		return len(v) <= 128 && volatileText(st.dialect, string(v))
	}
	rv := reflect.ValueOf(arg)
	for rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	switch rv.Kind() {
	case reflect.String:
		if volatileText(st.dialect, rv.String()) {
			return true
		}
	case reflect.Slice:
		if rv.Type().Elem().Kind() == reflect.Uint8 && rv.Len() <= 128 && volatileText(st.dialect, string(rv.Bytes())) {
			return true
		}
	}
	// Arrays are ids such as UUIDs.
	if v, ok := arg.(driver.Valuer); ok && rv.Kind() != reflect.Array {
		switch dv, _ := callValuer(v); v := dv.(type) {
		case string:
			return volatileText(st.dialect, v)
		case []byte:
			return len(v) <= 128 && volatileText(st.dialect, string(v))
		}
	}
	return false
}

// ForeignColumns reports whether the result has a column that Ent doesn't scan
// by the type it reads, so that it asks for the column's type. The columns are
// named as the driver names them.
func (st *Statement) ForeignColumns(columns []string) bool {
	if mutant.On(mutant.TypesDropped) {
		return false
	}
	for i, c := range columns {
		if st.root != nil && !(st.root.join && i == 0) {
			if st.root.table.Column(c) == nil {
				return true
			}
		} else if !st.known(c) {
			return true
		}
	}
	return false
}

func (st *Statement) known(column string) bool {
	for _, t := range st.tables {
		if t.Column(column) != nil {
			return true
		}
	}
	return false
}
