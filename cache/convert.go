package cache

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"
)

var errNilDestination = errors.New("destination pointer is nil")

// convert does what convertAssign of database/sql does, which isn't exported:
// the order of the cases and the texts of the errors are those of Go 1.26. A
// differential test holds the two together. A []byte is a copy already, for dest
// to keep.
func convert(dest, src any) error {
	switch s := src.(type) {
	case string:
		switch d := dest.(type) {
		case *string:
			return store(d, s)
		case *[]byte:
			return store(d, []byte(s))
		case *sql.RawBytes:
			return store(d, append(sql.RawBytes(nil), s...))
		}
	case []byte:
		switch d := dest.(type) {
		case *string:
			return store(d, string(s))
		case *any:
			return store(d, any(s))
		case *[]byte:
			return store(d, s)
		case *sql.RawBytes:
			return store(d, sql.RawBytes(s))
		}
	case time.Time:
		switch d := dest.(type) {
		case *time.Time:
			*d = s
			return nil
		case *string:
			*d = s.Format(time.RFC3339Nano)
			return nil
		case *[]byte:
			return store(d, []byte(s.Format(time.RFC3339Nano)))
		case *sql.RawBytes:
			return store(d, sql.RawBytes(s.Format(time.RFC3339Nano)))
		}
	case decimalDecompose:
		if d, ok := dest.(decimalCompose); ok {
			return d.Compose(s.Decompose(nil))
		}
	case nil:
		switch d := dest.(type) {
		case *any:
			return store(d, nil)
		case *[]byte:
			return store(d, nil)
		case *sql.RawBytes:
			return store(d, nil)
		}
	case driver.Rows:
		if _, ok := dest.(*sql.Rows); ok {
			// A cursor belongs to the connection it came from.
			return errors.New("invalid context to convert cursor rows, missing parent *Rows")
		}
	}

	switch d := dest.(type) {
	case *string:
		switch reflect.ValueOf(src).Kind() {
		case reflect.Bool,
			reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
			reflect.Float32, reflect.Float64:
			*d = textual(src)
			return nil
		}
	case *[]byte:
		if b, ok := digits(src); ok {
			*d = b
			return nil
		}
	case *sql.RawBytes:
		if b, ok := digits(src); ok {
			*d = b
			return nil
		}
	case *bool:
		v, err := driver.Bool.ConvertValue(src)
		if err == nil {
			*d = v.(bool)
		}
		return err
	case *any:
		*d = src
		return nil
	}

	if scanner, ok := dest.(sql.Scanner); ok {
		return scanner.Scan(src)
	}
	return reflected(dest, src)
}

// reflected converts into destinations of named types, of pointers and of
// numbers of other widths.
func reflected(dest, src any) error {
	dpv := reflect.ValueOf(dest)
	if dpv.Kind() != reflect.Pointer {
		return errors.New("destination not a pointer")
	}
	if dpv.IsNil() {
		return errNilDestination
	}
	sv, dv := reflect.ValueOf(src), dpv.Elem()
	if sv.IsValid() && sv.Type().AssignableTo(dv.Type()) {
		dv.Set(sv)
		return nil
	}
	if dv.Kind() == sv.Kind() && sv.Type().ConvertibleTo(dv.Type()) {
		dv.Set(sv.Convert(dv.Type()))
		return nil
	}

	kind := dv.Kind()
	switch kind {
	case reflect.Pointer:
		if src == nil {
			dv.SetZero()
			return nil
		}
		dv.Set(reflect.New(dv.Type().Elem()))
		return convert(dv.Interface(), src)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		if src == nil {
			return fmt.Errorf("converting NULL to %s is unsupported", kind)
		}
		s := textual(src)
		if err := parse(dv, s); err != nil {
			return fmt.Errorf("converting driver.Value type %T (%q) to a %s: %v", src, s, kind, err)
		}
		return nil
	case reflect.String:
		if src == nil {
			return fmt.Errorf("converting NULL to %s is unsupported", kind)
		}
		switch v := src.(type) {
		case string:
			dv.SetString(v)
			return nil
		case []byte:
			dv.SetString(string(v))
			return nil
		}
	}
	return fmt.Errorf("unsupported Scan, storing driver.Value type %T into type %T", src, dest)
}

func store[T any](d *T, v T) error {
	if d == nil {
		return errNilDestination
	}
	*d = v
	return nil
}

// parse sets a number from its digits, and returns strconv's reason if it
// can't.
func parse(dv reflect.Value, s string) error {
	var err error
	switch bits := dv.Type().Bits(); {
	case dv.CanInt():
		var n int64
		if n, err = strconv.ParseInt(s, 10, bits); err == nil {
			dv.SetInt(n)
		}
	case dv.CanUint():
		var n uint64
		if n, err = strconv.ParseUint(s, 10, bits); err == nil {
			dv.SetUint(n)
		}
	default:
		var n float64
		if n, err = strconv.ParseFloat(s, bits); err == nil {
			dv.SetFloat(n)
		}
	}
	if ne, ok := err.(*strconv.NumError); ok {
		return ne.Err
	}
	return err
}

// textual writes a value as database/sql does on the way to another kind.
func textual(src any) string {
	switch v := src.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	if b, ok := digits(src); ok && reflect.TypeOf(src).Kind() != reflect.String {
		return string(b)
	}
	// A named text may have a String method, which database/sql calls too.
	return fmt.Sprintf("%v", src)
}

// digits writes numbers, booleans and texts; other values are none.
func digits(src any) ([]byte, bool) {
	rv := reflect.ValueOf(src)
	switch rv.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(nil, rv.Int(), 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(nil, rv.Uint(), 10), true
	case reflect.Float32:
		return strconv.AppendFloat(nil, rv.Float(), 'g', -1, 32), true
	case reflect.Float64:
		return strconv.AppendFloat(nil, rv.Float(), 'g', -1, 64), true
	case reflect.Bool:
		return strconv.AppendBool(nil, rv.Bool()), true
	case reflect.String:
		return append([]byte(nil), rv.String()...), true
	}
	return nil, false
}

// The two halves of database/sql's contract for decimals; see its convert.go.
type (
	decimalDecompose interface {
		Decompose(buf []byte) (form byte, negative bool, coefficient []byte, exponent int32)
	}
	decimalCompose interface {
		Compose(form byte, negative bool, coefficient []byte, exponent int32) error
	}
)
