package traps

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/internal/testdb"
)

func priceOf(id int) func(context.Context, *store.Client) string {
	return func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.GetX(ctx, id).UnitPrice) }
}

// A debug driver hides a transaction from whoever looks at the driver.
func TestTrap_T08_DebugInsideTransaction(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		x := w.watch("price", priceOf(1))
		tx, err := w.cached.Tx(ctx)
		require.NoError(t, err)
		c := tx.Client().Debug().Debug()
		c.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
		bypasses(t, ctx, cache.InTransaction, func(ctx context.Context) {
			require.EqualValues(t, 11, c.Track.GetX(ctx, 1).UnitPrice)
		})
		x.kept()
		require.NoError(t, tx.Commit())
		x.changed()

		tx, err = w.cached.Debug().Tx(ctx)
		require.NoError(t, err)
		tx.Client().Debug().Track.UpdateOneID(1).SetUnitPrice(12).ExecX(ctx)
		x.kept()
		require.NoError(t, tx.Rollback())
		x.kept()
	})
}

// Reads in a transaction see what it wrote, and leave nothing behind.
func TestTrap_T09_ReadsInsideTransactions(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		x := w.watch("price", priceOf(1))
		tx, err := w.cached.Tx(ctx)
		require.NoError(t, err)
		tx.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
		tx.Track.UpdateOneID(2).SetUnitPrice(21).ExecX(ctx)
		for _, c := range []*store.Client{tx.Client(), tx.Client().Debug()} {
			bypasses(t, ctx, cache.InTransaction, func(ctx context.Context) {
				require.EqualValues(t, 11, c.Track.GetX(ctx, 1).UnitPrice)
				require.EqualValues(t, 21, c.Track.GetX(ctx, 2).UnitPrice)
				require.Equal(t, 62, c.Track.Query().Aggregate(store.Sum("unit_price")).IntX(ctx))
				c.Playlist.Query().WithTracks().AllX(ctx)
			})
		}
		require.NoError(t, tx.Rollback())
		x.kept()
		require.EqualValues(t, 20, w.cached.Track.GetX(ctx, 2).UnitPrice)
		_, err = tx.Track.Get(ctx, 1)
		require.ErrorIs(t, err, sql.ErrTxDone, "a finished transaction stays finished")
	})
}

// Options of a transaction reach the database through the cache's driver, and
// the transaction is one like others.
func TestTrap_BeginTxWithOptions(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		x := w.watch("price", priceOf(1))
		opts := &sql.TxOptions{Isolation: sql.LevelSerializable}
		tx, err := w.cached.BeginTx(ctx, opts)
		require.NoError(t, err)
		tx.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
		x.kept()
		require.NoError(t, tx.Commit())
		x.changed()

		if name == dialect.SQLite {
			return
		}
		tx, err = w.cached.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		require.NoError(t, err)
		bypasses(t, ctx, cache.InTransaction, func(ctx context.Context) { tx.Track.GetX(ctx, 1) })
		require.NoError(t, tx.Rollback())
		tx, err = w.cached.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		require.NoError(t, err)
		require.Error(t, tx.Track.UpdateOneID(1).SetUnitPrice(12).Exec(ctx), "the option reached the database")
		require.NoError(t, tx.Rollback())
		x.kept()
	})
}

// lossy is a driver of which the commits are done and reported as failed.
type lossy struct {
	dialect.Driver
	err error
}

func (d *lossy) Unwrap() dialect.Driver { return d.Driver }

func (d *lossy) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := d.Driver.Tx(ctx)
	return &lossyTx{Tx: tx, d: d}, err
}

type lossyTx struct {
	dialect.Tx
	d *lossy
}

func (t *lossyTx) Commit() error { return errors.Join(t.Tx.Commit(), t.d.err) }

