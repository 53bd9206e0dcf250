package traps

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	store "github.com/entcache/ent-cache/ent"
	storehook "github.com/entcache/ent-cache/ent/hook"
	"github.com/entcache/ent-cache/ent/track"
	tenant "github.com/entcache/ent-cache/internal/schemas/tenant/ent"
	_ "github.com/entcache/ent-cache/internal/schemas/tenant/ent/runtime"
	"github.com/entcache/ent-cache/internal/schemas/tenant/ent/schema"
	"github.com/entcache/ent-cache/internal/schemas/tenant/tenancy"
	upsert "github.com/entcache/ent-cache/internal/schemas/upsert/ent"
	"github.com/entcache/ent-cache/internal/schemas/upsert/ent/price"
	upstore "github.com/entcache/ent-cache/internal/schemas/upsert/ent/store"
	"github.com/entcache/ent-cache/internal/testdb"
)

// What a hook asks its mutation goes through our own interceptor. It must come
// from the database, and cost no entry.
func TestTrap_T07_HooksReadFromTheDatabase(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	var old, read int64
	var ids []int
	w.cached.Track.Use(func(next ent.Mutator) ent.Mutator {
		return storehook.TrackFunc(func(ctx context.Context, m *store.TrackMutation) (ent.Value, error) {
			var err error
			if m.Op().Is(ent.OpUpdateOne) {
				if old, err = m.OldUnitPrice(ctx); err != nil {
					return nil, err
				}
			}
			if ids, err = m.IDs(ctx); err != nil {
				return nil, err
			}
			read = m.Client().Track.GetX(ctx, 1).UnitPrice
			return next.Mutate(ctx, m)
		})
	})
	// The cache knows nothing of these two writes.
	w.cached.Track.GetX(ctx, 1)
	w.cached.Track.Query().Where(track.GenreID(1)).IDsX(ctx)
	w.exec("UPDATE tracks SET unit_price = 77 WHERE id = 1")
	w.exec("UPDATE tracks SET genre_id = 1 WHERE id = 3")
	require.EqualValues(t, 10, w.cached.Track.GetX(ctx, 1).UnitPrice, "the entry is there")

	w.cached.Track.UpdateOneID(1).SetName("x").ExecX(ctx)
	require.EqualValues(t, 77, old)
	require.EqualValues(t, 77, read)
	w.exec("UPDATE tracks SET unit_price = 78 WHERE id = 1")
	w.cached.Track.Update().Where(track.GenreID(1)).SetName("y").ExecX(ctx)
	require.Equal(t, "[1 2 3]", sorted(ids))
	require.EqualValues(t, 78, read)
}

func newUpsert(t *testing.T, name string) *world[*upsert.Client] {
	t.Helper()
	w := newWorld(t, name, func(d dialect.Driver) *upsert.Client { return upsert.NewClient(upsert.Driver(d)) },
		func(c *upsert.Client) error { return c.Schema.Create(t.Context()) })
	ctx := t.Context()
	st := w.plain.Store.Create().SetName("one").SaveX(ctx)
	w.plain.Store.Create().SetName("two").ExecX(ctx)
	w.plain.Price.Create().SetStore(st).SetArticle("tea").SetCents(100).ExecX(ctx)
	w.plain.Price.Create().SetStore(st).SetArticle("milk").SetCents(200).ExecX(ctx)
	return w
}

