package traps

import (
	"context"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/entcache"
	bidi "github.com/entcache/ent-cache/internal/schemas/bidiedges/ent"
	cascade "github.com/entcache/ent-cache/internal/schemas/cascade/ent"
	"github.com/entcache/ent-cache/internal/testdb"
)

func newBidi(t *testing.T, name string) *world[*bidi.Client] {
	t.Helper()
	return newWorld(t, name, func(d dialect.Driver) *bidi.Client { return bidi.NewClient(bidi.Driver(d)) },
		func(c *bidi.Client) error { return c.Schema.Create(t.Context()) })
}

// Eager loads run with the context of the root, which names the root's type and
// operation.
func TestTrap_T01_EagerLoadCarriesTheRootsContext(t *testing.T) {
	w := newCascade(t, dialect.SQLite)
	ctx := t.Context()
	p := w.plain.Person.Create().SetName("a").SaveX(ctx)
	w.plain.Badge.Create().SetNumber("1").SetPerson(p).ExecX(ctx)
	read := func(ctx context.Context) *cascade.Person {
		return w.cached.Person.Query().WithBadges().WithProjects().OnlyX(ctx)
	}
	read(ctx)
	w.exec("UPDATE badges SET number = '2'")
	var got *cascade.Person
	list := explain(t, ctx, func(ctx context.Context) { got = read(ctx) })
	require.Equal(t, "2", got.Edges.Badges[0].Number, "badges have no policy and aren't cached")
	seen := make(map[string]entcache.Explanation)
	for _, x := range list {
		seen[x.Type] = x
	}
	require.Equal(t, cache.Hit, seen["Person"].Outcome)
	require.Equal(t, entcache.Only, seen["Person"].Op)
	require.Equal(t, cache.Hit, seen["Project"].Outcome)
	require.Equal(t, entcache.All, seen["Project"].Op)
	require.Equal(t, cache.NoPolicy, seen["Badge"].Reason)
}

// The join ids of an M2M edge are collected while the rows are scanned.
func TestTrap_T02_M2MEdgesAreLoadedFromHits(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		read := func(ctx context.Context, c *store.Client) string {
			p := c.Playlist.Query().Where(playlist.ID(1)).WithTracks().OnlyX(ctx)
			return show(p.Edges.Tracks, func(t *store.Track) string { return t.Name })
		}
		x := w.watch("playlist with tracks", read)
		require.Equal(t, "[track 1 track 2]", x.last)
		back := w.watch("tracks with playlists", func(ctx context.Context, c *store.Client) string {
			return show(c.Track.Query().WithPlaylists().AllX(ctx), func(t *store.Track) string {
				return fmt.Sprint(t.ID, ":", len(t.Edges.Playlists))
			})
		})
		w.cached.Playlist.UpdateOneID(1).AddTrackIDs(3).RemoveTrackIDs(1).ExecX(t.Context())
		x.changed()
		back.changed()
	})
}

// The loader of an O2M edge needs the foreign key, which has no exported field.
func TestTrap_T03_HitsKeepUnexportedForeignKeys(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newBidi(t, name)
		ctx := t.Context()
		u := w.plain.User.Create().SetName("a").SaveX(ctx)
		w.plain.Pet.Create().SetName("p").SetOwner(u).ExecX(ctx)
		w.plain.Pet.Create().SetName("q").ExecX(ctx)
		w.watch("users with pets", func(ctx context.Context, c *bidi.Client) string {
			return show(c.User.Query().WithPets().OnlyX(ctx).Edges.Pets, func(p *bidi.Pet) string { return p.Name })
		})
		w.watch("pets with owner", func(ctx context.Context, c *bidi.Client) string {
			return show(c.Pet.Query().WithOwner().AllX(ctx), func(p *bidi.Pet) string {
				if p.Edges.Owner == nil {
					return p.Name
				}
				return p.Name + " of " + p.Edges.Owner.Name
			})
		})
	})
}