// Nobody knows what became of a transaction whose commit got no answer: it may
// take effect later, so what it touches isn't cached for a while.
func TestTrap_CommitsOfUnknownOutcome(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	x := w.watch("price", priceOf(1))
	c := openStore(&lossy{Driver: w.drv, err: errors.New("connection lost")})
	c.Intercept(w.handle.Interceptor())
	tx, err := c.Tx(ctx)
	require.NoError(t, err)
	tx.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
	x.kept()
	require.ErrorContains(t, tx.Commit(), "connection lost")
	require.EqualValues(t, 1, w.handle.Stats().InDoubt)
	for _, late := range []int64{11, 12, 13} {
		// Nobody tells the cache of this one, as nobody would of a late commit.
		_, err := w.db.ExecContext(ctx, "UPDATE tracks SET unit_price = ? WHERE id = 1", late)
		require.NoError(t, err)
		for range 2 {
			require.EqualValues(t, late, w.cached.Track.GetX(ctx, 1).UnitPrice)
		}
	}
	// SQLite runs inside the process: when its call returned, it was over.
	require.ErrorContains(t, c.Track.UpdateOneID(1).SetUnitPrice(12).Exec(ctx), "connection lost")
	require.EqualValues(t, 1, w.handle.Stats().InDoubt)
}

// A program may build a client over a transaction that it opened itself. What
// that client reads is nobody else's; what it wrote takes effect when the
// transaction can't commit any more, and until then nothing that depends on it
// is served.
func TestTrap_ClientsOverExternalTransactions(t *testing.T) {
	for _, commit := range []bool{true, false} {
		t.Run(map[bool]string{true: "commit", false: "rollback"}[commit], func(t *testing.T) {
			testdb.Each(t, func(t *testing.T, name string) {
				w := newStore(t, name)
				ctx := t.Context()
				x := w.watch("price", priceOf(1))
				other := w.watch("other", priceOf(2))
				none := w.watch("new", func(ctx context.Context, c *store.Client) string {
					_, err := c.Track.Get(ctx, 4)
					return fmt.Sprint(store.IsNotFound(err))
				})
				inside := func() {
					tx, err := w.db.BeginTx(ctx, nil)
					require.NoError(t, err)
					c := openStore(entsql.NewDriver(name, entsql.Conn{ExecQuerier: tx}))
					c.Intercept(w.handle.Interceptor())
					bypasses(t, ctx, cache.InTransaction, func(ctx context.Context) { c.Track.GetX(ctx, 2) })
					c.Track.Update().Where(func(s *sqlSelector) { s.Where(entsql.EQ("id", 1)) }).SetUnitPrice(11).ExecX(ctx)
					bypasses(t, ctx, cache.InTransaction, func(ctx context.Context) {
						require.EqualValues(t, 11, c.Track.GetX(ctx, 1).UnitPrice)
					})
					// Before and after the commit the other client reads the database.
					require.EqualValues(t, 10, w.cached.Track.GetX(ctx, 1).UnitPrice)
					if commit {
						require.NoError(t, tx.Commit())
						require.EqualValues(t, 11, w.cached.Track.GetX(ctx, 1).UnitPrice)
					} else {
						require.NoError(t, tx.Rollback())
						require.EqualValues(t, 10, w.cached.Track.GetX(ctx, 1).UnitPrice)
					}
				}
				inside()
				require.Eventually(t, func() bool {
					runtime.GC()
					w.cached.Track.GetX(ctx, 1)
					for _, o := range outcomes(t, ctx, func(ctx context.Context) { w.cached.Track.GetX(ctx, 1) }) {
						if o != "Track: hit" {
							return false
						}
					}
					return true
				}, 10*time.Second, 10*time.Millisecond, "the row is cached again when the transaction is gone")
				x.right()
				other.right()
				none.right()
			})
		})
	}
}

// A create over such a transaction: the id is known only afterwards.
func TestTrap_CreatesOverExternalTransactions(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	none := w.watch("row 4", func(ctx context.Context, c *store.Client) string {
		_, err := c.Track.Get(ctx, 4)
		return fmt.Sprint(store.IsNotFound(err))
	})
	tx, err := w.db.BeginTx(ctx, nil)
	require.NoError(t, err)
	c := openStore(entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: tx}))
	c.Intercept(w.handle.Interceptor())
	c.Track.Create().SetName("new").SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(1).ExecX(ctx)
	require.Equal(t, "true", none.read(ctx, w.cached))
	require.NoError(t, tx.Commit())
	require.Equal(t, "false", none.read(ctx, w.cached))
	runtime.KeepAlive(c)
}

