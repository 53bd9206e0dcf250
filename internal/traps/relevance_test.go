package traps

import (
	"context"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/internal/testdb"
)

func newTrack(c *store.Client, name string, price int64) *store.TrackCreate {
	return c.Track.Create().SetName(name).SetMilliseconds(1000).SetMediaTypeID(1).SetAlbumID(1).SetGenreID(1).SetUnitPrice(price)
}

// What rows had and have says whether a write matters, in every database.
func TestTrap_WritesThatDontMatter(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx, c := t.Context(), w.cached
		for i := range 6 {
			newTrack(w.plain, fmt.Sprint("more ", i), int64(100-i)).SetStock(i).ExecX(ctx)
		}
		inStock := w.watch("how many in stock", func(ctx context.Context, c *store.Client) string {
			return fmt.Sprint(c.Track.Query().Where(track.GenreID(1), track.StockGT(2)).CountX(ctx))
		})
		listed := w.watch("those in stock", func(ctx context.Context, c *store.Client) string {
			return fmt.Sprint(c.Track.Query().Where(track.GenreID(1), track.StockGT(2)).Order(track.ByID()).IDsX(ctx))
		})
		dearest := func(offset int) *watch[*store.Client] {
			return w.watch("the dearest", func(ctx context.Context, c *store.Client) string {
				list := c.Track.Query().Where(track.GenreID(1)).Order(track.ByUnitPrice(entsql.OrderDesc()), track.ByID()).Offset(offset).Limit(2).AllX(ctx)
				return fmt.Sprint(list[0].ID, list[0].UnitPrice, list[1].ID, list[1].UnitPrice)
			})
		}
		first, second := dearest(0), dearest(2)
		search := w.watch("a search", func(ctx context.Context, c *store.Client) string {
			return fmt.Sprint(c.Track.Query().Where(track.NameHasPrefix("more"), track.NameNEQ("more 0")).Order(track.ByName()).Offset(1).Limit(2).IDsX(ctx))
		})
		any := w.watch("anything dear", func(ctx context.Context, c *store.Client) string {
			return fmt.Sprint(c.Track.Query().Where(track.UnitPriceGTE(95)).ExistX(ctx))
		})
		// MySQL compares texts by rules of its own, and may cut sums off.
		elsewhere := func(list ...*watch[*store.Client]) {
			for _, x := range list {
				if name == dialect.MySQL {
					x.right()
				} else {
					x.kept()
				}
			}
		}

		// Cheap, out of stock, and called otherwise.
		cheap := newTrack(c, "another", 1).SetStock(1).SaveX(ctx)
		inStock.kept()
		listed.kept()
		first.kept()
		second.kept()
		elsewhere(search)
		any.kept()

		// From one stock to another on the same side.
		c.Track.UpdateOneID(cheap.ID).AddStock(1).ExecX(ctx)
		elsewhere(inStock)
		listed.kept()
		c.Track.UpdateOneID(9).AddStock(5).ExecX(ctx)
		elsewhere(inStock, listed)
		search.kept()
		any.kept()
		// What it was isn't known.
		c.Track.UpdateOneID(9).SetStock(20).ExecX(ctx)
		inStock.right()
		listed.right()

		// Across it.
		c.Track.UpdateOneID(cheap.ID).AddStock(1).ExecX(ctx)
		inStock.changed()
		listed.changed()
		first.kept()
		c.Track.UpdateOneID(cheap.ID).AddStock(-1).ExecX(ctx)
		inStock.changed()
		listed.changed()

		// Up the ranks, but not to the page; then onto the second, and then the first.
		c.Track.UpdateOneID(cheap.ID).AddUnitPrice(95).ExecX(ctx)
		first.kept()
		elsewhere(second)
		c.Track.UpdateOneID(cheap.ID).SetUnitPrice(98).ExecX(ctx)
		first.kept()
		second.right()
		c.Track.UpdateOneID(cheap.ID).SetUnitPrice(200).ExecX(ctx)
		first.changed()
		second.changed()
		any.kept()

		// Called so, and gone.
		c.Track.UpdateOneID(cheap.ID).SetName("more 1").ExecX(ctx)
		search.changed()
		c.Track.DeleteOneID(cheap.ID).ExecX(ctx)
		search.changed()
		first.changed()
		inStock.kept()

		// The one that was found.
		found := w.plain.Track.Query().Where(track.UnitPriceGTE(95)).FirstIDX(ctx)
		c.Track.UpdateOneID(found).SetUnitPrice(2).ExecX(ctx)
		any.right()
		c.Track.Update().SetUnitPrice(2).ExecX(ctx)
		any.changed()
		require.NotZero(t, w.handle.Stats().Irrelevant)
	})
}