// An insert with a conflict clause looks like a create to a hook and may update
// any row.
func TestTrap_T10_Upserts(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newUpsert(t, name)
		ctx := t.Context()
		keys := entsql.ConflictColumns(price.FieldStoreID, price.FieldArticle)
		if name == dialect.MySQL {
			keys = entsql.ResolveWithNewValues()
		}
		one := w.watch("row", func(ctx context.Context, c *upsert.Client) string { return fmt.Sprint(c.Price.GetX(ctx, 1)) })
		article := w.watch("group", func(ctx context.Context, c *upsert.Client) string {
			return show(c.Price.Query().Where(price.Article("tea")).AllX(ctx), func(p *upsert.Price) string { return fmt.Sprint(p.Cents, p.Version) })
		})
		sum := w.watch("sum", func(ctx context.Context, c *upsert.Client) string {
			return fmt.Sprint(c.Price.Query().Aggregate(upsert.Sum(price.FieldCents)).IntX(ctx))
		})
		with := w.watch("stores with prices", func(ctx context.Context, c *upsert.Client) string {
			return show(c.Store.Query().Where(upstore.HasPrices()).WithPrices().AllX(ctx), func(s *upsert.Store) string {
				return s.Name + show(s.Edges.Prices, func(p *upsert.Price) string { return fmt.Sprint(p.Cents) })
			})
		})
		changed := func() {
			t.Helper()
			one.changed()
			article.changed()
			sum.right()
			with.right()
		}
		create := func(cents int64) *upsert.PriceCreate {
			return w.cached.Price.Create().SetStoreID(1).SetArticle("tea").SetCents(cents)
		}
		create(101).OnConflict(keys).UpdateNewValues().ExecX(ctx)
		changed()
		create(102).OnConflict(keys).Update(func(u *upsert.PriceUpsert) { u.UpdateCents().AddVersion(1) }).ExecX(ctx)
		changed()
		create(103).OnConflict(keys).UpdateCents().ExecX(ctx)
		changed()
		create(104).OnConflict(keys).Ignore().ExecX(ctx)
		one.right()
		if name != dialect.MySQL {
			_ = create(105).OnConflict(keys).DoNothing().Exec(ctx)
			one.right()
		}
		w.cached.Price.CreateBulk(create(106), w.cached.Price.Create().SetStoreID(1).SetArticle("milk").SetCents(206),
			w.cached.Price.Create().SetStoreID(2).SetArticle("tea").SetCents(306)).OnConflict(keys).UpdateNewValues().ExecX(ctx)
		changed()
		w.cached.Price.MapCreateBulk([]int64{107, 207}, func(c *upsert.PriceCreate, i int) {
			c.SetStoreID(1).SetArticle([]string{"tea", "milk"}[i]).SetCents([]int64{107, 207}[i])
		}).OnConflict(keys).Update(func(u *upsert.PriceUpsert) { u.UpdateCents() }).ExecX(ctx)
		changed()

		tx, err := w.cached.Tx(ctx)
		require.NoError(t, err)
		tx.Price.Create().SetStoreID(1).SetArticle("tea").SetCents(108).OnConflict(keys).UpdateNewValues().ExecX(ctx)
		one.kept()
		require.NoError(t, tx.Commit())
		changed()
	})
}

// Bulk creates, with and without hooks of their own.
func TestTrap_CreateBulk(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		count := w.watch("count", func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.Query().CountX(ctx)) })
		jazz := w.watch("jazz", func(ctx context.Context, c *store.Client) string {
			return sorted(c.Track.Query().Where(track.GenreID(1)).IDsX(ctx))
		})
		none := w.watch("row 5", func(ctx context.Context, c *store.Client) string {
			_, err := c.Track.Get(ctx, 5)
			return fmt.Sprint(store.IsNotFound(err))
		})
		list := w.watch("playlist", func(ctx context.Context, c *store.Client) string {
			return fmt.Sprint(len(c.Playlist.Query().WithTracks().OnlyX(ctx).Edges.Tracks))
		})
		create := func() *store.TrackCreate {
			return w.cached.Track.Create().SetName("new").SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(1).SetGenreID(1).AddPlaylistIDs(1)
		}
		all := func() {
			t.Helper()
			count.changed()
			jazz.changed()
			list.changed()
		}
		w.cached.Track.CreateBulk(create(), create()).ExecX(ctx)
		all()
		none.changed()
		w.cached.Track.MapCreateBulk([]int{1, 2}, func(c *store.TrackCreate, i int) {
			c.SetName("new").SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(1).SetGenreID(1).AddPlaylistIDs(1)
		}).ExecX(ctx)
		all()
		// A hook sets what the caller didn't.
		w.cached.Track.Use(func(next ent.Mutator) ent.Mutator {
			return storehook.TrackFunc(func(ctx context.Context, m *store.TrackMutation) (ent.Value, error) {
				m.SetGenreID(2)
				return next.Mutate(ctx, m)
			})
		})
		rock := w.watch("rock", func(ctx context.Context, c *store.Client) string {
			return sorted(c.Track.Query().Where(track.GenreID(2)).IDsX(ctx))
		})
		w.cached.Track.CreateBulk(create(), create()).ExecX(ctx)
		rock.changed()
		count.changed()
		jazz.right()
		// One of them fails.
		bad := w.cached.Track.Create().SetName("bad").SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(99)
		require.Error(t, w.cached.Track.CreateBulk(create(), bad).Exec(ctx))
		count.right()
		rock.right()
	})
}

