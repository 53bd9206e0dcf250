package music

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/ent"
)

// TestLoadIncomplete: a table without rows, or one that isn't there, is named
// before the database is filled.
func TestLoadIncomplete(t *testing.T) {
	name := filepath.Join(t.TempDir(), "empty.json")
	require.NoError(t, os.WriteFile(name, []byte(`{"Genre": []}`), 0o600))
	_, err := Load(name)
	require.ErrorContains(t, err, "a table without rows")
}

func TestGenerateIsDeterministic(t *testing.T) {
	require.Equal(t, Generate(1), Generate(1))
	require.NotEqual(t, Generate(1), Generate(2))
}

func TestSame(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)
	genre := func(name string, tracks ...*ent.Track) *ent.Genre {
		return &ent.Genre{ID: 1, Name: name, Edges: ent.GenreEdges{Tracks: tracks}}
	}
	for name, test := range map[string]struct {
		a, b any
		want bool
	}{
		"numbers":         {1, 1, true},
		"other numbers":   {1, 2, false},
		"types":           {1, int64(1), false},
		"nil":             {nil, nil, true},
		"nil and value":   {nil, 1, false},
		"entities":        {genre("a", &ent.Track{ID: 1}), genre("a", &ent.Track{ID: 1}), true},
		"fields":          {genre("a"), genre("b"), false},
		"edges":           {genre("a", &ent.Track{ID: 1}), genre("a", &ent.Track{ID: 2}), false},
		"fewer edges":     {genre("a", &ent.Track{ID: 1}), genre("a"), false},
		"nil edge":        {genre("a", nil), genre("a", &ent.Track{}), false},
		"nil and empty":   {[]int(nil), []int{}, false},
		"times":           {&ent.Track{UpdatedAt: at}, &ent.Track{UpdatedAt: at}, true},
		"other times":     {&ent.Track{UpdatedAt: at}, &ent.Track{UpdatedAt: at.Add(1)}, false},
		"zones":           {&ent.Track{UpdatedAt: at}, &ent.Track{UpdatedAt: at.In(time.FixedZone("", 60))}, false},
		"nillable fields": {&ent.Track{Bytes: new(1)}, &ent.Track{Bytes: new(1)}, true},
		"nilled fields":   {&ent.Track{Bytes: new(1)}, &ent.Track{}, false},
		"maps":            {map[string]int{"a": 1}, map[string]int{"a": 1}, true},
		"other maps":      {map[string]int{"a": 1}, map[string]int{"b": 1}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, Same(test.a, test.b)) })
	}
}
