package cache

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/codec"
)

// The texts are those of database/sql, which exports none of these errors.
var (
	errRowsClosed = errors.New("sql: Rows are closed")
	errNoNext     = errors.New("sql: Scan called without calling Next")
	errNoTypes    = errors.New("entcache: the column types of a cached result aren't kept, all its columns being the schema's own; scan into a type of your own")
)

// replay hands out the rows of a result as database/sql would: it closes itself
// behind the last row, and after that and after Close it returns the same
// errors. It may go on with rows that weren't read yet, or end with an error.
// Like *sql.Rows it serves one goroutine; the rows themselves are shared and
// never written.
type replay struct {
	rows  *codec.Rows
	types []*sql.ColumnType
	at    int // rows handed out
	open  bool
	onRow bool
	err   error // ends the rows

	// rest is what follows the rows; live says that it has begun.
	rest entsql.ColumnScanner
	live bool
	// nextSet says that rest already stands at the next set of results.
	nextSet bool
	// closing is what Close returns the first time.
	closing error
}

var _ entsql.ColumnScanner = (*replay)(nil)

// newReplay replays rows. Types may be nil; ColumnTypes then fails.
func newReplay(rows *codec.Rows, types []*sql.ColumnType) *replay {
	return &replay{rows: rows, types: types, open: true}
}

// newReplayThen replays rows and goes on with rest, which Close closes; if rest
// is nil, it ends with err.
func newReplayThen(rows *codec.Rows, types []*sql.ColumnType, rest entsql.ColumnScanner, err error) *replay {
	return &replay{rows: rows, types: types, open: true, rest: rest, err: err}
}

// Columns returns the names of the columns. The slice is shared: appending to
// it copies it, and nothing of Ent writes to it.
func (r *replay) Columns() ([]string, error) {
	if r.live {
		return r.rest.Columns()
	}
	if !r.open {
		return nil, r.ended()
	}
	n := len(r.rows.Columns)
	return r.rows.Columns[:n:n], nil
}

// ColumnTypes returns the types that were recorded.
func (r *replay) ColumnTypes() ([]*sql.ColumnType, error) {
	if r.live {
		return r.rest.ColumnTypes()
	}
	if !r.open {
		return nil, r.ended()
	}
	if r.types == nil {
		return nil, errNoTypes
	}
	n := len(r.types)
	return r.types[:n:n], nil
}

// ended is the error of what needs open rows.
func (r *replay) ended() error {
	if r.err != nil {
		return r.err
	}
	return errRowsClosed
}

// Next moves to the next row.
func (r *replay) Next() bool {
	switch {
	case r.live:
		return r.rest.Next()
	case !r.open:
		return false
	case r.at < r.rows.N:
		r.at++
		r.onRow = true
		return true
	case r.rest == nil:
		r.open = false
		return false
	case r.nextSet:
		return false
	default:
		r.live = true
		return r.rest.Next()
	}
}

// NextResultSet skips what is left of the rows and moves to the next set of
// results, of which only rest can have one.
func (r *replay) NextResultSet() bool {
	if !r.open && !r.live {
		return false
	}
	if r.rest == nil {
		// The rows that are skipped take the error behind them along.
		r.open, r.err = false, nil
		return false
	}
	r.live = true
	if r.nextSet {
		r.nextSet = false
		return true
	}
	return r.rest.NextResultSet()
}

// Err returns the error that ended the rows, once they have ended.
func (r *replay) Err() error {
	switch {
	case r.rest != nil:
		return r.rest.Err()
	case r.open:
		return nil
	default:
		return r.err
	}
}

// Close ends the rows. Only the first call may return an error.
func (r *replay) Close() error {
	if r.open {
		// Rows that are closed early never meet the error behind them.
		r.open, r.err = false, nil
	}
	if r.rest != nil {
		// Later calls reach what rest says of closed rows.
		r.live, r.nextSet = true, false
		return r.rest.Close()
	}
	err := r.closing
	r.closing = nil
	return err
}

// Scan copies the values of the current row into dest.
func (r *replay) Scan(dest ...any) error {
	if r.live {
		return r.rest.Scan(dest...)
	}
	if !r.open {
		return r.ended()
	}
	if !r.onRow {
		return errNoNext
	}
	n := len(r.rows.Columns)
	if len(dest) != n {
		return fmt.Errorf("sql: expected %d destination arguments in Scan, not %d", n, len(dest))
	}
	kinds, words := r.rows.Cells(r.at - 1)
	for i := 0; ; i++ {
		if i += assignNullables(dest[i:], r.rows, kinds[i:], words[i:]); i == n {
			return nil
		}
		if err := assign(dest[i], r.rows, (r.at-1)*n+i); err != nil {
			return fmt.Errorf(`sql: Scan error on column index %d, name %q: %w`, i, r.rows.Columns[i], err)
		}
	}
}

// list appends the values of the only column to a list of type *[]int or *[]string, as
// scanning each row would, and reports whether it did. Else nothing was read.
func (r *replay) list(to any) (ok bool) {
	if !r.open || r.at > 0 || r.rest != nil || r.err != nil || len(r.rows.Columns) != 1 {
		return false
	}
	switch to := to.(type) {
	case *[]int:
		ok = strconv.IntSize == 64 && appendAll(to, r.rows, codec.Int, func(i int) int { return int(r.rows.Int(i)) })
	case *[]string:
		ok = appendAll(to, r.rows, codec.Text, r.rows.Text)
	}
	if ok {
		r.at, r.open = r.rows.N, false
	}
	return ok
}

// appendAll appends the values of one column if all of them are of a kind.
func appendAll[T any](to *[]T, rows *codec.Rows, kind codec.Kind, value func(int) T) bool {
	for i := range rows.N {
		if rows.Kind(i) != kind {
			return false
		}
	}
	*to = slices.Grow(*to, rows.N)
	for i := range rows.N {
		*to = append(*to, value(i))
	}
	return true
}
