package cache

import (
	"reflect"
	"slices"
	"sync"
	"unsafe"

	"entgo.io/ent"
	entsql "entgo.io/ent/dialect/sql"
)

// Values says of an Ent type whether results of its queries can be kept as typed
// values, and why not.
type Values struct {
	table *entsql.SelectTable // to be copied
	// static is a reason that was known when the code was generated.
	static string
	fields []Deepness
	// The names of the fields that Ent gives to entities, edges and builders.
	layouts []Layout

	once   sync.Once
	reason string
	// extra are the fields of an entity, its edges and its builder that come
	// from other templates than Ent's; plain says that the first two have none.
	extra [3][]int
	plain bool
}

// Layout is a struct with the names of the fields that generated code knows.
type Layout struct {
	Type  reflect.Type
	Names []string
}

// LayoutOf returns the layout of T.
func LayoutOf[T any](names ...string) Layout {
	return Layout{Type: reflect.TypeFor[T](), Names: names}
}

// NewValues returns what there is to say of a type; reason is empty unless it
// can't be kept. Nothing is looked at before it is needed.
func NewValues(t *Type, reason string, entity, edges, builder Layout, fields ...Deepness) *Values {
	return &Values{
		table: entsql.Table(t.Table.Name), static: reason,
		fields: fields, layouts: []Layout{entity, edges, builder},
	}
}

// Reason says why results of the type can't be kept as typed values, or nothing.
func (v *Values) Reason() string {
	v.once.Do(v.look)
	return v.reason
}

func (v *Values) look() {
	v.reason = v.static
	for _, f := range v.fields {
		if why := f.refused(); why != "" && v.reason == "" {
			v.reason = why
		}
	}
	for i, l := range v.layouts {
		if l.Type == nil {
			continue
		}
		for j := range l.Type.NumField() {
			if !slices.Contains(l.Names, l.Type.Field(j).Name) {
				v.extra[i] = append(v.extra[i], j)
			}
		}
	}
	v.plain = len(v.extra[0])+len(v.extra[1]) == 0
}

// keep reports whether the result of a builder of the type can be kept.
func (v *Values) keep(f *Fingerprint, builder any) bool {
	if why := v.Reason(); why != "" {
		return f.Refuse(why)
	}
	if !zero(builder, v.extra[2]) {
		return f.Refuse("a template other than Ent's has set something on the builder")
	}
	return true
}

// Known reports whether an entity and its edges hold nothing but what Ent puts
// there; edges may be nil.
func (v *Values) Known(entity, edges any) bool {
	return v.plain || v.zero(entity, edges)
}

func (v *Values) zero(entity, edges any) bool {
	return zero(entity, v.extra[0]) && zero(edges, v.extra[1])
}

// Identical reports whether two values have the same bytes. They may be equal if not.
// It is for values that are copied by assignment, where looking is cheaper: while
// garbage is collected, each pointer that is written costs as much as all the rest.
func Identical[T any](a, b *T) bool {
	size := unsafe.Sizeof(*a)
	return unsafe.String((*byte)(unsafe.Pointer(a)), size) == unsafe.String((*byte)(unsafe.Pointer(b)), size)
}

// zero reports whether those fields of what p points to are zero.
func zero(p any, fields []int) bool {
	for _, i := range fields {
		if !reflect.ValueOf(p).Elem().Field(i).IsZero() {
			return false
		}
	}
	return true
}

// chunkBytes bounds the memory that copies share. Copies are allocated together,
// which costs a fraction of allocating them one by one, but somebody who keeps
// one of them keeps those beside it alive too. It is a size that Go's allocator has,
// without the header: 7 of these fill a span of pages without waste, where 4096 bytes
// and a little less take a new span for every second chunk.
const chunkBytes = 6912 - 8

// chunkPointers is the same for lists of the entities of an edge.
const chunkPointers = 64

// Slab allocates values of a type, several at a time.
type Slab[T any] struct {
	free []T
	left int // how many more are expected
}

// SlabOf returns a slab for about n values. The first argument only says the type.
func SlabOf[T any](_ *T, n int) Slab[T] { return Slab[T]{left: n} }

// one is a list of one value, and the value: together they are one allocation.
type one[T any] struct {
	list  [1]*T
	value [1]T
}

