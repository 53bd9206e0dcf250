package cache

import (
	"fmt"
	"math/big"
	"net/netip"
	"reflect"
	"sync"
	"time"
	"unsafe"

	"entgo.io/ent"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Deepness is a Deep of any type.
type Deepness interface {
	refused() string
}

// Deep copies values of a Go type that hold memory a caller could write to. What
// is to be done is worked out once. All methods are safe for concurrent use.
type Deep[T any] struct {
	name string
	once sync.Once
	plan *plan
}

// DeepOf returns the Deep of a type. Its argument only says the type; name says
// where it is used.
func DeepOf[T any](name string, _ T) *Deep[T] { return &Deep[T]{name: name} }

func (d *Deep[T]) look() *plan {
	d.once.Do(func() { d.plan = planOf(reflect.TypeFor[T]()) })
	return d.plan
}

func (d *Deep[T]) refused() string {
	if why := d.look().refused; why != "" {
		return fmt.Sprintf("%s can't be copied for sure: %s", d.name, why)
	}
	return ""
}

// Copy replaces what *v holds by a copy of it. It is false if *v holds what
// can't be copied.
func (d *Deep[T]) Copy(v *T) bool {
	p := d.look()
	switch {
	case p.refused != "":
		return false
	case p.plain, mutant.On(mutant.CopySharesFields):
		return true
	}
	switch v := any(v).(type) {
	case *[]byte:
		*v = CopySlice(*v)
	case *[]string:
		*v = CopySlice(*v)
	case *[]int:
		*v = CopySlice(*v)
	default:
		return p.clone(reflect.ValueOf(v).Elem(), new(walk))
	}
	return true
}

// CloneAs returns a copy of v if it is a T.
func CloneAs[T any](d *Deep[T], v ent.Value) (ent.Value, bool) {
	t, ok := v.(T)
	if !ok || !d.Copy(&t) {
		return nil, false
	}
	return t, true
}

// Size estimates the memory of what v holds beyond itself, in bytes.
func (d *Deep[T]) Size(v T) int {
	if d.look().flat {
		return 0
	}
	return sizeOf(reflect.ValueOf(&v).Elem(), 0)
}

// plan is how values of a type are copied.
type plan struct {
	// refused says why they can't be.
	refused string
	// plain values are copied by assignment: what they point to can't be
	// written to. flat ones don't point to anything.
	plain, flat bool
	// clone replaces what v holds by a copy of it, where v is a copy made by
	// assignment. It is false if v holds what can't be copied.
	clone func(v reflect.Value, w *walk) bool
}

// walk is how far a value is followed: one with a cycle has no end.
type walk struct {
	depth, steps int
}

const (
	maxDepth = 500
	maxSteps = 1 << 20
)

var selectValues = DeepOf("selected values", entsql.SelectValues(nil))

// CopySelected replaces what a query selected beside the fields by a copy of it.
func CopySelected(v *entsql.SelectValues) bool { return selectValues.Copy(v) }

var plans sync.Map // reflect.Type → *plan

// immutableTypes are types whose unexported memory no method of theirs writes to.
var immutableTypes = map[reflect.Type]bool{
	reflect.TypeFor[time.Time]():      true,
	reflect.TypeFor[netip.Addr]():     true,
	reflect.TypeFor[netip.AddrPort](): true,
	reflect.TypeFor[netip.Prefix]():   true,
}

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := (&planner{open: make(map[reflect.Type]bool)}).plan(t)
	known, _ := plans.LoadOrStore(t, p)
	return known.(*plan)
}

// planner makes a plan; open are the types whose plans are being made.
type planner struct {
	open map[reflect.Type]bool
}

