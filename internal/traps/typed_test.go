package traps

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/album"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/ent/predicate"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
)

// levels returns the levels that the hits of f came from, and whether all of its
// reads were hits.
func levels(t *testing.T, ctx context.Context, f func(context.Context)) (list []cache.Level, all bool) {
	t.Helper()
	all = true
	for _, x := range explain(t, ctx, f) {
		all = all && x.Outcome == cache.Hit
		list = append(list, x.Level)
	}
	return list, all
}

// valued fails the test unless f is one query that is served as a typed value.
func valued(t *testing.T, ctx context.Context, f func(context.Context)) {
	t.Helper()
	x := explain(t, ctx, f)
	require.Len(t, x, 1)
	require.Equal(t, cache.LevelValues, x[0].Level, x[0])
}

// unvalued fails the test if a read of f is served as a typed value.
func unvalued(t *testing.T, ctx context.Context, f func(context.Context)) {
	t.Helper()
	got, _ := levels(t, ctx, f)
	require.NotEmpty(t, got)
	require.NotContains(t, got, cache.LevelValues)
}

// storeReads are queries of every operation and with every kind of edge.
var storeReads = map[string]func(context.Context, *store.Client) string{
	"Get": func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.GetX(ctx, 1)) },
	"All": func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.Query().AllX(ctx)) },
	"First": func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Order(track.ByID()).FirstX(ctx))
	},
	"FirstID": func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Order(track.ByID()).FirstIDX(ctx))
	},
	"OnlyID": func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Album.Query().OnlyIDX(ctx)) },
	"IDs":    func(ctx context.Context, c *store.Client) string { return sorted(c.Track.Query().IDsX(ctx)) },
	"Count":  func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.Query().CountX(ctx)) },
	"Exist": func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Where(track.ID(3)).ExistX(ctx))
	},
	"nothing": func(ctx context.Context, c *store.Client) string {
		_, err := c.Track.Get(ctx, 99)
		return fmt.Sprint(err, c.Track.Query().Where(track.ID(99)).AllX(ctx))
	},
	"fields": func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Select(track.FieldName).AllX(ctx))
	},
	"traversal": func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Artist.Query().QueryAlbums().QueryTracks().Where(track.GenreID(1)).AllX(ctx))
	},
	"to many": func(ctx context.Context, c *store.Client) string {
		a := c.Album.Query().WithTracks(func(q *store.TrackQuery) { q.Order(track.ByID()) }).OnlyX(ctx)
		return fmt.Sprint(a, a.Edges.Tracks)
	},
	"to one": func(ctx context.Context, c *store.Client) string {
		a := c.Album.Query().WithArtist().OnlyX(ctx)
		return fmt.Sprint(a, a.Edges.Artist)
	},
	"many to many": func(ctx context.Context, c *store.Client) string {
		p := c.Playlist.Query().Where(playlist.ID(1)).WithTracks(func(q *store.TrackQuery) { q.Order(track.ByID()).WithGenre() }).OnlyX(ctx)
		return fmt.Sprint(p, p.Edges.Tracks, p.Edges.Tracks[0].Edges.Genre)
	},
	"named": func(ctx context.Context, c *store.Client) string {
		a := c.Album.Query().WithNamedTracks("jazz", func(q *store.TrackQuery) { q.Where(track.GenreID(1)).Order(track.ByID()) }).OnlyX(ctx)
		jazz, err := a.NamedTracks("jazz")
		return fmt.Sprint(a, jazz, err)
	},
}

