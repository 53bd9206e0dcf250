package traps

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/stretchr/testify/require"

	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// newRaw is newStore with a client that sees raw statements.
func newRaw(t *testing.T, name string, opts ...entcache.Option) *world[*store.Client] {
	t.Helper()
	w := newStore(t, name, opts...)
	w.cached = openStore(entcache.Driver(w.drv, w.handle.Interceptor()))
	w.cached.Intercept(w.handle.Interceptor())
	return w
}

// released waits until the rows of a statement that were closed have ended it.
func (w *world[C]) released() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.handle.Stats().Held == 0 }, 10*time.Second, time.Millisecond)
}

// rawQuery is a query with placeholders of the dialect.
func (w *world[C]) rawQuery(query string) string {
	for i := 1; w.dialect == dialect.Postgres && strings.Contains(query, "?"); i++ {
		query = strings.Replace(query, "?", fmt.Sprintf("$%d", i), 1)
	}
	return query
}

func priceAt(id int) func(context.Context, *store.Client) string {
	return func(ctx context.Context, c *store.Client) string {
		n, err := c.Track.Get(ctx, id)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(n.UnitPrice)
	}
}

func prices(ctx context.Context, c *store.Client) string {
	return show(c.Track.Query().AllX(ctx), func(n *store.Track) string { return fmt.Sprint(n.ID, "=", n.UnitPrice) })
}

func names(ctx context.Context, c *store.Client) string {
	return sorted(c.Track.Query().Where(track.MillisecondsGT(1)).Order(track.ByName()).Select(track.FieldName).StringsX(ctx))
}

// What a raw statement writes is seen, and a row's write only by what depends on
// the row or on the column.
func TestTrap_RawStatements(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newRaw(t, name)
		ctx := t.Context()
		one, two, all, other := w.watch("track 1", priceAt(1)), w.watch("track 2", priceAt(2)), w.watch("prices", prices), w.watch("names", names)
		exec := func(query string, args ...any) {
			_, err := w.cached.ExecContext(ctx, w.rawQuery(query), args...)
			require.NoError(t, err)
		}
		exec("UPDATE tracks SET unit_price = ? WHERE id = ?", 77, 1)
		one.changed()
		two.kept()
		all.changed()
		other.kept()
		exec("UPDATE tracks SET unit_price = unit_price + 1")
		one.changed()
		two.changed()
		all.changed()
		exec("DELETE FROM playlist_tracks")
		one.kept()
		exec("DELETE FROM tracks WHERE id IN (?)", 2)
		one.kept()
		two.changed()
		all.changed()
		other.changed()
		if name != dialect.MySQL {
			rows, err := w.cached.QueryContext(ctx, w.rawQuery("UPDATE tracks SET unit_price = ? WHERE id = 1 RETURNING unit_price"), 5)
			require.NoError(t, err)
			require.True(t, rows.Next())
			require.NoError(t, rows.Close())
			require.EqualValues(t, 5, w.cached.Track.GetX(ctx, 1).UnitPrice, "read at once")
			w.released()
			one.changed()
		}
		exec("/* from a report */ UPDATE tracks SET unit_price = 9 -- all of them")
		one.changed()
		all.changed()
		rows, err := w.cached.QueryContext(ctx, "SELECT count(*), lower('A') FROM tracks")
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		one.kept()
		all.kept()
		w.released()
	})
}

// In a transaction it takes effect with Commit and not before.
func TestTrap_RawStatementsInTransactions(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newRaw(t, name)
		ctx := t.Context()
		for _, debug := range []bool{false, true} {
			c := w.cached
			if debug {
				c = c.Debug()
			}
			one, three := w.watch("track 1", priceAt(1)), w.watch("track 3", priceAt(3))
			begin := func() *store.Tx {
				tx, err := c.BeginTx(ctx, &sql.TxOptions{})
				require.NoError(t, err)
				return tx
			}
			tx := begin()
			_, err := tx.ExecContext(ctx, "UPDATE tracks SET unit_price = unit_price + 100 WHERE id = 1")
			require.NoError(t, err)
			if name != dialect.SQLite { // which would wait for the writer
				one.kept()
			}
			require.NoError(t, tx.Rollback())
			one.kept()

			tx = begin()
			_, err = tx.ExecContext(ctx, "UPDATE tracks SET unit_price = unit_price + 100 WHERE id = 1")
			require.NoError(t, err)
			tx.Track.UpdateOneID(3).AddUnitPrice(1).ExecX(ctx)
			_, err = tx.Client().ExecContext(ctx, "UPDATE tracks SET unit_price = unit_price + 1 WHERE id = 2")
			require.NoError(t, err)
			require.NoError(t, tx.Commit())
			one.changed()
			three.changed()
			require.Zero(t, w.handle.Stats().Held)
		}
	})
}