func (pl *planner) plan(t reflect.Type) *plan {
	if immutableTypes[t] {
		return &plan{plain: true}
	}
	if fn := cloneNumber(t); fn != nil {
		return &plan{clone: fn}
	}
	if pl.open[t] {
		// A type that holds itself: what is to be done is known by the time it
		// is done. A refusal shows where the type is met first.
		return &plan{clone: func(v reflect.Value, w *walk) bool {
			p := planOf(t)
			return p.refused == "" && (p.plain || p.clone(v, w))
		}}
	}
	pl.open[t] = true
	defer delete(pl.open, t)
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return &plan{plain: true, flat: true}
	case reflect.String:
		return &plan{plain: true}
	case reflect.Pointer:
		return pl.pointer(t)
	case reflect.Slice:
		return pl.slice(t)
	case reflect.Array:
		return pl.array(t)
	case reflect.Map:
		return pl.mapping(t)
	case reflect.Struct:
		return pl.structure(t)
	case reflect.Interface:
		return &plan{clone: cloneInterface}
	default:
		return &plan{refused: t.String() + " is a " + t.Kind().String()}
	}
}

// cloneNumber returns how the numbers of math/big are copied, or nil.
func cloneNumber(t reflect.Type) func(reflect.Value, *walk) bool {
	var set func(any) any
	switch t {
	case reflect.TypeFor[big.Int]():
		set = func(n any) any { return new(big.Int).Set(n.(*big.Int)) }
	case reflect.TypeFor[big.Rat]():
		set = func(n any) any { return new(big.Rat).Set(n.(*big.Rat)) }
	case reflect.TypeFor[big.Float]():
		set = func(n any) any { return new(big.Float).Copy(n.(*big.Float)) }
	default:
		return nil
	}
	return func(v reflect.Value, _ *walk) bool {
		// Set fills in a denominator.
		if !v.IsZero() {
			v.Set(reflect.ValueOf(set(v.Addr().Interface())).Elem())
		}
		return true
	}
}

func (pl *planner) pointer(t reflect.Type) *plan {
	elem := pl.plan(t.Elem())
	if elem.refused != "" {
		return elem
	}
	return &plan{clone: func(v reflect.Value, w *walk) bool {
		if v.IsNil() {
			return true
		}
		c := reflect.New(t.Elem())
		c.Elem().Set(v.Elem())
		v.Set(c.Convert(t))
		return elem.inner(c.Elem(), w)
	}}
}

func (pl *planner) slice(t reflect.Type) *plan {
	elem := pl.plan(t.Elem())
	if elem.refused != "" {
		return elem
	}
	return &plan{clone: func(v reflect.Value, w *walk) bool {
		if v.IsNil() {
			return true
		}
		c := reflect.MakeSlice(t, v.Len(), v.Len())
		reflect.Copy(c, v)
		v.Set(c)
		return elem.plain || elem.elements(c, w)
	}}
}

func (pl *planner) array(t reflect.Type) *plan {
	elem := pl.plan(t.Elem())
	if elem.refused != "" || elem.plain {
		return elem
	}
	return &plan{clone: elem.elements}
}

func (pl *planner) mapping(t reflect.Type) *plan {
	key, elem := pl.plan(t.Key()), pl.plan(t.Elem())
	switch {
	case key.refused != "":
		return key
	case elem.refused != "":
		return elem
	case !key.plain:
		return &plan{refused: t.String() + " has keys that would have to be copied"}
	}
	return &plan{clone: func(v reflect.Value, w *walk) bool {
		if v.IsNil() {
			return true
		}
		c := reflect.MakeMapWithSize(t, v.Len())
		for it := v.MapRange(); it.Next(); {
			if elem.plain {
				c.SetMapIndex(it.Key(), it.Value())
				continue
			}
			e := reflect.New(t.Elem()).Elem()
			e.Set(it.Value())
			if !elem.inner(e, w) {
				return false
			}
			c.SetMapIndex(it.Key(), e)
		}
		v.Set(c)
		return true
	}}
}

