package cache

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"unsafe"
)

// unchanged reports whether a value is still what was stored. One that a reader
// has written to is dropped, and the field is named.
func (c *Cache) unchanged(ctx context.Context, sc *scope, key Key, v *typed) bool {
	w := v.witness.Load()
	if w == nil {
		return true
	}
	d := difference{met: make(map[unsafe.Pointer]bool)}
	if !d.find(reflect.ValueOf(v.result), reflect.ValueOf(*w), "") {
		return true
	}
	c.near.Delete(key)
	if d.entity == "" {
		d.entity = sc.typ.Name
	}
	c.log.LogAttrs(ctx, slog.LevelError, "entcache: a shared result was written to, and is dropped",
		slog.String("type", d.entity), slog.Any("id", d.id), slog.String("field", d.field),
		slog.String("remedy", "copy what you change, or read without entcache.Shared and Mixin.Shared"))
	return false
}

// difference is the first one between two values.
type difference struct {
	// entity and id are those of the entity it is in, and field is the way to it.
	entity string
	id     any
	field  string
	met    map[unsafe.Pointer]bool
}

// find looks for a difference between values of one type at a path. Where
// generated code keeps the client isn't part of an entity.
func (d *difference) find(a, b reflect.Value, path string) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return d.at(path)
	}
	switch a.Kind() {
	case reflect.Invalid, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return false
	case reflect.Interface:
		return d.find(a.Elem(), b.Elem(), path)
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() != b.IsNil() && d.at(path)
		}
		if a.UnsafePointer() == b.UnsafePointer() || d.met[a.UnsafePointer()] {
			return false
		}
		d.met[a.UnsafePointer()] = true
		return d.find(a.Elem(), b.Elem(), path)
	case reflect.Struct:
		return d.fields(a, b, path)
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() || a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() {
			return d.at(path)
		}
		for i := range a.Len() {
			if d.find(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)) {
				return true
			}
		}
		return false
	case reflect.Map:
		if a.Len() != b.Len() {
			return d.at(path)
		}
		for it := a.MapRange(); it.Next(); {
			if d.find(it.Value(), b.MapIndex(it.Key()), path+"[…]") {
				return true
			}
		}
		return false
	}
	return !a.Equal(b) && d.at(path)
}

func (d *difference) fields(a, b reflect.Value, path string) bool {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if f.Name == "config" {
			continue
		}
		if !d.find(a.Field(i), b.Field(i), path+"."+f.Name) {
			continue
		}
		// The innermost entity names itself first.
		if id := b.FieldByName("ID"); d.entity == "" && id.IsValid() && id.CanInterface() {
			d.entity, d.id = a.Type().Name(), id.Interface()
		}
		return true
	}
	return false
}

// at notes where the difference is.
func (d *difference) at(path string) bool {
	d.field = path
	return true
}
