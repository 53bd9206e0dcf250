package cache

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"sync"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"
)

type (
	tagList     []string
	nestedValue struct {
		Name  string
		Tags  []string
		Next  *nestedValue
		ByKey map[string][]int
		any   int
	}
	secretive struct{ list []int }
	locked    struct{ mu sync.Mutex }
	embedding struct{ big.Rat }
	hidden    struct{ n *big.Int }
	keyed     map[*int]string
	loop      struct{ Loop, Back *loop }
)

func TestDeepCopies(t *testing.T) {
	link, err := url.Parse("https://me:pw@example.com/a?b=c")
	require.NoError(t, err)
	var decoded any
	require.NoError(t, json.Unmarshal([]byte(`{"a": [1, "x", {"b": null}], "c": true}`), &decoded))
	number := embedding{}
	number.SetFrac64(7, 3)
	for name, v := range map[string]any{
		"bytes": []byte("abc"), "no bytes": []byte{}, "nil bytes": []byte(nil), "raw": json.RawMessage("{}"),
		"strings": []string{"a"}, "named": tagList{"a", "b"}, "ints": []int{1}, "times": []time.Time{time.Now()},
		"pointer": new(int), "nil pointer": (*int)(nil), "pointers": []*string{new(string), nil},
		"map": map[string]any{"a": 1}, "nil map": map[string]string(nil), "decoded": decoded,
		"struct": nestedValue{Name: "a", Tags: []string{"b"}, Next: &nestedValue{ByKey: map[string][]int{"c": {1}}}, any: 3},
		"array":  [2][]int{{1}, {2}}, "url": link, "values": url.Values{"a": {"b"}}, "integer": big.NewInt(5), "rational": number,
		"zero rational": embedding{}, "float": big.NewFloat(1.5), "address": netip.MustParseAddr("::1"),
		"selected": entsql.SelectValues{"n": &entsql.NullInt64{Int64: 3, Valid: true}, "b": []byte("x"), "nil": nil},
		"null":     &entsql.NullString{String: "a", Valid: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := reflect.New(reflect.TypeOf(v)).Elem()
			c.Set(reflect.ValueOf(v))
			p := planOf(c.Type())
			require.Empty(t, p.refused)
			require.True(t, p.inner(c, new(walk)))
			require.Equal(t, v, c.Interface())
			shared := make(map[uintptr]bool)
			writable(reflect.ValueOf(v), func(p uintptr) { shared[p] = true })
			writable(c, func(p uintptr) { require.False(t, shared[p], "memory is shared") })
		})
	}
}

// writable reports the memory that a value holds and that could be written to.
func writable(v reflect.Value, found func(uintptr)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			found(v.Pointer())
			writable(v.Elem(), found)
		}
	case reflect.Interface:
		if !v.IsNil() {
			writable(v.Elem(), found)
		}
	case reflect.Slice:
		if v.Cap() == 0 {
			return
		}
		found(v.Pointer())
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			writable(v.Index(i), found)
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		found(v.Pointer())
		for it := v.MapRange(); it.Next(); {
			writable(it.Key(), found)
			writable(it.Value(), found)
		}
	case reflect.Struct:
		if !immutableTypes[v.Type()] {
			for i := range v.NumField() {
				writable(v.Field(i), found)
			}
		}
	}
}

func TestDeepRefuses(t *testing.T) {
	for name, v := range map[string]any{
		"function": func() {}, "channel": make(chan int), "hidden slice": secretive{}, "hidden number": hidden{},
		"mutex": &locked{}, "functions": []func(){}, "once": new(sync.Once), "a key that is a pointer": keyed{},
		"beside others": struct {
			A string
			B map[string]chan int
		}{},
	} {
		require.NotEmpty(t, planOf(reflect.TypeOf(v)).refused, name)
	}
	round := &loop{}
	round.Loop, round.Back = round, round
	for name, v := range map[string]any{"cycle": round, "function": func() {}, "hidden": []any{secretive{}}} {
		d := DeepOf[any](name, nil)
		require.Empty(t, d.refused(), "what an interface holds is seen when it is copied")
		require.False(t, d.Copy(&v), name)
	}
	_, ok := CloneAs(DeepOf("ids", []string(nil)), 3)
	require.False(t, ok)
	require.Equal(t, "a.B can't be copied for sure: chan int is a chan", DeepOf("a.B", make(chan int)).refused())
}

func TestSlab(t *testing.T) {
	s := SlabOf(new([1000]byte), 10)
	var all []*[1000]byte
	for range 23 {
		p := s.Take()
		require.Zero(t, *p)
		p[0] = 1
		all = append(all, p)
		require.Nil(t, s.Copy(nil))
	}
	require.Equal(t, 7, len(SlabOf(new(int), 7).chunked()))
	require.Equal(t, chunkBytes/8, len(SlabOf(new(int), 1<<20).chunked()))
	require.Len(t, SlabOf(new([2 * chunkBytes]byte), 9).chunked(), 1)
	seen := make(map[*[1000]byte]bool)
	for _, p := range all {
		require.False(t, seen[p])
		seen[p] = true
	}
}

// chunked is what a slab allocates first.
func (s Slab[T]) chunked() []T {
	s.Take()
	return append(s.free, *new(T))
}

type branch struct {
	name string
	leaf []*branch
	one  *branch
	m    map[string][]*branch
}

func cloneBranches(nodes []*branch, _ bool) bool {
	for i, n := range nodes {
		c := *n
		nodes[i] = &c
	}
	return nodes[0].name != "no"
}

