package oracle

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/schemas/o2o/ent"
	"github.com/entcache/ent-cache/internal/schemas/o2o/ent/card"
	"github.com/entcache/ent-cache/internal/testdb"
)

// tardy is a driver that gives up on a write, which the database carries out
// later: when the test says so.
type tardy struct {
	driver  driver.Driver
	dsn     string
	giveUp  atomic.Bool // the next statement outside of a transaction, or commit
	carry   chan struct{}
	carried chan error
}

func newTardy(d *Database) *tardy {
	return &tardy{driver: d.db.Driver(), dsn: d.test.DSN, carry: make(chan struct{}), carried: make(chan error, 1)}
}

func (t *tardy) Driver() driver.Driver { return t }

func (t *tardy) Open(string) (driver.Conn, error) { return t.Connect(context.Background()) }

func (t *tardy) Connect(context.Context) (driver.Conn, error) {
	c, err := t.driver.Open(t.dsn)
	return &tardyConn{Conn: c, t: t}, err
}

// later carries f out when the test says so.
func (t *tardy) later(f func() error) error {
	go func() {
		<-t.carry
		t.carried <- f()
	}()
	return context.DeadlineExceeded
}

type tardyConn struct {
	driver.Conn
	t     *tardy
	inTx  bool
	given bool
}

func (c *tardyConn) IsValid() bool { return !c.given }

// Close leaves a connection alone whose statement is still to come.
func (c *tardyConn) Close() error {
	if c.given {
		return nil
	}
	return c.Conn.Close()
}

func (c *tardyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	exec := c.Conn.(driver.ExecerContext).ExecContext
	if !c.inTx && c.t.giveUp.CompareAndSwap(true, false) {
		c.given = true
		return nil, c.t.later(func() error {
			_, err := exec(context.Background(), query, args)
			return err
		})
	}
	return exec(ctx, query, args)
}

func (c *tardyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *tardyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	c.inTx = err == nil
	return &tardyTx{Tx: tx, c: c}, err
}

type tardyTx struct {
	driver.Tx
	c *tardyConn
}

func (x *tardyTx) Commit() error {
	x.c.inTx = false
	if x.c.t.giveUp.CompareAndSwap(true, false) {
		x.c.given = true
		return x.c.t.later(x.Tx.Commit)
	}
	return x.Tx.Commit()
}

func (x *tardyTx) Rollback() error {
	x.c.inTx = false
	if x.c.given {
		return nil
	}
	return x.Tx.Rollback()
}

// doubtful are writes of the card's number that the database may not answer.
var doubtful = map[string]func(context.Context, *ent.Client, int) error{
	"statement": func(ctx context.Context, c *ent.Client, id int) error {
		return c.Card.Update().Where(card.ID(id)).SetNumber("new").Exec(ctx)
	},
	"commit of a mutation": func(ctx context.Context, c *ent.Client, id int) error {
		return c.Card.UpdateOneID(id).SetNumber("new").Exec(ctx)
	},
	"commit": func(ctx context.Context, c *ent.Client, id int) error {
		tx, err := c.Tx(ctx)
		if err != nil {
			return err
		}
		if err := tx.Card.UpdateOneID(id).SetNumber("new").Exec(ctx); err != nil {
			return err
		}
		return tx.Commit()
	},
}

// staleAfterDoubt makes a write whose effect comes after its error, reads in
// between, and returns what is read after, which should be "new".
func staleAfterDoubt(ctx context.Context, t testing.TB, write func(context.Context, *ent.Client, int) error) string {
	t.Helper()
	d, err := Open(ctx, "o2o", dialect.SQLite)
	require.NoError(t, err)
	defer d.Close()
	late := newTardy(d)
	db := sql.OpenDB(late)
	defer db.Close()
	h, err := entcache.New(entcache.WithInDoubt(time.Minute), entcache.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	defer h.Close()
	c := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))
	c.Intercept(h.Interceptor())
	id := c.Card.Create().SetNumber("old").SaveX(ctx).ID
	read := func() string { return c.Card.GetX(ctx, id).Number }
	read()
	require.Equal(t, "old", read())
	require.EqualValues(t, 1, h.Stats().Total().Hits)

	late.giveUp.Store(true)
	require.ErrorIs(t, write(ctx, c, id), context.DeadlineExceeded)
	require.False(t, late.giveUp.Load(), "the write was to be given up")
	require.Equal(t, "old", read())
	require.Equal(t, "old", read())
	close(late.carry)
	require.NoError(t, <-late.carried)
	return read()
}

func TestWriteInDoubt(t *testing.T) {
	for name, write := range doubtful {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, "new", staleAfterDoubt(t.Context(), t, write))
		})
	}
}

// A storm waits for a write that was given up until the server has ended it:
// here the write waits for a lock, and there is no knowing what becomes of it.
func TestSettle(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		if dialectName == dialect.SQLite {
			t.Skip("SQLite leaves no write in doubt")
		}
		ctx := t.Context()
		d, err := Open(ctx, "o2o", dialectName)
		require.NoError(t, err)
		defer d.Close()
		exec := func(db interface {
			ExecContext(context.Context, string, ...any) (sql.Result, error)
		}, query string,
		) {
			t.Helper()
			_, err := db.ExecContext(ctx, query)
			require.NoError(t, err)
		}
		number := func() (s string) {
			require.NoError(t, d.db.QueryRowContext(ctx, "SELECT number FROM cards").Scan(&s))
			return s
		}
		exec(d.db, "INSERT INTO cards (number) VALUES ('old')")
		c, err := d.connect(ctx)
		require.NoError(t, err)
		defer c.db.Close()
		require.NoError(t, c.settle(ctx, func(time.Duration) { t.Error("an idle connection is settled") }))

		lock, err := d.db.BeginTx(ctx, nil)
		require.NoError(t, err)
		exec(lock, "UPDATE cards SET number = 'locked'")
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		_, err = c.db.ExecContext(short, "UPDATE cards SET number = 'new'")
		require.Error(t, err)
		waits := 0
		require.NoError(t, c.settle(ctx, func(time.Duration) {
			if waits++; waits == 20 {
				require.NoError(t, lock.Commit())
			}
		}))
		if waits == 0 {
			// PostgreSQL is asked to cancel, and does.
			require.Equal(t, dialect.Postgres, dialectName)
			require.NoError(t, lock.Commit())
		}
		want := map[string]string{dialect.MySQL: "new", dialect.Postgres: "locked"}
		require.Equal(t, want[dialectName], number())
	})
}
