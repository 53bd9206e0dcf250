package cache

import (
	"bytes"
	"log/slog"
	"math/big"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// Readers who ask for it, and those of a type that says so, get what is stored.
func TestShared(t *testing.T) {
	for name, p := range map[string]schema.Policy{"by the context": {}, "by the policy": {Shared: true}} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, p, Options{})
			ctx := t.Context()
			if !p.Shared {
				ctx = Share(ctx)
			}
			first, err := s.query("User", "a").all(ctx)
			require.NoError(t, err)
			second, err := s.query("User", "a").all(ctx)
			require.NoError(t, err)
			third, err := s.query("User", "a").all(ctx)
			require.NoError(t, err)
			require.NotSame(t, first[0], second[0], "who reads the database has what it got")
			require.Same(t, second[0], third[0])
			require.Same(t, s.drv, third[0].drv)
			s.write("users")
			require.Equal(t, []int64{2}, s.read(ctx, s.query("User", "a")))
			if !p.Shared {
				own, err := s.query("User", "a").all(t.Context())
				require.NoError(t, err)
				again, err := s.query("User", "a").all(t.Context())
				require.NoError(t, err)
				require.NotSame(t, own[0], again[0], "others get copies")
			}
		})
	}
}

// A write to a shared result is found and named, and nobody gets the result any
// more.
func TestCheckShared(t *testing.T) {
	var log bytes.Buffer
	s := newShelf(t, schema.Policy{}, Options{CheckShared: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx := Share(t.Context())
	tree := func() *thingQuery { return s.query("User", "a", s.query("Pet", "")) }
	s.read(ctx, tree())
	for range 3 {
		require.Equal(t, []int64{1, 1}, s.read(ctx, tree()))
	}
	require.Empty(t, log.String())
	list, err := tree().all(ctx)
	require.NoError(t, err)
	list[0].edges[0].n = 7
	require.Equal(t, []int64{1, 1}, s.read(t.Context(), tree()))
	require.Contains(t, log.String(), "a shared result was written to")
	require.Contains(t, log.String(), "field=[0].edges[0].n")
	log.Reset()
	require.Equal(t, []int64{1, 1}, s.read(ctx, tree()))
	require.Empty(t, log.String())
}

func TestDifference(t *testing.T) {
	type node struct {
		config struct{ f func() }
		ID     int
		Name   string
		At     time.Time
		Big    *big.Int
		Any    any
		Map    map[string][]int
		List   []*node
		Next   *node
		Raw    []byte
	}
	make1 := func() []*node {
		n := &node{ID: 1, Name: "a", At: time.Unix(1, 0), Big: big.NewInt(5), Any: 1.5, Map: map[string][]int{"a": {1}}, Raw: []byte{1}}
		n.config.f = func() {}
		n.List = []*node{{ID: 2, Next: n}}
		return []*node{n}
	}
	for name, c := range map[string]struct {
		change func([]*node)
		field  string
		id     any
	}{
		"none":        {change: func([]*node) {}},
		"client":      {change: func(l []*node) { l[0].config.f = nil }},
		"id":          {func(l []*node) { l[0].ID = 5 }, "[0].ID", 1},
		"text":        {func(l []*node) { l[0].Name = "b" }, "[0].Name", 1},
		"time":        {func(l []*node) { l[0].At = time.Unix(2, 0) }, "[0].At.ext", 1},
		"pointer":     {func(l []*node) { l[0].Big.SetInt64(6) }, "[0].Big.abs[0]", 1},
		"no pointer":  {func(l []*node) { l[0].Big = nil }, "[0].Big", 1},
		"interface":   {func(l []*node) { l[0].Any = 1 }, "[0].Any", 1},
		"interface 2": {func(l []*node) { l[0].Any = nil }, "[0].Any", 1},
		"map":         {func(l []*node) { l[0].Map["a"][0] = 2 }, "[0].Map[…][0]", 1},
		"map, more":   {func(l []*node) { l[0].Map["b"] = nil }, "[0].Map", 1},
		"map, other":  {func(l []*node) { delete(l[0].Map, "a"); l[0].Map["b"] = nil }, "[0].Map[…]", 1},
		"list":        {func(l []*node) { l[0].List = l[0].List[:0] }, "[0].List", 1},
		"edge":        {func(l []*node) { l[0].List[0].Name = "b" }, "[0].List[0].Name", 2},
		"bytes":       {func(l []*node) { l[0].Raw[0] = 2 }, "[0].Raw[0]", 1},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := make1(), make1()
			c.change(a)
			d := difference{met: make(map[unsafe.Pointer]bool)}
			require.Equal(t, c.field != "", d.find(reflect.ValueOf(a), reflect.ValueOf(b), ""))
			require.Equal(t, c.field, d.field)
			require.Equal(t, c.id, d.id)
			if c.field != "" {
				require.Equal(t, "node", d.entity)
			}
		})
	}
}