// A query whose statements are all cached is served as a value, until a write.
func TestTyped_EveryOperation(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	for name, read := range storeReads {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				require.Equal(t, read(ctx, w.plain), read(ctx, w.cached))
			}
			got, all := levels(t, ctx, func(ctx context.Context) { read(ctx, w.cached) })
			require.True(t, all)
			require.Equal(t, slices.Repeat([]cache.Level{cache.LevelValues}, len(got)), got)
		})
	}
	w.cached.Track.UpdateOneID(1).SetName("renamed").SetGenreID(2).ExecX(ctx)
	for name, read := range storeReads {
		require.Equal(t, read(ctx, w.plain), read(ctx, w.cached), name)
	}
	off := newStore(t, dialect.SQLite, entcache.WithoutValues())
	for range 2 {
		off.cached.Track.GetX(ctx, 1)
	}
	unvalued(t, ctx, func(ctx context.Context) { off.cached.Track.GetX(ctx, 1) })
}

// Where the cache is on the clients of some types only, the statements of others
// pass it by unseen.
func TestTyped_CacheOfOneType(t *testing.T) {
	for name, on := range map[string]func(*store.Client, ent.Interceptor){
		"the root's": func(c *store.Client, i ent.Interceptor) { c.Album.Intercept(i) },
		"the edge's": func(c *store.Client, i ent.Interceptor) { c.Track.Intercept(i) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newStore(t, dialect.SQLite)
			ctx := t.Context()
			c := openStore(w.drv)
			on(c, w.handle.Interceptor())
			read := func(ctx context.Context, c *store.Client) string {
				return show(c.Album.Query().WithTracks().OnlyX(ctx).Edges.Tracks, func(t *store.Track) string { return t.Name })
			}
			for i := range 3 {
				require.Equal(t, read(ctx, w.plain), read(ctx, c))
				if name == "the root's" {
					// What no cache holds is read each time, whoever wrote it.
					w.exec("UPDATE tracks SET name = ? WHERE id = 1", fmt.Sprint("name ", i))
				}
			}
			unvalued(t, ctx, func(ctx context.Context) { read(ctx, c) })
		})
	}
}

// Interceptors of an edge's type run for each of its statements.
func TestTyped_InterceptorsOfAnEdge(t *testing.T) {
	for name, first := range map[string]bool{"before the cache": true, "behind the cache": false} {
		t.Run(name, func(t *testing.T) {
			w := newStore(t, dialect.SQLite)
			ran := 0
			spy := ent.InterceptFunc(func(next ent.Querier) ent.Querier {
				return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
					ran++
					return next.Query(ctx, q)
				})
			})
			c := openStore(w.drv)
			if first {
				c.Track.Intercept(spy)
			}
			c.Intercept(w.handle.Interceptor())
			if !first {
				c.Track.Intercept(spy)
			}
			for i := range 3 {
				c.Album.Query().WithTracks().AllX(t.Context())
				require.Equal(t, i+1, ran)
			}
			hits(t, t.Context(), func(ctx context.Context) { c.Album.Query().WithTracks().AllX(ctx) })
		})
	}
}

// An interceptor that reads with the very builder and context it was given does
// so under the operation of the query it stands before.
func TestTyped_InterceptorThatAsksWithTheBuilder(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	type askedKey struct{}
	asks := ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			q2, ok := q.(*store.TrackQuery)
			if ok && ctx.Value(askedKey{}) == nil && ent.QueryFromContext(ctx).Op == ent.OpQueryAll {
				again := context.WithValue(ctx, askedKey{}, true)
				if n, err := q2.Count(again); err != nil || n == 0 {
					return nil, fmt.Errorf("%d: %w", n, err)
				}
				if ids, err := q2.IDs(again); err != nil || len(ids) == 0 {
					return nil, fmt.Errorf("%v: %w", ids, err)
				}
			}
			return next.Query(ctx, q)
		})
	})
	c, plain := openStore(w.drv), openStore(w.drv)
	c.Intercept(asks, w.handle.Interceptor())
	plain.Intercept(asks)
	for range 3 {
		require.Equal(t, fmt.Sprint(plain.Track.Query().AllX(ctx)), fmt.Sprint(c.Track.Query().AllX(ctx)))
		require.Equal(t, plain.Track.Query().CountX(ctx), c.Track.Query().CountX(ctx))
		require.Equal(t, plain.Track.Query().IDsX(ctx), c.Track.Query().IDsX(ctx))
		require.Equal(t, plain.Track.Query().Select(track.FieldName).StringsX(ctx), c.Track.Query().Select(track.FieldName).StringsX(ctx))
	}
}

