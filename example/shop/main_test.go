package main

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

func TestRun(t *testing.T) {
	for name, o := range map[string]options{
		"generated": {compared: 500, duration: 2 * time.Second, goroutines: 4, seed: 1},
		"Chinook":   {compared: 500, duration: 2 * time.Second, goroutines: 4, seed: 2, data: "testdata/tiny.json"},
		"counted":   {compared: 498, operations: 300, goroutines: 1, seed: 3, data: "testdata/tiny.json"},
	} {
		t.Run(name, func(t *testing.T) {
			o.dir = t.TempDir()
			var out bytes.Buffer
			err := run(t.Context(), o, &out)
			t.Log(out.String())
			require.NoError(t, err)
			report := out.String()
			require.Contains(t, report, "500 reads compared with the database at 5 quiet points")
			require.Contains(t, report, "were hits: 0 differed.")
			for _, k := range kinds {
				require.Contains(t, report, k.name)
			}
			require.FileExists(t, filepath.Join(o.dir, "shop.db"))
		})
	}
}

func TestRunRefuses(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "shop.db"), nil, 0o600))
	good := options{compared: 1, duration: time.Second, goroutines: 1}
	for name, test := range map[string]struct {
		change func(*options)
		want   string
	}{
		"no visitors":   {func(o *options) { o.goroutines = 0 }, "-goroutines"},
		"no comparison": {func(o *options) { o.compared = 0 }, "-compare"},
		"no time":       {func(o *options) { o.duration = 0 }, "-seconds"},
		"no file":       {func(o *options) { o.data = "testdata/none.json" }, "testdata/none.json"},
		"not JSON":      {func(o *options) { o.data = "main.go" }, "main.go isn't the Chinook database"},
		"a full folder": {func(o *options) { o.dir = full }, "has a shop.db already"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			test.change(&o)
			require.ErrorContains(t, run(t.Context(), o, new(bytes.Buffer)), test.want)
		})
	}
}

// TestLoadIncomplete: a table without rows, or one that isn't there, is named
// before the database is filled.
func TestLoadIncomplete(t *testing.T) {
	name := filepath.Join(t.TempDir(), "empty.json")
	require.NoError(t, os.WriteFile(name, []byte(`{"Genre": []}`), 0o600))
	_, err := load(name)
	require.ErrorContains(t, err, "a table without rows")
}

func TestGenerateIsDeterministic(t *testing.T) {
	require.Equal(t, generate(1), generate(1))
	require.NotEqual(t, generate(1), generate(2))
}

// TestCompareFindsStaleReads writes behind the cache's back, which the cache
// can't know: the comparison must say so.
func TestCompareFindsStaleReads(t *testing.T) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "shop.db")))
	require.NoError(t, err)
	defer db.Close()
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))
	cache, err := entcache.New()
	require.NoError(t, err)
	defer cache.Close()
	client.Intercept(cache.Interceptor())
	require.NoError(t, client.Schema.Create(t.Context()))
	rows, err := load("testdata/tiny.json")
	require.NoError(t, err)
	ids, err := rows.insert(t.Context(), client)
	require.NoError(t, err)

	var out bytes.Buffer
	s := &shop{
		options: options{seed: 1, compared: 500}, cached: client, plain: ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db))),
		cache: cache, ids: ids, words: rows.words(), out: &out,
	}
	v := newVisitor(s, 1)
	for i, k := range kinds {
		r := k.ask(v)
		r.kind = i
		s.recent.add(r)
	}
	require.NoError(t, s.compare(t.Context()))
	require.Zero(t, s.checked.differed, out.String())
	require.Equal(t, 100, s.checked.reads)
	require.NotZero(t, s.checked.hits)

	_, err = db.Exec("UPDATE genres SET name = name || '!'")
	require.NoError(t, err)
	require.NoError(t, s.compare(t.Context()))
	require.NotZero(t, s.checked.differed)
	require.Contains(t, out.String(), "DIFFERS: list of genres")
	require.Equal(t, 3, strings.Count(out.String(), "DIFFERS"), "the first three are spelled out")
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
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, same(test.a, test.b)) })
	}
}