// What JSON leaves out must be in a hit: named edges, which edges were loaded,
// references in both directions.
func TestTrap_T04_HitsKeepWhatJSONDrops(t *testing.T) {
	w := newBidi(t, dialect.SQLite)
	ctx := t.Context()
	u := w.plain.User.Create().SetName("a").SaveX(ctx)
	w.plain.Pet.Create().SetName("p").SetOwner(u).ExecX(ctx)
	read := func(ctx context.Context) *bidi.User {
		return w.cached.User.Query().WithNamedPets("all").WithCard().OnlyX(ctx)
	}
	read(ctx)
	hits(t, ctx, func(ctx context.Context) {
		got := read(ctx)
		pets, err := got.NamedPets("all")
		require.NoError(t, err)
		require.Equal(t, "p", pets[0].Name)
		_, err = got.Edges.CardOrErr()
		require.True(t, bidi.IsNotFound(err), "loaded, and there is none: %v", err)
		_, err = got.Edges.PetsOrErr()
		require.True(t, bidi.IsNotLoaded(err), "never loaded: %v", err)
	})
	back := func(ctx context.Context) *bidi.User { return w.cached.User.Query().WithPets().OnlyX(ctx) }
	back(ctx)
	hits(t, ctx, func(ctx context.Context) {
		got := back(ctx)
		require.Same(t, got, got.Edges.Pets[0].Edges.Owner, "the reference back is to the entity itself")
	})
}

// Edges loaded under a filter of their own are entries of their own.
func TestTrap_EagerLoadsWithFiltersAndLimits(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		cheap := w.watch("cheap tracks", func(ctx context.Context, c *store.Client) string {
			al := c.Album.Query().WithTracks(func(q *store.TrackQuery) {
				q.Where(func(s *sqlSelector) { s.Where(lt("unit_price", 15)) })
			}).OnlyX(ctx)
			return show(al.Edges.Tracks, func(t *store.Track) string { return t.Name })
		})
		deep := w.watch("three deep", func(ctx context.Context, c *store.Client) string {
			ar := c.Artist.Query().WithAlbums(func(q *store.AlbumQuery) {
				q.WithTracks(func(q *store.TrackQuery) { q.WithGenre().WithPlaylists() })
			}).OnlyX(ctx)
			return show(ar.Edges.Albums[0].Edges.Tracks, func(t *store.Track) string {
				return fmt.Sprint(t.Name, t.Edges.Genre.Name, len(t.Edges.Playlists))
			})
		})
		w.cached.Track.UpdateOneID(2).SetUnitPrice(12).ExecX(t.Context())
		cheap.changed()
		deep.right()
		w.cached.Genre.UpdateOneID(1).SetName("bebop").ExecX(t.Context())
		cheap.kept()
		deep.changed()
		w.cached.Playlist.DeleteOneID(1).ExecX(t.Context())
		cheap.kept()
		deep.changed()
	})
}

// A limit for each parent is a window over the children.
func TestTrap_LimitsForEachParent(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		dearest := w.watch("the dearest track of each genre", func(ctx context.Context, c *store.Client) string {
			list := c.Genre.Query().WithTracks(func(q *store.TrackQuery) {
				q.Modify(sqlgraph.LimitNeighbors("genre_id", 1, entsql.Expr("unit_price DESC")))
			}).AllX(ctx)
			return show(list, func(g *store.Genre) string {
				return g.Name + show(g.Edges.Tracks, func(t *store.Track) string { return t.Name })
			})
		})
		w.cached.Track.UpdateOneID(1).SetUnitPrice(99).ExecX(t.Context())
		dearest.changed()
		w.cached.Track.UpdateOneID(3).SetGenreID(1).ExecX(t.Context())
		dearest.changed()
		w.cached.Track.DeleteOneID(1).ExecX(t.Context())
		dearest.changed()
	})
}