// Hooks that put another mutation, another context, or both in the place of what
// they were given; that retry; that swallow an error; that add fields.
func TestTrap_HooksThatMeddle(t *testing.T) {
	fresh := func(context.Context) context.Context { return context.Background() }
	same := func(ctx context.Context) context.Context { return ctx }
	for name, hook := range map[string]func(*world[*store.Client]) ent.Hook{
		"fresh context": func(w *world[*store.Client]) ent.Hook { return swap(fresh, false) },
		"copied":        func(w *world[*store.Client]) ent.Hook { return swap(same, true) },
		"copied, fresh": func(w *world[*store.Client]) ent.Hook { return swap(fresh, true) },
		"retries": func(w *world[*store.Client]) ent.Hook {
			return func(next ent.Mutator) ent.Mutator {
				return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
					if _, err := next.Mutate(ctx, m); err != nil {
						return nil, err
					}
					return next.Mutate(ctx, m)
				})
			}
		},
		"fails afterwards": func(w *world[*store.Client]) ent.Hook {
			return func(next ent.Mutator) ent.Mutator {
				return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
					if _, err := next.Mutate(ctx, m); err != nil {
						return nil, err
					}
					return nil, errors.New("afterwards")
				})
			}
		},
		"adds a field": func(w *world[*store.Client]) ent.Hook {
			return func(next ent.Mutator) ent.Mutator {
				return storehook.TrackFunc(func(ctx context.Context, m *store.TrackMutation) (ent.Value, error) {
					if !m.Op().Is(ent.OpCreate | ent.OpDelete | ent.OpDeleteOne) {
						m.SetStock(99)
					}
					return next.Mutate(ctx, m)
				})
			}
		},
		"writes another": func(w *world[*store.Client]) ent.Hook {
			return func(next ent.Mutator) ent.Mutator {
				return storehook.TrackFunc(func(ctx context.Context, m *store.TrackMutation) (ent.Value, error) {
					v, err := next.Mutate(ctx, m)
					if err == nil {
						err = m.Client().Genre.UpdateOneID(1).SetName(fmt.Sprint("genre ", m.Op())).Exec(ctx)
					}
					return v, err
				})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newStore(t, dialect.SQLite)
			w.cached.Track.Use(hook(w))
			ctx := t.Context()
			price := w.watch("price", func(ctx context.Context, c *store.Client) string {
				return show(c.Track.Query().AllX(ctx), func(t *store.Track) string { return fmt.Sprint(t.ID, t.UnitPrice, t.Stock) })
			})
			stock := w.watch("stock", func(ctx context.Context, c *store.Client) string {
				return sorted(c.Track.Query().Where(track.StockGT(0)).IDsX(ctx))
			})
			genre := w.watch("genre", func(ctx context.Context, c *store.Client) string { return c.Genre.GetX(ctx, 1).Name })
			check := func() {
				t.Helper()
				price.changed()
				stock.right()
				genre.right()
			}
			_ = w.cached.Track.UpdateOneID(1).SetUnitPrice(5).Exec(ctx)
			check()
			_ = w.cached.Track.Update().Where(track.ID(2)).SetUnitPrice(6).Exec(ctx)
			check()
			create := func() *store.TrackCreate {
				return w.cached.Track.Create().SetName("new").SetMilliseconds(1).SetUnitPrice(7).SetMediaTypeID(1)
			}
			_ = create().Exec(ctx)
			check()
			_ = w.cached.Track.CreateBulk(create(), create()).Exec(ctx)
			check()
			if name != "retries" { // the second time there is nothing to delete
				_ = w.cached.Track.DeleteOneID(1).Exec(ctx)
				check()
			}
			_, _ = w.cached.Track.Delete().Where(track.ID(2)).Exec(ctx)
			check()

			tx, err := w.cached.Tx(ctx)
			require.NoError(t, err)
			_ = tx.Track.UpdateOneID(3).SetUnitPrice(8).Exec(ctx)
			_ = tx.Track.Create().SetName("new").SetMilliseconds(1).SetUnitPrice(9).SetMediaTypeID(1).Exec(ctx)
			price.kept()
			require.NoError(t, tx.Commit())
			check()
		})
	}
}

