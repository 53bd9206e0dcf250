package oracle

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unsafe"
)

// equal reports whether two answers are the same. Rows come in the same order
// most often, so that is tried first.
func equal(a, b *answer) bool {
	if a.render(false) == b.render(false) {
		return true
	}
	return a.render(true) == b.render(true)
}

// render writes an answer so that whatever a program could tell apart looks
// different: fields that aren't exported too. Loose lists that aren't ordered
// are sorted if sorted is set.
func (a *answer) render(sorted bool) string {
	r := renderer{sorted: sorted}
	for _, v := range a.values {
		r.value(reflect.ValueOf(v), a.level)
		r.b = append(r.b, '\n')
	}
	if a.err != nil {
		r.b = append(r.b, "error: "...)
		r.b = append(r.b, a.err.Error()...)
	}
	return string(r.b)
}

type renderer struct {
	b      []byte
	sorted bool
	path   []unsafe.Pointer // the entities around, for edges in both directions
}

func (r *renderer) str(s string) { r.b = append(r.b, s...) }

func (r *renderer) value(v reflect.Value, lv *level) {
	switch v.Kind() {
	case reflect.Invalid:
		r.str("nil")
	case reflect.Interface:
		if v.IsNil() {
			r.str("nil")
			return
		}
		r.str(v.Elem().Type().String() + "(")
		r.value(v.Elem(), lv)
		r.str(")")
	case reflect.Pointer:
		r.pointer(v, lv)
	case reflect.Struct:
		r.structure(v, lv)
	case reflect.Slice, reflect.Array:
		r.list(v, lv)
	case reflect.Map:
		r.mapping(v)
	case reflect.String:
		r.b = strconv.AppendQuote(r.b, v.String())
	case reflect.Bool:
		r.b = strconv.AppendBool(r.b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		r.b = strconv.AppendInt(r.b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		r.b = strconv.AppendUint(r.b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		r.b = strconv.AppendUint(append(r.b, 'f'), math.Float64bits(v.Float()), 16)
	case reflect.Func:
		r.str("func")
	default:
		panic("can't render a " + v.Type().String())
	}
}

func (r *renderer) pointer(v reflect.Value, lv *level) {
	if v.IsNil() {
		r.str("nil")
		return
	}
	p := v.UnsafePointer()
	for i, q := range slices.Backward(r.path) {
		if p == q {
			r.str("^" + strconv.Itoa(len(r.path)-i))
			return
		}
	}
	r.path = append(r.path, p)
	r.str("&")
	r.value(v.Elem(), lv)
	r.path = r.path[:len(r.path)-1]
}

var timeType = reflect.TypeFor[time.Time]()

func (r *renderer) structure(v reflect.Value, lv *level) {
	t := v.Type()
	if t == timeType && v.CanInterface() {
		x := v.Interface().(time.Time)
		r.str(x.Format("2006-01-02T15:04:05.999999999 -0700 MST ") + x.Location().String())
		return
	}
	r.str("{")
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "config" {
			continue
		}
		x := v.Field(i)
		if !x.CanInterface() && x.CanAddr() {
			x = reflect.NewAt(f.Type, x.Addr().UnsafePointer()).Elem()
		}
		r.str(f.Name + ":")
		if f.Name == "Edges" && x.Kind() == reflect.Struct {
			r.edges(x, lv)
		} else {
			r.value(x, nil)
		}
		r.str(" ")
	}
	r.str("}")
}

// edges renders what was loaded eagerly.
func (r *renderer) edges(v reflect.Value, lv *level) {
	r.str("{")
	for i := range v.NumField() {
		f := v.Type().Field(i)
		x := v.Field(i)
		if !x.CanInterface() && x.CanAddr() {
			x = reflect.NewAt(f.Type, x.Addr().UnsafePointer()).Elem()
		}
		if x.IsZero() {
			continue
		}
		var below *level
		if lv != nil {
			below = lv.edges[f.Name]
		}
		r.str(f.Name + ":")
		if x.Kind() == reflect.Map { // the named loads
			for _, key := range x.MapKeys() {
				if lv != nil {
					below = lv.edges[key.String()]
				}
				r.str(key.String() + "=")
				r.value(x.MapIndex(key), below)
			}
		} else {
			r.value(x, below)
		}
		r.str(" ")
	}
	r.str("}")
}

func (r *renderer) list(v reflect.Value, lv *level) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		r.str("nil")
		return
	}
	if e := v.Type().Elem(); e.Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
		r.b = fmt.Appendf(r.b, "0x%x", v.Bytes())
		return
	}
	r.str("[")
	start := len(r.b)
	var ends []int
	for i := range v.Len() {
		r.value(v.Index(i), lv)
		r.str("\n")
		ends = append(ends, len(r.b))
	}
	if r.sorted && (lv == nil || !lv.ordered) {
		sortParts(r.b, start, ends)
	}
	r.str("]")
}

// sortParts sorts the parts of b that end at ends.
func sortParts(b []byte, start int, ends []int) {
	all := slices.Clone(b[start:])
	var parts [][]byte
	at := 0
	for _, end := range ends {
		parts = append(parts, all[at:end-start])
		at = end - start
	}
	slices.SortFunc(parts, bytes.Compare)
	copy(b[start:], bytes.Join(parts, nil))
}

func (r *renderer) mapping(v reflect.Value) {
	if v.IsNil() {
		r.str("nil")
		return
	}
	var parts []string
	for it := v.MapRange(); it.Next(); {
		var one renderer
		one.value(it.Key(), nil)
		one.str("=")
		one.value(it.Value(), nil)
		parts = append(parts, string(one.b))
	}
	slices.Sort(parts)
	r.str("map[" + fmt.Sprint(parts) + "]")
}

// scribbleValue overwrites everything that a program can reach in what a read
// returned, as its owner may: fields, edges, the elements of lists and maps.
func scribbleValue(v any) { scribble(reflect.ValueOf(v), make(map[unsafe.Pointer]bool)) }

// scribble overwrites what v holds, and v itself where it can be set. Entities
// that were met are done: edges may lead back.
func scribble(v reflect.Value, met map[unsafe.Pointer]bool) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			scribble(v.Elem(), met)
		}
	case reflect.Pointer:
		if p := v.UnsafePointer(); p != nil && !met[p] {
			met[p] = true
			scribble(v.Elem(), met)
		}
	case reflect.Struct:
		if v.Type() != timeType {
			for i := range v.NumField() {
				if v.Type().Field(i).Name != "config" {
					scribble(v.Field(i), met)
				}
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			for i := range v.Bytes() {
				v.Bytes()[i] ^= 0xff
			}
			return
		}
		for i := range v.Len() {
			scribble(v.Index(i), met)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			scribble(v.MapIndex(k), met)
			if v.CanInterface() {
				v.SetMapIndex(k, reflect.Value{})
			}
		}
	}
	if v.CanSet() {
		v.Set(scribbled(v))
	}
}

// scribbled is another value than v.
func scribbled(v reflect.Value) reflect.Value {
	other := reflect.New(v.Type()).Elem()
	if !v.IsZero() {
		return other
	}
	switch v.Kind() {
	case reflect.String:
		other.SetString("scribbled")
	case reflect.Bool:
		other.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		other.SetInt(77)
	case reflect.Float32, reflect.Float64:
		other.SetFloat(7.7)
	}
	return other
}