// Who gets a value may do with it what others do with what they read.
func TestTyped_EntitiesAreTheCallersOwn(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	read := func(ctx context.Context, c *store.Client) *store.Album {
		return c.Album.Query().WithTracks().OnlyX(ctx)
	}
	want := fmt.Sprint(read(ctx, w.plain), read(ctx, w.plain).Edges.Tracks)
	for range 3 {
		a := read(ctx, w.cached)
		require.Equal(t, want, fmt.Sprint(a, a.Edges.Tracks))
		a.Title = "changed"
		a.Edges.Tracks[0].Name = "changed"
		a.Edges.Tracks = append(a.Edges.Tracks[:1], a.Edges.Tracks[2:]...)
	}
	var a *store.Album
	valued(t, ctx, func(ctx context.Context) { a = read(ctx, w.cached) })
	require.Len(t, a.QueryTracks().AllX(ctx), 3)
	require.Equal(t, "somebody", a.QueryArtist().OnlyX(ctx).Name)
	valued(t, ctx, func(ctx context.Context) { a.QueryArtist().OnlyX(ctx) })
	a.Edges.Tracks[0].Update().SetName("new").ExecX(ctx)
	b := read(ctx, w.cached)
	require.Equal(t, "new", b.Edges.Tracks[0].Name)
	require.Equal(t, "new", a.QueryTracks().Where(track.ID(a.Edges.Tracks[0].ID)).OnlyX(ctx).Name)

	// In a transaction neither is there a value, nor does what it read become one.
	tx, err := w.cached.Tx(ctx)
	require.NoError(t, err)
	tx.Album.UpdateOneID(a.ID).SetTitle("uncommitted").ExecX(ctx)
	require.Equal(t, "uncommitted", tx.Album.Query().Where(album.ID(a.ID)).OnlyX(ctx).Title)
	require.NoError(t, tx.Rollback())
	require.Equal(t, "first", w.cached.Album.Query().Where(album.ID(a.ID)).OnlyX(ctx).Title)
}

// A predicate is a function, and may say one thing when the key is made and
// another when the statement is: as one that looks at the clock does at midnight.
func TestTyped_PredicatesThatChange(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	genre := func(id func() int) predicate.Track {
		return func(s *sql.Selector) { s.Where(sql.EQ(s.C(track.FieldGenreID), id())) }
	}
	fixed := func(id int) predicate.Track { return genre(func() int { return id }) }
	reads := map[string]func(*store.Client, predicate.Track) string{
		"root": func(c *store.Client, p predicate.Track) string { return fmt.Sprint(c.Track.Query().Where(p).AllX(ctx)) },
		"edge": func(c *store.Client, p predicate.Track) string {
			return fmt.Sprint(c.Album.Query().WithTracks(func(q *store.TrackQuery) { q.Where(p) }).OnlyX(ctx).Edges.Tracks)
		},
		"path": func(c *store.Client, p predicate.Track) string {
			return fmt.Sprint(c.Track.Query().Where(p).QueryAlbum().QueryTracks().Where(p).AllX(ctx))
		},
	}
	for name, read := range reads {
		for at := range 16 {
			if at >= 8 && name == "edge" {
				// One that changes for its statement alone can't be told.
				break
			}
			w.handle.InvalidateAll(ctx)
			n := 0
			read(w.cached, genre(func() int {
				n++
				if at < 8 && n > at || n == at-7 {
					return 2
				}
				return 1
			}))
			for id := 1; id <= 2; id++ {
				require.Equal(t, read(w.plain, fixed(id)), read(w.cached, fixed(id)), "%s, after %d", name, at)
			}
		}
	}
}
