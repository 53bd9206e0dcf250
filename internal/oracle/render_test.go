package oracle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type entity struct {
	config map[string]int
	ID     int
	Name   *string
	At     time.Time
	Raw    []byte
	Edges  entityEdges
	fk     *int
	values map[string]any
}

type entityEdges struct {
	Kids        []*entity
	Parent      *entity
	named       map[string][]*entity
	loadedTypes [2]bool
}

func render(sorted bool, lv *level, v any) string {
	a := answer{values: []any{v}, level: lv}
	return a.render(sorted)
}

func TestRenderTellsApart(t *testing.T) {
	a, b, one, two := "a", "b", 1, 2
	now := time.Now()
	different := []any{
		(*entity)(nil), &entity{}, &entity{ID: 1}, &entity{Name: &a}, &entity{Name: &b}, &entity{fk: &one}, &entity{fk: &two},
		&entity{Raw: []byte{}}, &entity{Raw: []byte{1}}, &entity{At: now}, &entity{At: now.UTC()}, &entity{At: now.Add(1)},
		&entity{Edges: entityEdges{loadedTypes: [2]bool{true}}}, &entity{Edges: entityEdges{Kids: []*entity{}}},
		&entity{Edges: entityEdges{Parent: &entity{}}}, &entity{Edges: entityEdges{named: map[string][]*entity{"x": {}}}},
		&entity{values: map[string]any{"x": int64(1)}}, &entity{values: map[string]any{"x": "1"}}, &entity{values: map[string]any{"x": []byte("1")}},
		int64(1), "1", true, 1.0, []byte("1"), []int{1}, []int{},
	}
	seen := make(map[string]int)
	for i, v := range different {
		s := render(true, nil, v)
		if j, ok := seen[s]; ok {
			t.Errorf("%d and %d look the same: %s", i, j, s)
		}
		seen[s] = i
	}
	require.Equal(t, render(false, nil, &entity{ID: 1}), render(false, nil, &entity{ID: 1, config: map[string]int{"x": 1}}))
}

func TestRenderOrder(t *testing.T) {
	ab, ba := []*entity{{ID: 1}, {ID: 2}}, []*entity{{ID: 2}, {ID: 1}}
	require.NotEqual(t, render(false, nil, ab), render(false, nil, ba))
	require.Equal(t, render(true, nil, ab), render(true, nil, ba), "as multisets")
	ordered := &level{ordered: true}
	require.NotEqual(t, render(true, ordered, ab), render(true, ordered, ba))
	require.NotEqual(t, render(true, nil, ab), render(true, nil, ab[:1]))
	up := &entity{Edges: entityEdges{Kids: ab}}
	down := &entity{Edges: entityEdges{Kids: ba}}
	require.Equal(t, render(true, ordered, up), render(true, ordered, down))
	kids := &level{ordered: true, edges: map[string]*level{"Kids": ordered}}
	require.NotEqual(t, render(true, kids, up), render(true, kids, down))
}

func TestRenderCycle(t *testing.T) {
	parent := &entity{ID: 1}
	kid := &entity{ID: 2, Edges: entityEdges{Parent: parent}}
	parent.Edges.Kids = []*entity{kid}
	require.Contains(t, render(false, nil, parent), "^2")
}

func TestScribble(t *testing.T) {
	raw, values := []byte{1, 2}, map[string]any{"a": 1}
	parent := &entity{ID: 1}
	kid := &entity{ID: 2, Raw: raw, Edges: entityEdges{Parent: parent}}
	kids := []*entity{kid}
	parent.Edges.Kids = kids
	list := []*entity{parent}
	scribbleValue(list)
	require.Equal(t, []byte{254, 253}, raw)
	require.Nil(t, list[0])
	require.Nil(t, kids[0])
	require.Equal(t, &entity{}, parent)
	require.Zero(t, kid.ID)
	scribbleValue(values)
	require.Empty(t, values)
	n := []int{0, 3}
	scribbleValue(n)
	require.Equal(t, []int{77, 0}, n)
}