func (pl *planner) structure(t reflect.Type) *plan {
	if pkg := t.PkgPath(); pkg == "sync" || pkg == "sync/atomic" {
		return &plan{refused: t.String() + " must not be copied"}
	}
	type part struct {
		index int
		plan  *plan
	}
	var parts []part
	flat := true
	for i := range t.NumField() {
		f := t.Field(i)
		p := pl.plan(f.Type)
		flat = flat && p.flat
		switch {
		case p.refused != "":
			return p
		case p.plain:
		case !f.IsExported():
			return &plan{refused: fmt.Sprintf("%s has the unexported field %s", t, f.Name)}
		default:
			parts = append(parts, part{i, p})
		}
	}
	if len(parts) == 0 {
		return &plan{plain: true, flat: flat}
	}
	return &plan{clone: func(v reflect.Value, w *walk) bool {
		for _, p := range parts {
			if !p.plan.inner(v.Field(p.index), w) {
				return false
			}
		}
		return true
	}}
}

// inner copies what v holds, one step further down.
func (p *plan) inner(v reflect.Value, w *walk) bool {
	if p.plain {
		return true
	}
	w.depth++
	w.steps++
	ok := w.depth <= maxDepth && w.steps <= maxSteps && p.clone(v, w)
	w.depth--
	return ok
}

// elements copies the elements of a slice or an array.
func (p *plan) elements(v reflect.Value, w *walk) bool {
	for i := range v.Len() {
		if !p.inner(v.Index(i), w) {
			return false
		}
	}
	return true
}

// cloneInterface copies what an interface holds, by its own type.
func cloneInterface(v reflect.Value, w *walk) bool {
	if v.IsNil() {
		return true
	}
	p := planOf(v.Elem().Type())
	switch {
	case p.refused != "":
		return false
	case p.plain:
		return true
	}
	c := reflect.New(v.Elem().Type()).Elem()
	c.Set(v.Elem())
	if !p.inner(c, w) {
		return false
	}
	v.Set(c)
	return true
}

// sizeOf estimates the memory of what v holds beyond itself.
func sizeOf(v reflect.Value, depth int) (n int) {
	if depth > maxDepth {
		return 0
	}
	switch v.Kind() {
	case reflect.String:
		return alloc(v.Len())
	case reflect.Pointer:
		if !v.IsNil() {
			return alloc(int(v.Type().Elem().Size())) + sizeOf(v.Elem(), depth+1)
		}
	case reflect.Interface:
		if !v.IsNil() {
			return alloc(int(v.Elem().Type().Size())) + sizeOf(v.Elem(), depth+1)
		}
	case reflect.Slice:
		n = alloc(v.Len() * int(v.Type().Elem().Size()))
		fallthrough
	case reflect.Array:
		if !planOf(v.Type().Elem()).flat {
			for i := range v.Len() {
				n += sizeOf(v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if v.IsNil() {
			return 0
		}
		n = mapSize(v.Len(), int(v.Type().Key().Size()+v.Type().Elem().Size()))
		for it := v.MapRange(); it.Next(); {
			n += sizeOf(it.Key(), depth+1) + sizeOf(it.Value(), depth+1)
		}
	case reflect.Struct:
		if !immutableTypes[v.Type()] {
			for i := range v.NumField() {
				n += sizeOf(v.Field(i), depth+1)
			}
		}
	}
	return n
}

// alloc rounds up a size roughly as the allocator does.
func alloc(n int) int {
	switch {
	case n == 0:
		return 0
	case n <= 32:
		return (n + 7) &^ 7
	case n <= 256:
		return (n + 15) &^ 15
	default:
		return n + n/16
	}
}

// mapSize estimates the memory of a map without what its elements hold.
func mapSize(n, element int) int {
	if n <= 8 {
		return 48 + 8*(element+1) + 8
	}
	return 48 + n*(element+1)*3/2
}

// StringSize estimates the memory of a string beyond its header.
func StringSize[S ~string](s S) int { return alloc(len(s)) }

// PointerSize estimates the memory of what p points to, without what that holds.
func PointerSize[T any](p *T) int {
	if p == nil {
		return 0
	}
	return alloc(int(unsafe.Sizeof(*p)))
}

// ListSize estimates the memory of a list of T, without what its elements hold.
func ListSize[T any](_ T, list ent.Value) int {
	l, _ := list.([]T)
	var t T
	return alloc(len(l) * int(unsafe.Sizeof(t)))
}

// NamedSize is the memory of an edge under a name, without its entities.
const NamedSize = 96
