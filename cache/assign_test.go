package cache

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

type (
	namedInt    int64
	namedUint   uint8
	namedFloat  float32
	namedBool   bool
	namedString string
	namedBytes  []byte
	namedTime   time.Time
)

func (s namedString) String() string { return "the text " + string(s) }

// keeper is a Scanner that keeps what it is given.
type keeper struct{ V any }

func (k *keeper) Scan(src any) error {
	k.V = src
	return nil
}

type failing struct{ Seen any }

var errScan = errors.New("refused")

func (f *failing) Scan(src any) error {
	f.Seen = fmt.Sprint(src)
	return errScan
}

// valueScanner is a Scanner that isn't a pointer.
type valueScanner map[string]any

func (m valueScanner) Scan(src any) error {
	m["v"] = src
	return nil
}

type decimal struct {
	Negative    bool
	Coefficient []byte
	Exponent    int32
}

func (d decimal) Decompose([]byte) (byte, bool, []byte, int32) {
	return 0, d.Negative, d.Coefficient, d.Exponent
}

type composed struct{ decimal }

func (d *composed) Compose(form byte, negative bool, coefficient []byte, exponent int32) error {
	if exponent > 9 {
		return errScan
	}
	d.decimal = decimal{negative, append([]byte(nil), coefficient...), exponent}
	return nil
}

func sources() []any {
	at := time.Date(2024, 2, 29, 1, 2, 3, 456, time.FixedZone("X", 3600))
	texts := []string{
		"", "a", "0", "1", "-1", "2", "true", "T", "no", "42", "127", "128", "255", "256", "300", "65536", "4294967296",
		"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
		"1.5", "1e3", "1e39", "1e400", "NaN", "Inf", " 1", "1 ", "0x10", "2024-02-29T01:02:03Z", "\x00\xff",
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b8109dad11d180b400c04fd430c8", `{"a":1}`,
	}
	out := []any{
		nil, true, false,
		int64(0), int64(1), int64(-1), int64(2), int64(127), int64(128), int64(-128), int64(-129), int64(255), int64(256), int64(1 << 16), int64(1 << 31), int64(1 << 32), int64(math.MaxInt64), int64(math.MinInt64), int64(1<<53 + 1),
		uint64(0), uint64(1), uint64(2), uint64(math.MaxUint64),
		0.0, 1.0, 1.5, -1.0, 255.0, 300.0, 1e20, 1e21, 1e39, 0.1, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.MaxFloat64,
		float32(1), float32(0.1), float32(math.MaxFloat32),
		at, at.UTC(), time.Time{},
		[]byte(nil), []byte{}, []byte("0123456789abcdef"),
		// What no driver of Ent hands out, but database/sql lets pass.
		int32(5), uint8(7), namedString("x"), namedString("5"), namedBytes("5"), namedInt(3), namedBool(true), struct{ A int }{1}, [2]byte{1, 2},
		decimal{true, []byte{1, 2}, 3}, decimal{false, nil, 10},
	}
	for _, s := range texts {
		out = append(out, s, []byte(s))
	}
	return out
}

// destinations returns what Ent, its users and people scan into.
func destinations() []any {
	nested := func() **int64 { p := new(int64); return &p }
	return []any{
		new(string), new([]byte), new(sql.RawBytes), new(any), new(bool),
		new(int), new(int8), new(int16), new(int32), new(int64),
		new(uint), new(uint8), new(uint16), new(uint32), new(uint64), new(uintptr),
		new(float32), new(float64), new(complex128),
		new(namedInt), new(namedUint), new(namedFloat), new(namedBool), new(namedString), new(namedBytes), new(namedTime),
		new(*string), new(*int), new(*uint8), new(*bool), new(*float64), new(*time.Time), new(*[]byte), new(*any), new(*namedInt), new(*namedString),
		new(**string), new(**int), nested(), new(*sql.NullString), new(*keeper),
		new(time.Time), new(json.RawMessage), new(*json.RawMessage), new([2]byte), new([16]byte),
		new(sql.NullString), new(sql.NullInt64), new(sql.NullInt32), new(sql.NullInt16), new(sql.NullByte), new(sql.NullFloat64), new(sql.NullBool), new(sql.NullTime),
		&sql.NullString{String: "old", Valid: true}, &sql.NullInt64{Int64: 9, Valid: true}, &sql.NullBool{Bool: true, Valid: true}, &sql.NullFloat64{Float64: 9, Valid: true}, &sql.NullTime{Time: time.Unix(9, 0), Valid: true},
		new(sql.Null[string]), new(sql.Null[int]), new(sql.Null[[]byte]), new(sql.Null[any]), new(sql.Null[time.Time]), new(sql.Null[namedString]), new(sql.Null[uuid.UUID]),
		new(uuid.UUID), new(uuid.NullUUID), new(keeper), new(failing), valueScanner{}, new(composed),
		&entsql.NullScanner{S: new(uuid.UUID)}, &entsql.NullScanner{S: new(sql.NullString)}, &entsql.NullScanner{S: new(keeper)}, &entsql.NullScanner{S: new(failing)}, &entsql.NullScanner{S: new(keeper), Valid: true},
		new(entsql.UnknownType), new(driver.Value), new(fmt.Stringer), new(error),
		new(struct{}), new(struct{ A int }), new(map[string]int), new([]string), new(chan int), new(func()), new(sql.Rows),
		5, "text", nil, struct{}{}, []byte{1},
	}
}

