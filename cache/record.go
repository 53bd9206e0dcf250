package cache

import (
	"database/sql"
	"slices"
	"sync"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/codec"
)

// recorded is what record read of a result. Scanner hands the whole result out
// once, whatever the reason says.
type recorded struct {
	rows  *codec.Rows
	types []*sql.ColumnType
	// reason is Cacheable, TooLarge, Incomplete or UnknownValue.
	reason Reason
	// rest continues the rows; it is nil where they were read to the end.
	rest entsql.ColumnScanner
	// err ended the rows early.
	err error

	nextSet bool  // rest stands at the next set of results
	closing error // what closing the live rows returned
}

// record reads live rows to their end and closes them. A row past a bound stops
// it: what was read is kept, and rest goes on behind it; a bound of zero or less
// is none. With types, the column types are kept as well.
//
// It returns an error only if the rows can't say their columns; they are then
// closed, and nothing was read.
func record(live entsql.ColumnScanner, maxRows, maxBytes int, types bool) (recorded, error) {
	columns, err := live.Columns()
	if err != nil {
		_ = live.Close()
		return recorded{}, err
	}
	rec := recorded{rows: &codec.Rows{Columns: slices.Clone(columns)}}
	if types {
		// Whoever asks a live result that fails here sees the failure and goes
		// on without types; so will who asks the replay.
		rec.types, _ = live.ColumnTypes()
	}
	if rec.read(live, maxRows, maxBytes) {
		rec.reason, rec.rest = TooLarge, live
		return rec, nil
	}
	if rec.err == nil {
		rec.err = live.Err()
	}
	if rec.err == nil && live.NextResultSet() {
		// A replay holds one set of results. The caller gets the others live.
		rec.reason, rec.rest, rec.nextSet = UnknownValue, live, true
		return rec, nil
	}
	rec.closing = live.Close()
	if rec.err == nil {
		// database/sql reports here what closing the driver's rows returned.
		rec.err = live.Err()
	}
	if rec.err != nil || rec.closing != nil {
		rec.reason = Incomplete
	}
	return rec, nil
}

// read appends rows until they end, and reports whether a bound stopped it.
func (rec *recorded) read(live entsql.ColumnScanner, maxRows, maxBytes int) bool {
	var (
		rows      = rec.rows
		s         = scratches.Get().(*scratch)
		row, dest = s.forRow(len(rows.Columns))
		bytes     int
	)
	defer func() {
		rows.Values = append([]any(nil), s.values...)
		s.free()
	}()
	if maxBytes > 0 {
		bytes = rows.Size()
	}
	for live.Next() {
		// The driver's values arrive as they are, a []byte as a copy.
		if err := live.Scan(dest...); err != nil {
			rec.err = err
			return false
		}
		s.values = append(s.values, row...)
		rows.N++
		for _, v := range row {
			bytes += anySize + codec.ValueSize(v)
			if !codec.Known(v) {
				rec.reason = UnknownValue
			}
		}
		if maxRows > 0 && rows.N > maxRows || maxBytes > 0 && bytes > maxBytes {
			return true
		}
	}
	return false
}

// scratch is what rows are read into, so that a result's own slice is allocated
// once, in its final size.
type scratch struct {
	row, dest, values []any
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxScratch is how many values a scratch that is kept has room for.
const maxScratch = 1 << 14

// forRow returns room for a row and the destinations that fill it.
func (s *scratch) forRow(columns int) (row, dest []any) {
	if len(s.row) < columns {
		s.row = make([]any, max(16, columns))
		s.dest = make([]any, len(s.row))
		for i := range s.row {
			s.dest[i] = &s.row[i]
		}
	}
	return s.row[:columns], s.dest[:columns]
}

// free gives the scratch back; it keeps no value alive.
func (s *scratch) free() {
	if cap(s.values) > maxScratch {
		s.values = nil
	}
	clear(s.row)
	clear(s.values)
	s.values = s.values[:0]
	scratches.Put(s)
}

// anySize is what a value takes beside what codec.ValueSize counts.
const anySize = 16

// scanner hands out the recorded rows and then what follows them, as the live
// rows would have. It is to be called once where there is a rest or an error.
func (rec *recorded) scanner() entsql.ColumnScanner {
	r := newReplayThen(rec.rows, rec.types, rec.rest, rec.err)
	r.nextSet, r.closing = rec.nextSet, rec.closing
	return r
}