// A mutation's own statements aren't raw ones, but what its hooks run is.
func TestTrap_RawStatementsInHooks(t *testing.T) {
	w := newRaw(t, dialect.SQLite)
	ctx := t.Context()
	one, two, three := w.watch("track 1", priceAt(1)), w.watch("track 2", priceAt(2)), w.watch("track 3", priceAt(3))
	w.cached.Track.UpdateOneID(3).SetUnitPrice(8).ExecX(ctx)
	one.kept()
	three.changed()
	w.cached.Track.Use(func(next store.Mutator) store.Mutator {
		return store.MutateFunc(func(ctx context.Context, m store.Mutation) (store.Value, error) {
			if _, err := w.cached.ExecContext(ctx, "UPDATE tracks SET unit_price = 6 WHERE id = 1"); err != nil {
				return nil, err
			}
			return next.Mutate(ctx, m)
		})
	})
	w.cached.Track.UpdateOneID(3).SetUnitPrice(9).ExecX(ctx)
	one.changed()
	two.kept()
	three.changed()
}

// A client without the interceptor writes what is raw SQL to the wrapped driver.
func TestTrap_RawMutationsOfOtherClients(t *testing.T) {
	w := newRaw(t, dialect.SQLite)
	one := w.watch("track 1", priceAt(1))
	job := openStore(entcache.Driver(w.drv, w.handle.Interceptor()))
	job.Track.UpdateOneID(1).SetUnitPrice(8).ExecX(t.Context())
	one.changed()
	// And so does one with another cache.
	other := newHandle(t)
	job.Intercept(other.Interceptor())
	job.Track.UpdateOneID(1).SetUnitPrice(9).ExecX(t.Context())
	one.changed()
}

// A transaction that is begun by a statement keeps everything uncached until it
// ends.
func TestTrap_RawTransactions(t *testing.T) {
	w := newRaw(t, dialect.SQLite)
	w.db.SetMaxOpenConns(1)
	ctx := t.Context()
	one := w.watch("track 1", priceAt(1))
	exec := func(query string) {
		_, err := w.cached.ExecContext(ctx, query)
		require.NoError(t, err)
	}
	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		before := priceAt(1)(ctx, w.cached)
		exec("BEGIN")
		exec("UPDATE tracks SET unit_price = unit_price + 1 WHERE id = 1")
		require.NotEqual(t, before, priceAt(1)(ctx, w.cached), "the only connection sees what isn't committed")
		require.NotZero(t, w.handle.Stats().Held)
		exec(end)
		require.Zero(t, w.handle.Stats().Held)
		if end == "COMMIT" {
			one.changed()
		} else {
			require.Equal(t, before, priceAt(1)(ctx, w.cached))
			one.right()
		}
	}
}

// Rows that Ent scans end the write when they are closed.
func TestTrap_RawRowsEndTheWrite(t *testing.T) {
	w := newRaw(t, dialect.SQLite)
	ctx := t.Context()
	one := w.watch("track 1", priceAt(1))
	drv := entcache.Driver(w.drv, w.handle.Interceptor())
	var rows entsql.Rows
	require.NoError(t, drv.Query(ctx, "UPDATE tracks SET unit_price = 5 WHERE id = 1 RETURNING id", []any{}, &rows))
	require.NotZero(t, w.handle.Stats().Held)
	require.NoError(t, rows.Close())
	w.released()
	one.changed()

	live, err := w.cached.QueryContext(ctx, "UPDATE tracks SET unit_price = 6 WHERE id = 1 RETURNING id")
	require.NoError(t, err)
	require.NotZero(t, w.handle.Stats().Held)
	require.NoError(t, live.Close())
	w.released()
	one.changed()
}

