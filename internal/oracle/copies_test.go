package oracle

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unsafe"
)

// compareCopies reports how a copy differs from what it was made of, or what
// memory both have in common that could be written to. Entities that were one
// must be one in the copy. It returns how many pointers it followed.
func compareCopies(a, b any) (int, error) {
	c := comparer{to: make(map[unsafe.Pointer]unsafe.Pointer), from: make(map[unsafe.Pointer]unsafe.Pointer)}
	c.compare(reflect.ValueOf(a), reflect.ValueOf(b))
	for p := range c.to {
		if _, ok := c.from[p]; ok && c.err == nil {
			c.err = fmt.Errorf("the copy points into the original")
		}
	}
	return len(c.to), c.err
}

// compareResults is compareCopies for two results that were made in different ways, each
// from rows of its own.
func compareResults(a, b any) (int, error) {
	c := comparer{to: make(map[unsafe.Pointer]unsafe.Pointer), from: make(map[unsafe.Pointer]unsafe.Pointer), grown: true}
	c.compare(reflect.ValueOf(a), reflect.ValueOf(b))
	return len(c.to), c.err
}

type comparer struct {
	// to are the pointers of the copy by those of the original, from the reverse.
	to, from map[unsafe.Pointer]unsafe.Pointer
	// grown says that slices may have room left.
	grown bool
	path  []string
	err   error
}

func (c *comparer) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(strings.Join(c.path, ".")+": "+format, args...)
	}
}

func (c *comparer) at(name string, a, b reflect.Value) {
	c.path = append(c.path, name)
	c.compare(a, b)
	c.path = c.path[:len(c.path)-1]
}

func (c *comparer) compare(a, b reflect.Value) {
	if c.err != nil {
		return
	}
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		c.fail("another type")
		return
	}
	if !a.IsValid() {
		return
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				c.fail("nil and not nil")
			}
			return
		}
	}
	switch a.Kind() {
	case reflect.Pointer:
		if c.met(a.UnsafePointer(), b.UnsafePointer()) {
			return
		}
		c.compare(a.Elem(), b.Elem())
	case reflect.Interface:
		c.compare(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			c.fail("%d and %d elements", a.Len(), b.Len())
			return
		}
		if a.Cap() > 0 && b.Cap() > 0 && a.UnsafePointer() == b.UnsafePointer() {
			c.fail("a slice is shared")
		}
		if b.Cap() > b.Len() && !c.grown {
			c.fail("an append would write to memory that may belong to another slice")
		}
		fallthrough
	case reflect.Array:
		for i := range a.Len() {
			c.at(fmt.Sprint(i), a.Index(i), b.Index(i))
		}
	case reflect.Map:
		if a.UnsafePointer() == b.UnsafePointer() {
			c.fail("a map is shared")
		}
		if a.Len() != b.Len() {
			c.fail("%d and %d keys", a.Len(), b.Len())
		}
		for it := a.MapRange(); it.Next(); {
			c.at(fmt.Sprint(it.Key()), it.Value(), b.MapIndex(it.Key()))
		}
	case reflect.Struct:
		c.structure(a, b)
	case reflect.Func:
		if a.Pointer() != b.Pointer() {
			c.fail("another function")
		}
	default:
		if !a.Equal(b) {
			c.fail("%v and %v", a, b)
		}
	}
}

func (c *comparer) structure(a, b reflect.Value) {
	if a.Type() == reflect.TypeFor[time.Time]() {
		// With the pointer to its zone, which nobody can write to.
		if !a.Equal(b) {
			c.fail("%v and %v", a, b)
		}
		return
	}
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if a.Type().Name() == "config" && (f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Interface) {
			// What belongs to the client is the client's.
			if f.Type.Kind() == reflect.Pointer && a.Field(i).UnsafePointer() != b.Field(i).UnsafePointer() ||
				f.Type.Kind() == reflect.Interface && !a.Field(i).Equal(b.Field(i)) {
				c.fail("%s of another client", f.Name)
			}
			continue
		}
		c.at(f.Name, a.Field(i), b.Field(i))
	}
}

// met reports whether a pointer was followed before, as it must have been in
// both or in none.
func (c *comparer) met(a, b unsafe.Pointer) bool {
	to, known := c.to[a]
	from, back := c.from[b]
	switch {
	case a == b:
		c.fail("a pointer is shared")
	case known != back || known && (to != b || from != a):
		c.fail("what was one in the original is two in the copy, or the reverse")
	}
	c.to[a], c.from[b] = b, a
	return known || c.err != nil
}
