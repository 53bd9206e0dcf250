package traps

import (
	"context"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	fields "github.com/entcache/ent-cache/internal/schemas/fields/ent"
	"github.com/entcache/ent-cache/internal/testdb"
)

// An entity carries the driver of its builder: what is read and written through
// it works, inside and outside transactions, and is cached and invalidates.
func TestTrap_T05_EntitiesWorkLikeUncachedOnes(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		price := w.watch("price", func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.GetX(ctx, 1).UnitPrice) })
		var hit *store.Track
		hits(t, ctx, func(ctx context.Context) { hit = w.cached.Track.GetX(ctx, 1) })

		hit = hit.Update().SetUnitPrice(11).SaveX(ctx)
		price.changed()
		hit.Update().SetUnitPrice(12).ExecX(ctx)
		price.changed()

		hit.QueryAlbum().OnlyX(ctx)
		hits(t, ctx, func(ctx context.Context) { require.Equal(t, "first", hit.QueryAlbum().OnlyX(ctx).Title) })
		require.Panics(t, func() { hit.Unwrap() }, "it is of no transaction")

		tx, err := w.cached.Tx(ctx)
		require.NoError(t, err)
		inside := tx.Track.GetX(ctx, 1)
		require.Equal(t, []string{"Album: bypass: in a transaction"}, outcomes(t, ctx, func(ctx context.Context) { inside.QueryAlbum().OnlyX(ctx) }))
		inside = inside.Update().SetUnitPrice(13).SaveX(ctx)
		price.kept()
		require.NoError(t, tx.Commit())
		price.changed()
		outside := inside.Unwrap()
		outside.QueryAlbum().OnlyX(ctx)
		hits(t, ctx, func(ctx context.Context) { outside.QueryAlbum().OnlyX(ctx) })
		outside.Update().SetUnitPrice(14).ExecX(ctx)
		price.changed()

		w.cached.Track.DeleteOne(outside).ExecX(ctx)
		_, err = w.cached.Track.Get(ctx, 1)
		require.True(t, store.IsNotFound(err))
	})
}

// A builder may be used again, and cloned; the cache leaves nothing in it.
func TestTrap_T05_BuildersCanBeUsedAgain(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	q := w.cached.Track.Query().Where(track.GenreID(1))
	require.Equal(t, 2, q.CountX(ctx))
	require.Equal(t, "[1 2]", sorted(q.Clone().IDsX(ctx)))
	require.Len(t, q.Clone().AllX(ctx), 2)
	hits(t, ctx, func(ctx context.Context) { require.Len(t, q.Clone().AllX(ctx), 2) })

	list := w.watch("count", func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.Query().CountX(ctx)) })
	b := w.cached.Track.Create().SetName("again").SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(1)
	for range 3 {
		b.SaveX(ctx)
		list.changed()
	}
	u := w.cached.Track.Update().Where(track.Name("again")).AddStock(1)
	stock := w.watch("stock", func(ctx context.Context, c *store.Client) string {
		return sorted(c.Track.Query().Select(track.FieldStock).IntsX(ctx))
	})
	for range 3 {
		u.ExecX(ctx)
		stock.changed()
	}
}

// Whoever gets a result may do with it what he likes.
func TestTrap_T06_CallersCannotCorruptEntries(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newFields(t, name)
		ctx := t.Context()
		w.plain.Item.Create().SetName("n").SetColor(red).SetDigest([]byte("digest")).SetTags([]string{"a", "b"}).
			SetAttributes(map[string]any{"k": "v"}).ExecX(ctx)
		read := func(ctx context.Context) *fields.Item { return w.cached.Item.Query().OnlyX(ctx) }
		want := fmt.Sprint(read(ctx))
		for range 3 {
			hits(t, ctx, func(ctx context.Context) {
				got := read(ctx)
				require.Equal(t, want, fmt.Sprint(got))
				require.Equal(t, "digest", string(got.Digest))
				got.Name = "changed"
				got.Digest[0] = 'X'
				got.Digest = append(got.Digest[:0], "overwritten"...)
				got.Tags[0] = "changed"
				got.Attributes["k"] = "changed"
			})
		}
		raw := func(ctx context.Context) (out [][]byte) {
			w.cached.Item.Query().Select("digest").ScanX(ctx, &out)
			return out
		}
		raw(ctx)
		for range 3 {
			hits(t, ctx, func(ctx context.Context) {
				got := raw(ctx)
				require.Equal(t, "digest", string(got[0]))
				got[0][0] = 'X'
			})
		}
	})
}

