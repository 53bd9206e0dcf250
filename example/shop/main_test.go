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
	"github.com/entcache/ent-cache/example/internal/music"
)

func TestRun(t *testing.T) {
	for name, o := range map[string]options{
		"generated": {compared: 500, duration: 2 * time.Second, goroutines: 4, seed: 1},
		"Chinook":   {compared: 500, duration: 2 * time.Second, goroutines: 4, seed: 2, data: "../internal/music/testdata/tiny.json"},
		"counted":   {compared: 498, operations: 300, goroutines: 1, seed: 3, data: "../internal/music/testdata/tiny.json"},
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
			for _, k := range music.Kinds {
				require.Contains(t, report, k.Name)
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

// TestCompareFindsStaleReads writes behind the cache's back, which the cache
// can't know: the comparison must say so.
func TestCompareFindsStaleReads(t *testing.T) {
	db, err := sql.Open("sqlite", music.SQLite(filepath.Join(t.TempDir(), "shop.db")))
	require.NoError(t, err)
	defer db.Close()
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))
	cache, err := entcache.New()
	require.NoError(t, err)
	defer cache.Close()
	client.Intercept(cache.Interceptor())
	require.NoError(t, client.Schema.Create(t.Context()))
	rows, err := music.Load("../internal/music/testdata/tiny.json")
	require.NoError(t, err)
	ids, err := rows.Insert(t.Context(), client)
	require.NoError(t, err)

	var out bytes.Buffer
	s := &shop{
		options: options{seed: 1, compared: 500}, cached: client, plain: ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db))),
		cache: cache, ids: ids, words: rows.Words(), out: &out,
	}
	v := newVisitor(s, 1)
	asked := make(map[int]bool)
	for len(asked) < len(music.Kinds) {
		r := v.Read()
		if !asked[r.Kind()] {
			s.recent.Add(r)
		}
		asked[r.Kind()] = true
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
