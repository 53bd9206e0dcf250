package schemas_test

import (
	"context"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	shop "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/enttest"
	genres "github.com/entcache/ent-cache/ent/genre"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/hook"
	_ "github.com/entcache/ent-cache/internal/schemas/tenant/ent/runtime"
	"github.com/entcache/ent-cache/internal/testdb"
)

// newShop returns a client with a cache, and the driver it was made with.
func newShop(t *testing.T) (*shop.Client, dialect.Driver) {
	t.Helper()
	drv := testdb.Driver(t, dialect.SQLite)
	client := enttest.NewClient(t, enttest.WithOptions(shop.Driver(drv)))
	h, err := entcache.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	client.Intercept(h.Interceptor())
	return client, drv
}

func TestQueryBuilderContract(t *testing.T) {
	client, drv := newShop(t)
	q := client.Track.Query()
	require.Equal(t, "Track", q.EntcacheType().Name)
	require.Equal(t, "tracks", q.EntcacheType().Table.Name)
	require.Same(t, drv, q.EntcacheDriver())
	require.Same(t, client.Genre.Query().EntcacheType().Schema, q.EntcacheType().Schema)

	other := &otherDriver{drv}
	q.EntcacheSetDriver(other)
	require.Same(t, other, q.EntcacheDriver())
	require.Same(t, drv, client.Track.Query().EntcacheDriver(), "the client keeps its driver")

	// The builder of what the caller asked for is told from those of its edges
	// by the context of the query.
	var root, edges int
	client.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			if ent.QueryFromContext(ctx) == q.(cache.Builder).EntcacheContext() {
				root++
			} else {
				edges++
			}
			return next.Query(ctx, q)
		})
	}))
	ctx := t.Context()
	client.Album.Create().SetTitle("a").SetArtist(client.Artist.Create().SetName("b").SaveX(ctx)).SaveX(ctx)
	client.Album.Query().WithArtist().WithTracks().AllX(ctx)
	require.Equal(t, 1, root)
	require.Equal(t, 2, edges)
}

type otherDriver struct{ dialect.Driver }

func TestTransactionIsSeenBehindWrappers(t *testing.T) {
	client, drv := newShop(t)
	_, ok := cache.Unwrap(client.Debug().Track.Query().EntcacheDriver()).(cache.TxDriver)
	require.False(t, ok)

	tx, err := client.Tx(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	for name, c := range map[string]*shop.Client{"client": tx.Client(), "debug": tx.Client().Debug()} {
		q := c.Track.Query()
		require.NotSame(t, drv, q.EntcacheDriver(), name)
		_, ok := cache.Unwrap(q.EntcacheDriver()).(cache.TxDriver)
		require.True(t, ok, name)
	}
}

// Nothing must be registered for a client to report its writes, and whatever
// the program registers runs inside.
func TestInvalidationIsTheOutermostHook(t *testing.T) {
	client, _ := newShop(t)
	var seen []string
	client.Use(func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			require.NotNil(t, m.(hook.Mutation).EntcacheWrite(), m.Type())
			seen = append(seen, m.Type()+" "+m.Op().String())
			return next.Mutate(ctx, m)
		})
	})
	ctx := t.Context()
	genre := client.Genre.Create().SetName("a").SaveX(ctx)
	client.Genre.CreateBulk(client.Genre.Create().SetName("b"), client.Genre.Create().SetName("c")).SaveX(ctx)
	client.Genre.UpdateOne(genre).SetName("d").SaveX(ctx)
	client.Genre.Update().Where(genres.ID(genre.ID)).SetName("e").SaveX(ctx)
	client.Genre.DeleteOne(genre).ExecX(ctx)
	client.Genre.Delete().ExecX(ctx)
	require.Equal(t, []string{
		"Genre OpCreate", "Genre OpCreate", "Genre OpCreate", "Genre OpUpdateOne", "Genre OpUpdate", "Genre OpDeleteOne", "Genre OpDelete",
	}, seen)
}

// A hook may put another mutation, under another context, in the place of the
// one that was seen; the update then runs on a driver of its own. The entity it
// returns must not keep that driver, nor must the builder.
func TestUpdatedEntityHasTheDriverOfItsClient(t *testing.T) {
	client, drv := newShop(t)
	ctx := t.Context()
	genre := client.Genre.Create().SetName("a").SaveX(ctx)
	client.Genre.Use(func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(_ context.Context, m ent.Mutation) (ent.Value, error) {
			other := client.Genre.UpdateOneID(genre.ID).SetName("b").Mutation()
			return next.Mutate(context.Background(), other)
		})
	})
	update := client.Genre.UpdateOne(genre).SetName("c")
	for range 2 {
		updated := update.SaveX(ctx)
		require.Equal(t, "b", updated.Name)
		require.Same(t, drv, updated.QueryTracks().EntcacheDriver())
	}
	require.Equal(t, "b", client.Genre.GetX(ctx, genre.ID).Name)
}
