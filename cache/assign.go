package cache

import (
	"database/sql"
	"math"
	"strconv"
	"time"
	"unsafe"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/internal/mutant"
)

// assign copies value i of cached rows into dest as rows.Scan of database/sql
// would, with its conversions and the texts of its errors. One thing differs:
// cached rows are shared, so a []byte that dest could keep is a copy where
// database/sql lends the driver's own (to a Scanner, to RawBytes).
//
// What Ent's generated code scans into needs no reflection, and no allocation
// but for what dest comes to own: most fields are assigned by assignNullables,
// for which this would do as well, the others here. Whatever is left takes the
// long way of convert.
func assign(dest any, rows *codec.Rows, i int) error {
	kind, done := rows.Kind(i), false
	switch {
	case kind == codec.Int:
		done = assignInt(dest, rows.Int(i))
	case kind == codec.Text:
		done = assignText(dest, rows.Text(i))
	case kind == codec.Bytes:
		done = assignBytes(dest, rows.Text(i))
	case kind == codec.Null:
		done = assignNull(dest)
	case kind == codec.Bool:
		if d, ok := dest.(*bool); ok {
			*d, done = rows.Bool(i), true
		}
	case kind == codec.Float:
		switch d := dest.(type) {
		case *float64:
			if d != nil {
				*d, done = rows.Float(i), true
			}
		case **float64:
			if d != nil {
				f := rows.Float(i)
				*d, done = &f, true
			}
		}
	case kind >= codec.Time:
		if d, ok := dest.(*time.Time); ok {
			*d, done = rows.Time(i), true
		}
	}
	if done {
		return nil
	}
	if d, ok := dest.(*entsql.NullScanner); ok {
		return assignScanner(d, rows, i)
	}
	return convert(dest, rows.Value(i))
}

// assignNullables assigns to the first of dest, as far as they are of the types
// that Ent scans most fields into, and returns how many it assigned. It is one
// function for the whole row: a hit does little else.
func assignNullables(dest []any, rows *codec.Rows, kinds []codec.Kind, words []uint64) int {
	dest, words = dest[:len(kinds)], words[:len(kinds)]
	for i, kind := range kinds {
		word := words[i]
		switch d := dest[i].(type) {
		case *sql.NullString:
			if kind == codec.Text || kind == codec.Bytes {
				d.String, d.Valid = rows.TextOf(word), true
				continue
			}
			if kind == codec.Null {
				d.String, d.Valid = "", false
				continue
			}
		case *sql.NullInt64:
			if kind == codec.Int {
				d.Int64, d.Valid = int64(word), true
				continue
			}
			if kind == codec.Null {
				d.Int64, d.Valid = 0, false
				continue
			}
		case *sql.NullTime:
			if kind >= codec.Time {
				d.Time, d.Valid = rows.TimeOf(kind, word), true
				continue
			}
			if kind == codec.Null {
				d.Time, d.Valid = time.Time{}, false
				continue
			}
		case *sql.NullBool:
			// Databases without booleans keep 0 and 1.
			if kind == codec.Bool || kind == codec.Int && word <= 1 {
				d.Bool, d.Valid = word == 1, true
				continue
			}
			if kind == codec.Null {
				d.Bool, d.Valid = false, false
				continue
			}
		case *sql.NullFloat64:
			if kind == codec.Float {
				d.Float64, d.Valid = math.Float64frombits(word), true
				continue
			}
			if kind == codec.Null {
				d.Float64, d.Valid = 0, false
				continue
			}
		}
		return i
	}
	return len(kinds)
}

func assignInt(dest any, n int64) bool {
	switch d := dest.(type) {
	case *int64:
		if d != nil {
			*d = n
			return true
		}
	case *int:
		// A number past int on a 32-bit machine is convert's error.
		if d != nil && int64(int(n)) == n {
			*d = int(n)
			return true
		}
	// Ent scans structs of the program's own into pointers.
	case **int64:
		if d != nil {
			own := n
			*d = &own
			return true
		}
	case **int:
		if d != nil && int64(int(n)) == n {
			own := int(n)
			*d = &own
			return true
		}
	case *bool:
		// Databases without booleans keep 0 and 1.
		if n == 0 || n == 1 {
			*d = n == 1
			return true
		}
	}
	return false
}

func assignText(dest any, s string) bool {
	switch d := dest.(type) {
	case *string:
		if d != nil {
			*d = s
			return true
		}
	case **string:
		if d != nil {
			own := s
			*d = &own
			return true
		}
	case *[]byte:
		if d != nil {
			*d = []byte(s)
			return true
		}
	case *uuid.UUID:
		if u, err := uuid.Parse(s); err == nil {
			*d = u
			return true
		}
	}
	return false
}

// assignBytes assigns what the driver gave as a []byte, as MySQL's does with
// most values of its text protocol.
func assignBytes(dest any, s string) bool {
	switch d := dest.(type) {
	case *[]byte:
		if d != nil {
			if *d = []byte(s); mutant.On(mutant.BytesShared) {
				*d = unsafe.Slice(unsafe.StringData(s), len(s))
			}
			return true
		}
	case *string:
		if d != nil {
			*d = s
			return true
		}
	case *sql.NullInt64:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			d.Int64, d.Valid = n, true
			return true
		}
	case *sql.NullFloat64:
		if x, err := strconv.ParseFloat(s, 64); err == nil {
			d.Float64, d.Valid = x, true
			return true
		}
	case *sql.NullBool:
		if s == "0" || s == "1" {
			d.Bool, d.Valid = s == "1", true
			return true
		}
	case *int64:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && d != nil {
			*d = n
			return true
		}
	case *int:
		if n, err := strconv.Atoi(s); err == nil && d != nil {
			*d = n
			return true
		}
	case *uuid.UUID:
		if len(s) == len(d) {
			copy(d[:], s)
			return true
		}
	}
	return false
}

func assignNull(dest any) bool {
	switch d := dest.(type) {
	case *[]byte:
		if d != nil {
			*d = nil
			return true
		}
	case *any:
		if d != nil {
			*d = nil
			return true
		}
	}
	return false
}

// assignScanner assigns to a NullScanner, whose Scan takes what isn't NULL to
// the one it wraps.
func assignScanner(d *entsql.NullScanner, rows *codec.Rows, i int) error {
	if rows.Kind(i) == codec.Null {
		return d.Scan(nil)
	}
	switch d.S.(type) {
	case *sql.NullString, *sql.NullInt64, *sql.NullFloat64, *sql.NullBool, *sql.NullTime, *uuid.UUID:
		// What theirs does is done here.
		d.Valid = true
		row, c := i/len(rows.Columns), i%len(rows.Columns)
		kinds, words := rows.Cells(row)
		if assignNullables([]any{d.S}, rows, kinds[c:c+1], words[c:c+1]) == 1 {
			return nil
		}
		return assign(d.S, rows, i)
	}
	return d.Scan(rows.Value(i))
}