// swap passes on a context of its own, and a mutation of its own if copied.
func swap(f func(context.Context) context.Context, copied bool) ent.Hook {
	return func(next ent.Mutator) ent.Mutator {
		return storehook.TrackFunc(func(ctx context.Context, m *store.TrackMutation) (ent.Value, error) {
			if !copied {
				return next.Mutate(f(ctx), m)
			}
			var other *store.TrackMutation
			switch c := m.Client().Track; {
			case m.Op().Is(ent.OpCreate):
				other = c.Create().Mutation()
			case m.Op().Is(ent.OpUpdateOne):
				id, _ := m.ID()
				other = c.UpdateOneID(id).Mutation()
			case m.Op().Is(ent.OpUpdate):
				other = c.Update().Mutation()
			case m.Op().Is(ent.OpDeleteOne):
				id, _ := m.ID()
				other = c.UpdateOneID(id).Mutation()
				other.SetOp(ent.OpDeleteOne)
			default:
				other = c.Update().Mutation()
				other.SetOp(ent.OpDelete)
			}
			for _, name := range m.Fields() {
				v, _ := m.Field(name)
				if err := other.SetField(name, v); err != nil {
					return nil, err
				}
			}
			if m.Op().Is(ent.OpUpdate | ent.OpDelete) {
				ids, err := m.IDs(ctx)
				if err != nil {
					return nil, err
				}
				other.Where(track.IDIn(ids...))
			}
			if m.Op().Is(ent.OpDeleteOne) {
				id, _ := m.ID()
				other.Where(track.ID(id))
			}
			return next.Mutate(f(ctx), other)
		})
	}
}

// Modifiers of an update write what no field says.
func TestTrap_UpdatesWithModifiers(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		stock := w.watch("by stock", func(ctx context.Context, c *store.Client) string {
			return sorted(c.Track.Query().Where(track.Stock(10)).IDsX(ctx))
		})
		get := w.watch("row", func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.GetX(ctx, 1).Stock) })
		w.cached.Track.UpdateOneID(1).Modify(func(u *entsql.UpdateBuilder) { u.Set(track.FieldStock, 10) }).ExecX(ctx)
		stock.changed()
		get.changed()
		w.cached.Track.Update().Where(track.IDIn(1, 2)).Modify(func(u *entsql.UpdateBuilder) { u.Set(track.FieldStock, 11) }).ExecX(ctx)
		stock.changed()
		get.changed()
	})
}

func newTenant(t *testing.T, name string) *world[*tenant.Client] {
	t.Helper()
	return newWorld(t, name, func(d dialect.Driver) *tenant.Client { return tenant.NewClient(tenant.Driver(d)) },
		func(c *tenant.Client) error { return c.Schema.Create(t.Context()) })
}

// A soft delete turns a delete into an update and dispatches it again.
func TestTrap_T15_SoftDeletes(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newTenant(t, name)
		ctx := tenancy.NewContext(t.Context(), "a")
		var users []*tenant.User
		for i := range 4 {
			u := w.plain.User.Create().SetName(fmt.Sprint(i)).SaveX(ctx)
			w.plain.Pet.Create().SetName(fmt.Sprint(i)).SetOwner(u).ExecX(ctx)
			users = append(users, u)
		}
		list := w.watchAs(ctx, "users", func(ctx context.Context, c *tenant.Client) string { return sorted(c.User.Query().IDsX(ctx)) })
		pets := w.watchAs(ctx, "pets", func(ctx context.Context, c *tenant.Client) string {
			return show(c.User.Query().WithPets().AllX(ctx), func(u *tenant.User) string { return fmt.Sprint(u.ID, len(u.Edges.Pets)) })
		})
		get := w.watchAs(ctx, "user", func(ctx context.Context, c *tenant.Client) string {
			_, err := c.User.Get(ctx, users[0].ID)
			return fmt.Sprint(err)
		})
		all := w.watchAs(schema.SkipSoftDelete(ctx), "with deleted ones", func(ctx context.Context, c *tenant.Client) string {
			return show(c.User.Query().AllX(ctx), func(u *tenant.User) string { return fmt.Sprint(u.ID, u.DeleteTime.IsZero()) })
		})
		w.cached.User.DeleteOne(users[0]).ExecX(ctx)
		list.changed()
		get.changed()
		all.changed()
		pets.changed()
		w.cached.User.Delete().Where(func(s *sqlSelector) { s.Where(entsql.EQ("id", users[1].ID)) }).ExecX(ctx)
		list.changed()
		all.changed()
		w.cached.Pet.Delete().ExecX(ctx)
		pets.changed()
		w.cached.User.DeleteOne(users[2]).ExecX(schema.SkipSoftDelete(ctx))
		list.changed()
		all.changed()
		tx, err := w.cached.Tx(ctx)
		require.NoError(t, err)
		tx.User.DeleteOneID(users[3].ID).ExecX(ctx)
		list.kept()
		require.NoError(t, tx.Commit())
		list.changed()
		all.changed()
	})
}