// Migrations run on the driver, and drop everything.
func TestTrap_RawMigrations(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newRaw(t, name, entcache.WithLogger(slog.New(slog.DiscardHandler)))
		ctx := t.Context()
		one := w.watch("track 1", priceAt(1))
		w.exec("UPDATE tracks SET unit_price = 50 WHERE id = 1")
		w.exec("ALTER TABLE tracks ADD COLUMN unknown_to_ent integer")
		require.NoError(t, w.cached.Schema.Create(ctx, schema.WithDropColumn(true)))
		one.changed()
		w.released()
		empty := entsql.OpenDB(name, testdb.Open(t, name))
		require.NoError(t, openStore(entcache.Driver(empty, w.handle.Interceptor())).Schema.Create(ctx))
	})
}

// commenting is a driver that adds a comment to every statement.
type commenting struct{ dialect.Driver }

const comment = " /* by the program */"

func (d commenting) Unwrap() dialect.Driver { return d.Driver }

func (d commenting) Exec(ctx context.Context, query string, args, v any) error {
	return d.Driver.Exec(ctx, query+comment, args, v)
}

func (d commenting) Query(ctx context.Context, query string, args, v any) error {
	return d.Driver.Query(ctx, query+comment, args, v)
}

// Drivers that change statements work on either side of it. Behind it mutations
// stay as precise as they are.
func TestTrap_RawBetweenDrivers(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	in := w.handle.Interceptor()
	for name, drv := range map[string]dialect.Driver{
		"behind": entcache.Driver(commenting{w.drv}, in),
		"before": commenting{entcache.Driver(w.drv, in)},
		"twice":  entcache.Driver(dialect.Debug(entcache.Driver(w.drv, in), func(...any) {}), in),
	} {
		w.cached = openStore(drv)
		w.cached.Intercept(in)
		one, two := w.watch("track 1", priceAt(1)), w.watch("track 2", priceAt(2))
		w.cached.Track.UpdateOneID(1).AddUnitPrice(1).ExecX(ctx)
		one.changed()
		two.kept()
		require.NoError(t, drv.Exec(ctx, "UPDATE tracks SET unit_price = unit_price + 1 WHERE id = 2", []any{}, nil), name)
		one.kept()
		two.changed()
		w.cached.Track.Create().SetName("new").SetMilliseconds(1).SetMediaTypeID(1).SetAlbumID(1).SetUnitPrice(1).ExecX(ctx)
		one.kept()
	}
}

// A client over a transaction that the program opened has raw statements, too.
func TestTrap_RawForeignTransactions(t *testing.T) {
	w := newRaw(t, dialect.SQLite)
	ctx := t.Context()
	one, two := w.watch("track 1", priceAt(1)), w.watch("album 1", func(ctx context.Context, c *store.Client) string { return c.Album.GetX(ctx, 1).Title })
	func() {
		tx, err := w.db.BeginTx(ctx, nil)
		require.NoError(t, err)
		drv := entcache.Driver(entsql.NewDriver(w.dialect, entsql.Conn{ExecQuerier: tx}), w.handle.Interceptor())
		require.NoError(t, drv.Exec(ctx, "UPDATE tracks SET unit_price = 3 WHERE id = 1", []any{}, nil))
		two.kept()
		require.NotZero(t, w.handle.Stats().Held, "nobody says when it commits")
		require.NoError(t, tx.Commit())
		require.Equal(t, "3", priceAt(1)(ctx, w.cached))
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return w.handle.Stats().Held == 0
	}, 10*time.Second, time.Millisecond)
	one.changed()
}

// A cache that was forgotten is told as well, once it has read through the driver.
func TestTrap_RawWithAnotherCache(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	w.cached = openStore(dialect.Debug(entcache.Driver(w.drv, newHandle(t).Interceptor()), func(...any) {}))
	w.cached.Intercept(w.handle.Interceptor())
	one := w.watch("track 1", priceAt(1))
	_, err := w.cached.ExecContext(ctx, "UPDATE tracks SET unit_price = 7 WHERE id = 1")
	require.NoError(t, err)
	one.changed()
}
