package cache

import (
	"bytes"
	"database/sql"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/mutant"
)

// assign copies src, a value of a cached row, into dest as rows.Scan of
// database/sql would, with its conversions and the texts of its errors. One
// thing differs: cached rows are shared, so a []byte that dest could keep is a
// copy where database/sql lends the driver's own (to a Scanner, to RawBytes).
//
// The cases below are those of Ent's generated code; they need no reflection,
// and no allocation but for what dest comes to own. Whatever isn't among them
// takes the long way of convert.
func assign(dest, src any) error {
	switch s := src.(type) {
	case int64:
		switch d := dest.(type) {
		case *sql.NullInt64:
			d.Int64, d.Valid = s, true
			return nil
		case *int64:
			if d != nil {
				*d = s
				return nil
			}
		case *int:
			// A number past int on a 32-bit machine is convert's error.
			if d != nil && int64(int(s)) == s {
				*d = int(s)
				return nil
			}
		case *sql.NullBool:
			// Databases without booleans keep 0 and 1.
			if s == 0 || s == 1 {
				d.Bool, d.Valid = s == 1, true
				return nil
			}
		case *bool:
			if s == 0 || s == 1 {
				*d = s == 1
				return nil
			}
		case *any:
			if d != nil {
				*d = src
				return nil
			}
		case *entsql.NullScanner:
			return d.Scan(src)
		}
	case string:
		switch d := dest.(type) {
		case *sql.NullString:
			d.String, d.Valid = s, true
			return nil
		case *string:
			if d != nil {
				*d = s
				return nil
			}
		case *[]byte:
			if d != nil {
				*d = []byte(s)
				return nil
			}
		case *any:
			if d != nil {
				*d = src
				return nil
			}
		case *entsql.NullScanner:
			return d.Scan(src)
		}
	case time.Time:
		switch d := dest.(type) {
		case *sql.NullTime:
			d.Time, d.Valid = s, true
			return nil
		case *time.Time:
			*d = s
			return nil
		}
	case bool:
		switch d := dest.(type) {
		case *sql.NullBool:
			d.Bool, d.Valid = s, true
			return nil
		case *bool:
			*d = s
			return nil
		}
	case float64:
		switch d := dest.(type) {
		case *sql.NullFloat64:
			d.Float64, d.Valid = s, true
			return nil
		case *float64:
			if d != nil {
				*d = s
				return nil
			}
		}
	case []byte:
		switch d := dest.(type) {
		case *[]byte:
			if d != nil {
				if *d = bytes.Clone(s); mutant.On(mutant.BytesShared) {
					*d = s
				}
				return nil
			}
		case *sql.NullString:
			d.String, d.Valid = string(s), true
			return nil
		case *string:
			if d != nil {
				*d = string(s)
				return nil
			}
		case *any:
			if d != nil {
				*d = bytes.Clone(s)
				return nil
			}
		case *sql.RawBytes:
			if d != nil {
				*d = bytes.Clone(s)
				return nil
			}
		case *sql.NullInt64, *sql.NullFloat64, *sql.NullBool, *sql.NullTime:
			// MySQL's text protocol sends numbers as digits; these read them
			// and keep nothing.
			return dest.(sql.Scanner).Scan(src)
		case *entsql.NullScanner:
			return d.Scan(bytes.Clone(s))
		}
	case nil:
		switch d := dest.(type) {
		case *sql.NullInt64:
			d.Int64, d.Valid = 0, false
			return nil
		case *sql.NullString:
			d.String, d.Valid = "", false
			return nil
		case *sql.NullTime:
			d.Time, d.Valid = time.Time{}, false
			return nil
		case *sql.NullBool:
			d.Bool, d.Valid = false, false
			return nil
		case *sql.NullFloat64:
			d.Float64, d.Valid = 0, false
			return nil
		case *[]byte:
			if d != nil {
				*d = nil
				return nil
			}
		case *any:
			if d != nil {
				*d = nil
				return nil
			}
		case *entsql.NullScanner:
			return d.Scan(nil)
		}
	}
	return convert(dest, src)
}
