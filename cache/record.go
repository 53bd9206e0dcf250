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
// is none. With types, the column types are kept as well. Column names that are known
// already are used if they are those of the rows.
//
// It returns an error only if the rows can't say their columns; they are then
// closed, and nothing was read.
func record(live entsql.ColumnScanner, known *[]string, maxRows, maxBytes int, types bool) (recorded, error) {
	columns, err := live.Columns()
	if err != nil {
		_ = live.Close()
		return recorded{}, err
	}
	var rec recorded
	if types {
		// Whoever asks a live result that fails here sees the failure and goes
		// on without types; so will who asks the replay.
		rec.types, _ = live.ColumnTypes()
	}
	if known != nil && slices.Equal(*known, columns) {
		columns = *known
	} else {
		columns = slices.Clone(columns)
	}
	if rec.read(live, columns, maxRows, maxBytes) {
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
func (rec *recorded) read(live entsql.ColumnScanner, columns []string, maxRows, maxBytes int) bool {
	s := scratches.Get().(*scratch)
	dest := s.begin(columns)
	defer func() {
		rec.rows = s.build.Rows()
		s.free()
	}()
	for live.Next() {
		s.build.Add()
		if err := live.Scan(dest...); err != nil {
			s.build.Drop()
			rec.err = err
			return false
		}
		if maxRows > 0 && s.build.Len() > maxRows || maxBytes > 0 && s.build.Size() > maxBytes {
			return true
		}
	}
	if s.build.Unknown() {
		rec.reason = UnknownValue
	}
	return false
}

// scratch is what rows are read into.
type scratch struct {
	build codec.Builder
	sinks []sink
	dest  []any // pointers to the sinks
}

// sink is the destination of a column: a Scanner, which database/sql hands the
// driver's own value, a []byte without a copy.
type sink struct {
	build  *codec.Builder
	column int
}

func (s *sink) Scan(v any) error {
	s.build.Set(s.column, v)
	return nil
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// begin returns the destinations of each row.
func (s *scratch) begin(columns []string) []any {
	s.build.Reset(columns)
	if n := len(columns); len(s.sinks) < n {
		s.sinks, s.dest = make([]sink, max(16, n)), make([]any, max(16, n))
		for i := range s.sinks {
			s.sinks[i] = sink{&s.build, i}
			s.dest[i] = &s.sinks[i]
		}
	}
	return s.dest[:len(columns)]
}

// free gives the scratch back; it keeps no value alive.
func (s *scratch) free() {
	s.build.Reset(nil)
	scratches.Put(s)
}

// scanner hands out the recorded rows and then what follows them, as the live
// rows would have. It is to be called once where there is a rest or an error.
func (rec *recorded) scanner() entsql.ColumnScanner {
	r := newReplayThen(rec.rows, rec.types, rec.rest, rec.err)
	r.nextSet, r.closing = rec.nextSet, rec.closing
	return r
}