func TestCloneEdges(t *testing.T) {
	for _, size := range []int{0, 1, 3, chunkPointers, 4 * chunkPointers} {
		var nodes, copies []*branch
		for i := range 5 {
			n := &branch{name: string(rune('a' + i)), one: &branch{name: "one"}, m: map[string][]*branch{"x": {{name: "y"}}, "z": {}}}
			for range size * (i % 3) {
				n.leaf = append(n.leaf, &branch{name: n.name})
			}
			nodes = append(nodes, n)
			c := *n
			copies = append(copies, &c)
		}
		nodes[1].leaf, copies[1].leaf = []*branch{}, []*branch{}
		nodes[2].one, copies[2].one = nil, nil
		nodes[3].m, copies[3].m = nil, nil
		require.True(t, CloneEdge(copies, func(n *branch) *[]*branch { return &n.leaf }, cloneBranches, false))
		require.True(t, CloneUnique(copies, func(n *branch) **branch { return &n.one }, cloneBranches, false))
		require.True(t, CloneNamed(copies, func(n *branch) *map[string][]*branch { return &n.m }, cloneBranches, false))
		require.Equal(t, nodes, copies)
		shared := make(map[uintptr]bool)
		writable(reflect.ValueOf(nodes), func(p uintptr) { shared[p] = true })
		writable(reflect.ValueOf(copies), func(p uintptr) { require.False(t, shared[p], "memory is shared") })
		for _, c := range copies {
			require.Equal(t, len(c.leaf), cap(c.leaf), "an append must not reach the next list")
		}
	}
	no := []*branch{{leaf: []*branch{{name: "no"}}, one: &branch{name: "no"}, m: map[string][]*branch{"a": {{name: "no"}}}}}
	require.False(t, CloneEdge(no, func(n *branch) *[]*branch { return &n.leaf }, cloneBranches, false))
	require.False(t, CloneUnique(no, func(n *branch) **branch { return &n.one }, cloneBranches, false))
	require.False(t, CloneNamed(no, func(n *branch) *map[string][]*branch { return &n.m }, cloneBranches, false))
}

// Templates of others may add fields, which nothing is known of.
func TestValuesSeeForeignFields(t *testing.T) {
	type builder struct {
		ctx    int
		counts []int
	}
	type entity struct {
		ID    int
		extra map[string]int
	}
	typ := unitSchema.Type("User")
	v := NewValues(typ, "", LayoutOf[entity]("ID"), Layout{}, LayoutOf[builder]("ctx"))
	var f Fingerprint
	require.True(t, v.keep(&f, &builder{ctx: 1}))
	require.False(t, v.keep(&f, &builder{counts: []int{1}}))
	require.Equal(t, "a template other than Ent's has set something on the builder", f.Reason())
	require.True(t, v.Known(&entity{ID: 1}, nil))
	require.False(t, v.Known(&entity{extra: map[string]int{}}, nil))

	v = NewValues(typ, "because", Layout{}, Layout{}, Layout{})
	require.False(t, v.keep(&f, &builder{}))
	require.Equal(t, "because", f.Reason())
	v = NewValues(typ, "", Layout{}, Layout{}, Layout{}, DeepOf("a", []int(nil)), DeepOf("b", make(chan int)))
	require.Equal(t, "b can't be copied for sure: chan int is a chan", v.Reason())
}

func TestSizes(t *testing.T) {
	require.Equal(t, 0, DeepOf("", 3).Size(3))
	require.InDelta(t, 24, DeepOf("", tagList(nil)).Size(tagList{"a"}), 8)
	require.InDelta(t, 1000, DeepOf("", []byte(nil)).Size(make([]byte, 1000)), 100)
	require.Greater(t, DeepOf("", map[string]any(nil)).Size(map[string]any{"a": []any{"b"}}), 100)
	require.Equal(t, 16, StringSize("0123456789"))
	require.Equal(t, 0, PointerSize((*int)(nil)))
	require.Equal(t, 8, PointerSize(new(int)))
	require.Equal(t, 32, ListSize(0, []int{1, 2, 3, 4}))
	require.Equal(t, 0, ListSize(0, "no list"))
}

// A copy of a list of one entity is one allocation with it, and no larger lists are.
func TestCopyNodes(t *testing.T) {
	type node struct{ n int }
	for n := range 3 {
		var list []*node
		for i := range n {
			list = append(list, &node{i})
		}
		nodes, slab := CopyNodes(list)
		require.Equal(t, list, nodes)
		require.Equal(t, n, cap(nodes), "an append doesn't grow it in place")
		for i := range nodes {
			require.Same(t, list[i], nodes[i])
			nodes[i] = slab.Take()
			require.Zero(t, *nodes[i])
			nodes[i].n = 7
			require.Equal(t, i, list[i].n)
		}
	}
}

func TestIdentical(t *testing.T) {
	type config struct {
		drv  any
		log  func()
		list *[]int
		on   bool
	}
	log := func() {}
	a := config{drv: 1000, log: log, list: new([]int)}
	b := a
	require.True(t, Identical(&a, &b))
	for name, change := range map[string]func(*config){
		"interface": func(c *config) { c.drv = 2000 }, "type": func(c *config) { c.drv = "a" }, "function": func(c *config) { c.log = nil },
		"pointer": func(c *config) { c.list = new([]int) }, "flag": func(c *config) { c.on = true },
	} {
		b := a
		change(&b)
		require.False(t, Identical(&a, &b), name)
	}
	require.True(t, Identical(&struct{}{}, &struct{}{}))
}