// Every operation of a query answers from a hit as from the database: what the
// caller passed is filled, and not singular and not found stay errors.
func TestTrap_T16_EveryOperationFromHits(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		result := func(v any, err error) string {
			switch {
			case store.IsNotFound(err):
				return "not found"
			case store.IsNotSingular(err):
				return "not singular"
			case err != nil:
				panic(err)
			}
			return fmt.Sprint(v)
		}
		q := func(c *store.Client) *store.TrackQuery { return c.Track.Query().Order(track.ByID()) }
		none := track.Name("none")
		watches := make(map[string]*watch[*store.Client])
		for name, read := range map[string]func(context.Context, *store.Client) string{
			"All":          func(ctx context.Context, c *store.Client) string { return sorted(q(c).IDsX(ctx)) },
			"First":        func(ctx context.Context, c *store.Client) string { return result(q(c).First(ctx)) },
			"FirstID":      func(ctx context.Context, c *store.Client) string { return result(q(c).FirstID(ctx)) },
			"Only":         func(ctx context.Context, c *store.Client) string { return result(q(c).Where(track.ID(1)).Only(ctx)) },
			"OnlyID":       func(ctx context.Context, c *store.Client) string { return result(q(c).Where(track.ID(1)).OnlyID(ctx)) },
			"not singular": func(ctx context.Context, c *store.Client) string { return result(q(c).Only(ctx)) },
			"id of many":   func(ctx context.Context, c *store.Client) string { return result(q(c).OnlyID(ctx)) },
			"not found":    func(ctx context.Context, c *store.Client) string { return result(q(c).Where(none).Only(ctx)) },
			"no first":     func(ctx context.Context, c *store.Client) string { return result(q(c).Where(none).First(ctx)) },
			"no id":        func(ctx context.Context, c *store.Client) string { return result(q(c).Where(none).FirstID(ctx)) },
			"Get":          func(ctx context.Context, c *store.Client) string { return result(c.Track.Get(ctx, 99)) },
			"Exist":        func(ctx context.Context, c *store.Client) string { return result(q(c).Exist(ctx)) },
			"no Exist":     func(ctx context.Context, c *store.Client) string { return result(q(c).Where(none).Exist(ctx)) },
			"Count":        func(ctx context.Context, c *store.Client) string { return result(c.Track.Query().Count(ctx)) },
			"Strings": func(ctx context.Context, c *store.Client) string {
				return result(q(c).Select(track.FieldName).Strings(ctx))
			},
			"Aggregate": func(ctx context.Context, c *store.Client) string {
				return result(c.Track.Query().Aggregate(store.Max(track.FieldUnitPrice)).Int(ctx))
			},
			"Scan": func(ctx context.Context, c *store.Client) string {
				var out []struct {
					Name  string `json:"name"`
					Price int64  `json:"unit_price"`
				}
				err := q(c).Select(track.FieldName, track.FieldUnitPrice).Scan(ctx, &out)
				return result(out, err)
			},
			"GroupBy": func(ctx context.Context, c *store.Client) string {
				var out []struct {
					GenreID int     `json:"genre_id"`
					N       int     `json:"n"`
					Sum     int     `json:"sum"`
					Mean    float64 `json:"mean"`
				}
				err := c.Track.Query().GroupBy(track.FieldGenreID).
					Aggregate(store.As(store.Count(), "n"), store.As(store.Sum(track.FieldUnitPrice), "sum"), store.As(store.Mean(track.FieldUnitPrice), "mean")).Scan(ctx, &out)
				return result(sorted(out), err)
			},
		} {
			watches[name] = w.watch(name, read)
		}
		ctx := t.Context()
		w.cached.Track.UpdateOneID(1).SetUnitPrice(31).SetName("first").ExecX(ctx)
		for _, x := range watches {
			x.right()
		}
		watches["Aggregate"].last = "30"
		watches["Aggregate"].changed()
		w.cached.Track.Create().SetName("none").SetMilliseconds(1).SetUnitPrice(99).SetMediaTypeID(1).SetGenreID(2).ExecX(ctx)
		for _, name := range []string{"All", "not found", "no first", "no id", "no Exist", "Count", "Strings", "Aggregate", "Scan", "GroupBy"} {
			watches[name].changed()
		}
		w.cached.Track.Delete().ExecX(ctx)
		for name, x := range watches {
			if name == "Aggregate" {
				continue // SUM and MAX of no rows are NULL, which Ent can't scan
			}
			x.right()
		}
		require.Equal(t, "not found", watches["First"].last)
	})
}
