package cache

import (
	"database/sql"
	"slices"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
)

// Lean saves most of what Ent allocates for a read that runs on the cache's
// driver, and leaves other reads alone. Neither the statement nor its result
// changes. Generated code calls it with the specification Ent is about to run.
func Lean(t *Type, drv dialect.Driver, spec *sqlgraph.QuerySpec) {
	d, ok := drv.(*Driver)
	if !ok || spec.ScanValues == nil {
		return
	}
	if spec.From == nil && spec.Node.Schema == "" && spec.Node.Table == t.Table.Name {
		spec.Node.Columns = t.Table.quoted(d.dialect, spec.Node.Columns)
	}
	spec.ScanValues = reuse(spec.ScanValues)
}

// quoted returns what quote does, and remembers it for the longest list: most often
// all columns of a type are read. Nobody can append to it in place.
func (t *Table) quoted(dialectName string, columns []string) []string {
	known := &t.written[0]
	if dialectName != dialect.Postgres {
		known = &t.written[1]
	}
	w := known.Load()
	if w != nil && slices.Equal(w.names, columns) {
		return w.quoted[:len(columns):len(columns)]
	}
	quoted := t.quote(dialectName, columns)
	if w == nil || len(columns) > len(w.names) {
		known.Store(&writtenColumns{slices.Clone(columns), quoted})
	}
	return quoted[:len(columns):len(columns)]
}

// writtenColumns are columns and what they are written as.
type writtenColumns struct{ names, quoted []string }

// quote returns the columns as Ent's builder would write them. The builder takes
// names in that form as they are; from bare ones it builds them anew for each
// query, in five allocations a column.
func (t *Table) quote(dialectName string, columns []string) []string {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = name
		if c := t.byName[name]; c != nil {
			if dialectName == dialect.Postgres {
				quoted[i] = c.quotedPostgres
			} else {
				quoted[i] = c.quoted
			}
		}
	}
	return quoted
}

// quoteColumn writes a column of a table as Ent's builder does, or returns the
// bare name where the builder would write the result once more.
func quoteColumn(dialectName, table, column string) string {
	s := entsql.Dialect(dialectName).Select().From(entsql.Dialect(dialectName).Table(table))
	if quoted := s.C(column); s.C(quoted) == quoted {
		return quoted
	}
	return column
}

// reuse makes the rows of a result share one set of destinations, if all of them
// are of types whose Scan overwrites them whole and whose values Ent copies out
// before the next row.
func reuse(scanValues func([]string) ([]any, error)) func([]string) ([]any, error) {
	var shared []any
	return func(columns []string) ([]any, error) {
		if shared != nil {
			return shared, nil
		}
		values, err := scanValues(columns)
		if err == nil && reusable(values) {
			shared = values
		}
		return values, err
	}
}

func reusable(values []any) bool {
	for _, v := range values {
		switch v.(type) {
		case *sql.NullInt64, *sql.NullString, *sql.NullBool, *sql.NullFloat64, *sql.NullTime:
		default:
			return false
		}
	}
	return true
}