// CopyNodes returns a copy of a list of entities, which are still the same, and a slab
// for copies of them.
func CopyNodes[T any](list []*T) ([]*T, Slab[T]) {
	if len(list) != 1 {
		return CopySlice(list), Slab[T]{left: len(list)}
	}
	o := &one[T]{list: [1]*T{list[0]}}
	return o.list[:], Slab[T]{free: o.value[:], left: 1}
}

// NewNodes returns an empty list for n entities, and a slab for them.
func NewNodes[T any](n int) ([]*T, Slab[T]) {
	if n != 1 {
		return make([]*T, 0, n), Slab[T]{left: n}
	}
	o := new(one[T])
	return o.list[:0], Slab[T]{free: o.value[:], left: 1}
}

// Take returns a pointer to a zero value.
func (s *Slab[T]) Take() *T {
	if len(s.free) == 0 {
		s.free = make([]T, chunk[T](s.left))
	}
	p := &s.free[0]
	s.free = s.free[1:]
	s.left--
	return p
}

// Copy returns a pointer to a copy of what p points to, or nil for nil.
func (s *Slab[T]) Copy(p *T) *T {
	if p == nil {
		s.left--
		return nil
	}
	c := s.Take()
	*c = *p
	return c
}

// chunk returns how many values are allocated at once if left are needed.
func chunk[T any](left int) int {
	var t T
	fit := chunkBytes / max(1, int(unsafe.Sizeof(t)))
	return max(1, min(left, fit))
}

// CopySlice returns a copy of a slice of values that are copied by assignment.
func CopySlice[T any](s []T) []T {
	if len(s) == 0 {
		// Neither can be written to, and nil stays nil.
		return s[:0:0]
	}
	c := make([]T, len(s))
	copy(c, s)
	return c
}

// ListOf returns a nil slice of the type of its argument.
func ListOf[T any](T) []T { return nil }

// CloneList returns a copy of v if it is a list of T.
func CloneList[T any](_ T, v ent.Value) (ent.Value, bool) {
	list, ok := v.([]T)
	if !ok {
		return nil, false
	}
	return CopySlice(list), true
}

// CloneEdge replaces what the nodes have of an edge to many by copies. They must
// be copies themselves; clone replaces the entities in a slice by copies.
func CloneEdge[N, E any](nodes []*N, edge func(*N) *[]*E, clone func([]*E, bool) bool, shared bool) bool {
	left := 0
	for _, n := range nodes {
		left += len(*edge(n))
	}
	// A node that somebody keeps must not keep the children of all others, so the
	// lists of some nodes each share memory; their entities are copied together.
	var lists []*E
	for _, n := range nodes {
		list := edge(n)
		size := len(*list)
		if size == 0 {
			*list = CopySlice(*list)
			continue
		}
		if cap(lists)-len(lists) < size {
			if !cloneAll(lists, clone, shared) {
				return false
			}
			lists = make([]*E, 0, max(size, min(left, chunkPointers)))
		}
		at := len(lists)
		lists = append(lists, *list...)
		*list = lists[at : at+size : at+size]
		left -= size
	}
	return cloneAll(lists, clone, shared)
}

func cloneAll[E any](list []*E, clone func([]*E, bool) bool, shared bool) bool {
	return len(list) == 0 || clone(list, shared)
}

// CloneUnique is CloneEdge for an edge to one.
func CloneUnique[N, E any](nodes []*N, edge func(*N) **E, clone func([]*E, bool) bool, shared bool) bool {
	total := 0
	for _, n := range nodes {
		if *edge(n) != nil {
			total++
		}
	}
	if total == 0 {
		return true
	}
	all := make([]*E, 0, total)
	for _, n := range nodes {
		if e := *edge(n); e != nil {
			all = append(all, e)
		}
	}
	if !clone(all, shared) {
		return false
	}
	for _, n := range nodes {
		if e := edge(n); *e != nil {
			*e, all = all[0], all[1:]
		}
	}
	return true
}

// CloneNamed is CloneEdge for an edge that was loaded under names.
func CloneNamed[N, E any](nodes []*N, edge func(*N) *map[string][]*E, clone func([]*E, bool) bool, shared bool) bool {
	for _, n := range nodes {
		named := edge(n)
		if *named == nil {
			continue
		}
		copied := make(map[string][]*E, len(*named))
		for name, list := range *named {
			list = CopySlice(list)
			if len(list) > 0 && !clone(list, shared) {
				return false
			}
			copied[name] = list
		}
		*named = copied
	}
	return true
}
