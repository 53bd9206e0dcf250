package cache

import (
	"database/sql/driver"
	"reflect"
	"strconv"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/internal/mutant"
)

// canonical returns v in the one form in which values of the column are
// compared, and false where the database may call two values equal that Go
// tells apart, or where v isn't of the column's kind. The same row's value
// reaches us as the argument of a query, as the field of a mutation and as what
// the driver read, so every shape a driver gives it must end in one form.
func (c *Column) canonical(v any, fold bool) (canonical, bool) {
	if !c.comparable(fold) {
		return canonical{}, false
	}
	switch x := v.(type) {
	case int64:
		return c.integer(x)
	case int:
		return c.integer(int64(x))
	case string:
		return c.fromText(x)
	case []byte:
		return c.fromBytes(string(x))
	case nil:
		return canonical{}, false
	case driver.Valuer:
		dv, err := callValuer(x)
		if err != nil || dv == nil {
			return canonical{}, false
		}
		if _, again := dv.(driver.Valuer); again {
			return canonical{}, false
		}
		return c.canonical(dv, fold)
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.IsNil() {
			return canonical{}, false
		}
		return c.canonical(rv.Elem().Interface(), fold)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return c.integer(rv.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return c.unsigned(rv.Uint())
	case reflect.Bool:
		return c.boolean(rv.Bool())
	case reflect.String:
		return c.fromText(rv.String())
	case reflect.Slice:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			return c.fromBytes(string(rv.Bytes()))
		}
	case reflect.Array:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, rv.Len())
			reflect.Copy(reflect.ValueOf(b), rv)
			return c.fromBytes(string(b))
		}
	}
	return canonical{}, false
}

// canonicalOf is canonical for value i of a result.
func (c *Column) canonicalOf(rows *codec.Rows, i int, fold bool) (canonical, bool) {
	switch rows.Kind(i) {
	case codec.Int, codec.Text, codec.Bytes:
		if !c.comparable(fold) {
			return canonical{}, false
		}
	}
	switch rows.Kind(i) {
	case codec.Int:
		return c.integer(rows.Int(i))
	case codec.Text:
		return c.fromText(rows.Text(i))
	case codec.Bytes:
		return c.fromBytes(rows.Text(i))
	default:
		return c.canonical(rows.Value(i), fold)
	}
}

// comparable reports whether the database calls two values equal only if Go does.
func (c *Column) comparable(fold bool) bool {
	return c.Exact && (!fold || c.Kind != KindString || mutant.On(mutant.FoldIgnored))
}

func (c *Column) integer(n int64) (canonical, bool) {
	switch c.Kind {
	case KindInt:
		return canonical{tag: 'i', num: uint64(n)}, true
	case KindBool:
		if n == 0 || n == 1 {
			return canonical{tag: 'i', num: uint64(n)}, true
		}
	}
	return canonical{}, false
}

func (c *Column) unsigned(n uint64) (canonical, bool) {
	if int64(n) >= 0 {
		return c.integer(int64(n))
	}
	if c.Kind == KindInt {
		return canonical{tag: 'u', num: n}, true
	}
	return canonical{}, false
}

func (c *Column) boolean(b bool) (canonical, bool) {
	if c.Kind != KindBool {
		return canonical{}, false
	}
	if b {
		return canonical{tag: 'i', num: 1}, true
	}
	return canonical{tag: 'i'}, true
}

func (c *Column) fromText(s string) (canonical, bool) {
	switch c.Kind {
	case KindString:
		return canonical{tag: 's', text: textOf(s)}, true
	case KindUUID:
		if u, ok := parseUUID(s); ok {
			return canonicalUUID(u[:]), true
		}
	case KindInt:
		// MySQL's text protocol sends numbers as digits.
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
			return canonical{tag: 'i', num: uint64(n)}, true
		}
		if n, err := strconv.ParseUint(s, 10, 64); err == nil && strconv.FormatUint(n, 10) == s {
			return c.unsigned(n)
		}
	case KindBool:
		switch s {
		case "0":
			return canonical{tag: 'i'}, true
		case "1":
			return canonical{tag: 'i', num: 1}, true
		}
	}
	return canonical{}, false
}

func (c *Column) fromBytes(s string) (canonical, bool) {
	switch c.Kind {
	case KindBytes:
		return canonical{tag: 's', text: textOf(s)}, true
	case KindUUID:
		if len(s) == 16 {
			return canonicalUUID([]byte(s)), true
		}
	}
	return c.fromText(s)
}

// textOf never returns nil, which would mean a number.
func textOf(s string) []byte { return append(make([]byte, 0, len(s)), s...) }

// callValuer asks a Valuer for its database value as database/sql does: a nil
// pointer whose type has the method on its value is NULL.
func callValuer(v driver.Valuer) (driver.Value, error) {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() &&
		rv.Type().Elem().Implements(valuerType) {
		return nil, nil
	}
	return v.Value()
}

var valuerType = reflect.TypeFor[driver.Valuer]()