// nils are typed nil pointers: database/sql panics at some, as we must.
func nils() []any {
	return []any{
		(*string)(nil), (*[]byte)(nil), (*sql.RawBytes)(nil), (*any)(nil), (*bool)(nil), (*int)(nil), (*int64)(nil), (*uint8)(nil), (*float64)(nil),
		(*namedInt)(nil), (*namedString)(nil), (**int)(nil), (*time.Time)(nil), (*json.RawMessage)(nil),
		(*sql.NullString)(nil), (*sql.NullInt64)(nil), (*sql.NullBool)(nil), (*sql.NullFloat64)(nil), (*sql.NullTime)(nil), (*keeper)(nil),
		(*uuid.UUID)(nil), (*entsql.NullScanner)(nil), (*entsql.UnknownType)(nil), (*struct{})(nil),
	}
}

// scanned is the outcome of a scan.
type scanned struct {
	err, panicked string
}

func outcome(scan func() error) (o scanned) {
	defer func() {
		if p := recover(); p != nil {
			o.panicked = fmt.Sprint(p)
		}
	}()
	if err := scan(); err != nil {
		o.err = err.Error()
	}
	return o
}

// compare scans src with database/sql into want and by replay into got.
func compare(t *testing.T, src, want, got any) {
	t.Helper()
	columns := []string{"first", `a "name"`}
	live := oneSet(columns, []driver.Value{int64(1), src}).query(t, context.Background())
	require.True(t, live.Next())
	wanted := outcome(func() error { return live.Scan(new(int64), want) })
	if wanted.panicked == "" {
		require.NoError(t, live.Close())
	}

	r := newReplay(codec.NewRows(columns, int64(1), src), nil)
	require.True(t, r.Next())
	gotten := outcome(func() error { return r.Scan(new(int64), got) })

	name := fmt.Sprintf("%T(%#v) into %T", src, src, want)
	require.Equal(t, wanted, gotten, name)
	if !same(reflect.ValueOf(want), reflect.ValueOf(got)) {
		t.Fatalf("%s:\ndatabase/sql: %#v\nreplay:       %#v", name, want, got)
	}
}

// same is reflect.DeepEqual, but NaN is the same as itself.
func same(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || !a.IsValid() || a.Type() != b.Type() {
		return a.IsValid() == b.IsValid() && !a.IsValid()
	}
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return math.Float64bits(a.Float()) == math.Float64bits(b.Float())
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !a.Type().Field(i).IsExported() {
				return reflect.DeepEqual(a.Interface(), b.Interface())
			}
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		return a.Len() == b.Len() && (a.Len() == 0 || same(a.MapIndex(a.MapKeys()[0]), b.MapIndex(a.MapKeys()[0])))
	default:
		return reflect.DeepEqual(a.Interface(), b.Interface())
	}
}

func TestAssignIsDatabaseSQL(t *testing.T) {
	pairs := 0
	for _, make := range []func() []any{destinations, nils} {
		for i := range make() {
			for _, src := range sources() {
				compare(t, src, make()[i], make()[i])
				pairs++
			}
		}
	}
	t.Logf("%d pairs", pairs)
}

func TestAssignErrorsWrap(t *testing.T) {
	r := newReplay(codec.NewRows([]string{"a"}, int64(1)), nil)
	require.True(t, r.Next())
	require.ErrorIs(t, r.Scan(new(failing)), errScan)
}

// Whatever a caller does with what it scanned, the cached bytes stay.
func TestAssignLendsNoBytes(t *testing.T) {
	for i := range destinations() {
		src := []byte("0123456789abcdef")
		rows := codec.NewRows([]string{"text", "bytes", "long"}, string(src), src, bytes.Repeat(src, 100))
		src[0] = '#' // the driver's own
		dest := []any{destinations()[i], destinations()[i], destinations()[i]}
		r := newReplay(rows, nil)
		require.True(t, r.Next())
		_ = r.Scan(dest...)
		for column := range dest {
			_ = assign(dest[column], rows, column)
			scribble(reflect.ValueOf(dest[column]), 0)
			require.Equal(t, "0123456789abcdef", rows.Text(column)[:16], "%s into %T", rows.Columns[column], dest[column])
		}
	}
}

// scribble overwrites every byte slice within reach.
func scribble(v reflect.Value, depth int) {
	if depth > 6 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			scribble(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := v.Bytes()
			for i := range b[:cap(b)] {
				b[:cap(b)][i] = '#'
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scribble(v.Field(i), depth+1)
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			scribble(v.MapIndex(k), depth+1)
		}
	}
}

func FuzzAssign(f *testing.F) {
	for i := range 8 {
		f.Add(uint8(i), uint16(i*7), int64(i), "12", 1.5)
	}
	f.Fuzz(func(t *testing.T, kind uint8, dest uint16, n int64, s string, x float64) {
		var src any
		switch kind % 9 {
		case 0:
			src = nil
		case 1:
			src = n
		case 2:
			src = uint64(n)
		case 3:
			src = x
		case 4:
			src = float32(x)
		case 5:
			src = n&1 == 0
		case 6:
			src = s
		case 7:
			src = []byte(s)
		case 8:
			src = time.Unix(n%(1<<36), n&0xfffffff).In(time.FixedZone("z", int(n%50000)))
		}
		i := int(dest) % len(destinations())
		if b, ok := src.([]byte); ok {
			before := bytes.Clone(b)
			defer func() { require.Equal(t, before, b) }()
		}
		compare(t, src, destinations()[i], destinations()[i])
	})
}
