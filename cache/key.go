package cache

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"

	"github.com/entcache/ent-cache/internal/mutant"
)

// A key is the hash of everything that decides a result: namespace, dialect,
// the fingerprint of the schema, the SQL text (those five are hashed once for a
// statement, see memo), the database, what the program varies by, and the
// arguments with their types. Keys isolate tenants, so the hash is one for which
// no two inputs with the same output can be found.

var keyBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// key names the result of a statement; it is false if an argument has no form a
// key can be built from.
func (st *prepared) key(database uint64, vary string, args []any) (Key, bool) {
	buf := keyBuffers.Get().(*[]byte)
	b := append((*buf)[:0], st.seed[:]...)
	b = binary.BigEndian.AppendUint64(b, database)
	b = appendString(b, vary)
	ok := true
	for i, a := range args {
		if mutant.On(mutant.KeyWithoutArgs) || mutant.On(mutant.KeyFirstArg) && i > 0 {
			break
		}
		if mutant.On(mutant.KeyWithoutTypes) {
			a = fmt.Sprint(a)
		}
		if b, ok = appendArg(b, a); !ok {
			break
		}
	}
	sum := sha256.Sum256(b)
	*buf = b
	keyBuffers.Put(buf)
	sum[0] &^= ofValues | ofExist
	return Key(sum[:16]), ok
}

// These bits are set in the first byte of the keys of values, and of rows that were
// read to learn whether there are any, and in no others, so that none of them is taken
// for another.
const (
	ofValues = 1 << iota
	ofExist
)

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendArg appends an argument so that two arguments a database could tell
// apart never look the same: each form is marked and its length known.
func appendArg(b []byte, a any) ([]byte, bool) {
	switch v := a.(type) {
	case nil:
		return append(b, 'n'), true
	case int:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v)), true
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v)), true
	case string:
		return appendString(append(b, 's'), v), true
	case []byte:
		if v == nil {
			// NULL for most drivers, and an empty value for others.
			return append(b, 'N'), true
		}
		return append(binary.AppendUvarint(append(b, 'b'), uint64(len(v))), v...), true
	case bool:
		if v {
			return append(b, 't'), true
		}
		return append(b, 'f'), true
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(v)), true
	case time.Time:
		return appendTime(b, v), true
	case driver.Valuer:
		dv, err := callValuer(v)
		if err != nil {
			return b, false
		}
		if _, again := dv.(driver.Valuer); again {
			return b, false
		}
		// A driver may look at the type before it asks for the value.
		b = appendString(append(b, 'v'), reflect.TypeOf(v).String())
		return appendArg(b, dv)
	}
	rv := reflect.ValueOf(a)
	switch rv.Kind() {
	case reflect.Pointer:
		if rv.IsNil() {
			return append(b, 'n'), true
		}
		return appendArg(b, rv.Elem().Interface())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(rv.Int())), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.BigEndian.AppendUint64(append(b, 'u'), rv.Uint()), true
	case reflect.Float32, reflect.Float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(rv.Float())), true
	case reflect.Bool:
		return appendArg(b, rv.Bool())
	case reflect.String:
		return appendString(append(b, 's'), rv.String()), true
	case reflect.Slice:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			return appendArg(b, rv.Bytes())
		}
	}
	return b, false
}

// appendTime keeps the clock reading and the zone: drivers send both.
func appendTime(b []byte, t time.Time) []byte {
	name, offset := t.Zone()
	b = binary.BigEndian.AppendUint64(append(b, 'c'), uint64(t.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
	b = binary.BigEndian.AppendUint64(b, uint64(int64(offset)))
	b = appendString(b, name)
	return appendString(b, t.Location().String())
}