// Another goroutine's mutation in the same transaction isn't kept off by locks. What it
// did isn't taken for what this one found.
func TestTrap_MutationsSideBySideInATransaction(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	drv := &between{Driver: w.drv, statement: "SELECT"}
	c := openStore(drv)
	c.Intercept(w.handle.Interceptor())
	cheap := w.watch("cheap jazz", func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Where(track.GenreID(1), track.UnitPriceLT(15)).CountX(ctx))
	})
	tx, err := c.Tx(ctx)
	require.NoError(t, err)
	drv.f = func() { tx.Track.UpdateOneID(1).SetGenreID(2).ExecX(ctx) }
	tx.Track.UpdateOneID(1).SetUnitPrice(100).ExecX(ctx)
	require.Nil(t, drv.f, "nothing ran between the update and what Ent reads behind it")
	require.NoError(t, tx.Commit())
	cheap.changed()
}

// That there are rows is known from one of them, and nobody who wants rows gets that.
func TestTrap_ExistIsNotFirst(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	q := w.cached.Track.Query().Where(track.GenreID(1))
	require.True(t, q.Clone().ExistX(ctx))
	require.Equal(t, []string{"Track: hit"}, outcomes(t, ctx, func(ctx context.Context) { q.Clone().ExistX(ctx) }))
	require.Equal(t, []string{"Track: miss"}, outcomes(t, ctx, func(ctx context.Context) { q.Clone().FirstIDX(ctx) }))
	require.Equal(t, []string{"Track: hit"}, outcomes(t, ctx, func(ctx context.Context) { q.Clone().FirstIDX(ctx) }))
	newTrack(w.cached, "another", 1).ExecX(ctx)
	require.Equal(t, []string{"Track: hit"}, outcomes(t, ctx, func(ctx context.Context) { q.Clone().ExistX(ctx) }))
	require.Equal(t, []string{"Track: miss"}, outcomes(t, ctx, func(ctx context.Context) { q.Clone().FirstIDX(ctx) }))

	// None found depends on what comes.
	none := w.cached.Track.Query().Where(track.UnitPriceGT(1000))
	require.False(t, none.Clone().ExistX(ctx))
	newTrack(w.cached, "cheap", 1000).ExecX(ctx)
	require.Equal(t, []string{"Track: hit"}, outcomes(t, ctx, func(ctx context.Context) { require.False(t, none.Clone().ExistX(ctx)) }))
	newTrack(w.cached, "dear", 1001).ExecX(ctx)
	require.True(t, none.Clone().ExistX(ctx))
}

// Explain blames the write that mattered.
func TestTrap_ExplainNamesTheWriteThatMattered(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	count := func(ctx context.Context) { w.cached.Track.Query().Where(track.UnitPriceLT(15)).CountX(ctx) }
	count(ctx)
	newTrack(w.cached, "dear", 100).ExecX(ctx)
	cheap := newTrack(w.cached, "cheap", 1).SaveX(ctx)
	newTrack(w.cached, "dearer", 200).ExecX(ctx)
	x := explain(t, ctx, count)
	require.Equal(t, cache.Miss, x[0].Outcome)
	require.Equal(t, cache.WriteCreate, x[0].Invalidation.By.Op)
	require.Equal(t, []any{int64(cheap.ID)}, x[0].Invalidation.By.IDs)
	require.Equal(t, "created(tracks)", x[0].Invalidation.Facts[0].String())
}