// A delete over such a transaction, of a type whose rows are read before they are
// deleted: no transaction can be begun in it for that.
func TestTrap_DeletesOverExternalTransactions(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	gone := w.watch("row 3", func(ctx context.Context, c *store.Client) string {
		_, err := c.Track.Get(ctx, 3)
		return fmt.Sprint(store.IsNotFound(err))
	})
	number := w.watch("number of tracks", func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Where(track.StatusEQ(track.StatusAvailable)).CountX(ctx))
	})
	tx, err := w.db.BeginTx(ctx, nil)
	require.NoError(t, err)
	c := openStore(entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: tx}))
	c.Intercept(w.handle.Interceptor())
	c.Track.DeleteOneID(3).ExecX(ctx)
	require.Equal(t, "false", gone.read(ctx, w.cached))
	require.NoError(t, tx.Commit())
	require.Equal(t, "true", gone.read(ctx, w.cached))
	require.Equal(t, number.read(ctx, w.plain), number.read(ctx, w.cached))
	runtime.KeepAlive(c)
}

// Two transactions that are open at a time each take effect with their own commit.
func TestTrap_TransactionsSideBySide(t *testing.T) {
	for _, name := range []string{dialect.Postgres, dialect.MySQL} {
		t.Run(name, func(t *testing.T) {
			w := newStore(t, name)
			ctx := t.Context()
			one, two := w.watch("one", priceOf(1)), w.watch("two", priceOf(2))
			a, err := w.cached.Tx(ctx)
			require.NoError(t, err)
			b, err := w.cached.Tx(ctx)
			require.NoError(t, err)
			a.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
			b.Track.UpdateOneID(2).SetUnitPrice(21).ExecX(ctx)
			one.kept()
			two.kept()
			require.NoError(t, b.Commit())
			one.kept()
			two.changed()
			require.NoError(t, a.Commit())
			one.changed()
			two.kept()
		})
	}
}

// A transaction that writes more than is remembered row by row.
func TestTrap_LargeTransactions(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	x := w.watch("price", priceOf(1))
	count := w.watch("count", func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Genre.Query().CountX(ctx)) })
	tx, err := w.cached.Tx(ctx)
	require.NoError(t, err)
	for i := range 40 {
		bulk := make([]*store.GenreCreate, 1000)
		for j := range bulk {
			bulk[j] = tx.Genre.Create().SetName(fmt.Sprint(i, "/", j))
		}
		tx.Genre.CreateBulk(bulk...).ExecX(ctx)
	}
	tx.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
	x.kept()
	count.kept()
	require.NoError(t, tx.Commit())
	x.changed()
	count.changed()
}

// A commit hook that doesn't call the next one doesn't commit.
func TestTrap_CommitHooks(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	x := w.watch("price", priceOf(1))
	tx, err := w.cached.Tx(ctx)
	require.NoError(t, err)
	refuse := errors.New("refused")
	tx.OnCommit(func(store.Committer) store.Committer {
		return store.CommitFunc(func(context.Context, *store.Tx) error { return refuse })
	})
	tx.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
	require.ErrorIs(t, tx.Commit(), refuse)
	x.kept()
	require.NoError(t, tx.Rollback())
	x.kept()

	// What a rollback hook reads.
	tx, err = w.cached.Tx(ctx)
	require.NoError(t, err)
	var inHook string
	tx.OnRollback(func(next store.Rollbacker) store.Rollbacker {
		return store.RollbackFunc(func(ctx context.Context, tx *store.Tx) error {
			err := next.Rollback(ctx, tx)
			inHook = x.read(ctx, w.cached)
			return err
		})
	})
	tx.Track.UpdateOneID(1).SetUnitPrice(12).ExecX(ctx)
	require.NoError(t, tx.Rollback())
	require.Equal(t, "10", inHook)
	x.kept()
}
