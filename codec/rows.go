// Package codec holds a query's result, rows of database values, and turns it
// into bytes and back.
package codec

import "time"

// Rows is the result of one statement. Values are what a database/sql driver
// hands out: nil, int64, float64, bool, []byte, string and time.Time; some
// drivers add others (uint64). Rows are immutable once they are shared: readers
// copy a []byte before they pass it on.
type Rows struct {
	// Columns are the column names in the order of the projection.
	Columns []string
	// Values are the rows one after the other, len(Columns) values each.
	Values []any
	// N is the number of rows; a result may have rows and no columns.
	N int
}

// Row returns the values of row i.
func (r *Rows) Row(i int) []any {
	n := len(r.Columns)
	return r.Values[i*n : (i+1)*n : (i+1)*n]
}

// Overhead of a value, a slice header, a column name: what Size counts beside
// the bytes of strings and byte slices.
const (
	valueSize  = 16
	stringSize = 16
	sliceSize  = 24
	timeSize   = 24
	wordSize   = 8
)

// Size estimates the memory the rows hold, in bytes.
func (r *Rows) Size() int {
	n := 3*sliceSize + len(r.Values)*valueSize
	for _, c := range r.Columns {
		n += stringSize + len(c)
	}
	for _, v := range r.Values {
		n += ValueSize(v)
	}
	return n
}

// ValueSize estimates the memory behind one value, its interface word excluded.
func ValueSize(v any) int {
	switch v := v.(type) {
	case nil, bool:
		return 0
	case string:
		return stringSize + len(v)
	case []byte:
		return sliceSize + cap(v)
	case time.Time:
		return timeSize
	default:
		return wordSize
	}
}
