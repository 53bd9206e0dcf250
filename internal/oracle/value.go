package oracle

import (
	"math/big"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/entcache/ent-cache/internal/oracle/domain"
	"github.com/entcache/ent-cache/internal/schemas/fields/types"
	"github.com/entcache/ent-cache/internal/schemas/ids/ident"
)

// ids is how many ids reads ask for; most rows get one of those. The padded ids
// after them are texts that equal the first ones in MySQL, and no others.
const (
	ids    = 14
	padded = 3
)

// The values of fields are few, so that reads and writes meet. Value noValue is
// a type's zero.
const (
	numValues = 5
	noValue   = 24
)

// MySQL compares texts as if blanks at their ends weren't there.
var texts = [numValues]string{"a", "b", "ab", "B", "b "}

// someTypes are values of types that their kind says too little about.
var someTypes = map[reflect.Type]func(n int) any{
	reflect.TypeFor[time.Time](): func(n int) any {
		return time.Date(2020, 1, 1+n%numValues, 12, 30, 0, 0, time.UTC)
	},
	reflect.TypeFor[types.Color]():    func(n int) any { return types.Color{R: uint8(n)} },
	reflect.TypeFor[*types.Link]():    func(n int) any { return &types.Link{URL: &url.URL{Scheme: "https", Host: texts[n%2] + ".example"}} },
	reflect.TypeFor[*url.URL]():       func(n int) any { return &url.URL{Scheme: "https", Host: texts[n%2] + ".example"} },
	reflect.TypeFor[types.Decimal]():  func(n int) any { return types.Decimal{Rat: *big.NewRat(int64(n%numValues), 4)} },
	reflect.TypeFor[[]string]():       func(n int) any { return []string{"x", texts[n%numValues]} },
	reflect.TypeFor[map[string]any](): func(n int) any { return map[string]any{"k": texts[n%numValues], "n": n % numValues} },
	reflect.TypeFor[uuid.UUID]():      func(n int) any { return uuid.UUID{6: 0x40, 8: 0x80, 15: byte(n)} },
	reflect.TypeFor[ident.Doc]():      func(n int) any { return ident.Doc("doc_" + number(n)) },
	reflect.TypeFor[ident.Token]():    func(n int) any { return ident.Token{0: 'x', 15: byte(n)} },
	reflect.TypeFor[[]byte]():         func(n int) any { return []byte(texts[n%numValues]) },
}

// valueOf returns value n of a Go type, and false for types it knows none of.
func valueOf(t reflect.Type, n int) (reflect.Value, bool) {
	if f, ok := someTypes[t]; ok {
		return reflect.ValueOf(f(n)), true
	}
	v := reflect.New(t).Elem()
	zero := n == noValue
	switch k := t.Kind(); {
	case zero && k != reflect.Pointer && k <= reflect.Float64 || zero && k == reflect.String:
	case k == reflect.String:
		v.SetString(texts[n%numValues])
	case k == reflect.Bool:
		v.SetBool(n%2 == 1)
	case k >= reflect.Int && k <= reflect.Int64:
		v.SetInt(int64(n%numValues) + 1)
	case k >= reflect.Uint && k <= reflect.Uint64:
		v.SetUint(uint64(n%numValues) + 1)
	case k == reflect.Float32 || k == reflect.Float64:
		v.SetFloat(float64(n%numValues) / 2)
	case k == reflect.Pointer:
		e, ok := valueOf(t.Elem(), n)
		if !ok {
			return v, false
		}
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(e)
	default:
		return v, false
	}
	return v, true
}

// idOf returns id n of a type of ids, counted from 1.
func idOf(t reflect.Type, n int) reflect.Value {
	if f, ok := someTypes[t]; ok {
		return reflect.ValueOf(f(n))
	}
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.String:
		v.SetString("k" + number(n))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(n))
	default:
		panic("no ids of type " + t.String())
	}
	return v
}

// number is id n as part of a text.
func number(n int) string {
	if n > ids {
		return strconv.Itoa(n-ids) + " "
	}
	return strconv.Itoa(n)
}

// fieldValue chooses a value for a field, of the Go type t.
func (m *model) fieldValue(c *choices, f *domain.Field, ofID bool, t reflect.Type) reflect.Value {
	switch {
	case t.Kind() == reflect.Pointer && someTypes[t] == nil:
		v := reflect.New(t.Elem())
		v.Elem().Set(m.fieldValue(c, f, ofID, t.Elem()))
		return v
	case f != nil && (ofID || f.References != "" && m.byName[f.References].id == t):
		return idOf(t, c.id())
	case f != nil && len(f.Values) > 0:
		return reflect.ValueOf(f.Values[c.n(len(f.Values))]).Convert(t)
	case f != nil && f.Unique && t.Kind() == reflect.String && someTypes[t] == nil:
		// Enough that most inserts find one that is free.
		return idOf(t, 1+c.n(ids))
	}
	v, ok := valueOf(t, c.n(noValue+1))
	if !ok {
		panic("no values of type " + t.String())
	}
	return v
}
