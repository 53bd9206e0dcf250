package hook

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/simredis"
)

// query is a builder that makes a schema known to a cache.
type query struct{ drv dialect.Driver }

func (query) EntcacheType() *cache.Type          { return testSchema.Type("User") }
func (q query) EntcacheDriver() dialect.Driver   { return q.drv }
func (query) EntcacheSetDriver(dialect.Driver)   {}
func (query) EntcacheContext() *ent.QueryContext { return nil }

// newRawLog is newLog for caches that know the schema, with a driver of them.
func newRawLog(t *testing.T, n int) (*log, *logged, *Driver) {
	t.Helper()
	l := newLog(t, n)
	behind := newLogged(l)
	for _, c := range l.caches {
		c.Route(t.Context(), query{behind})
	}
	return l, behind, NewDriver(behind, l.caches...)
}

const removeAll = "DELETE FROM users"

// A raw statement is announced before it runs and takes effect after, whether or
// not it failed; one that gives rows when they are closed.
func TestRawWritesAreAnnounced(t *testing.T) {
	for _, err := range []error{nil, error(refused)} {
		l, behind, d := newRawLog(t, 2)
		behind.err = err
		require.ErrorIs(t, d.Exec(t.Context(), removeAll, []any{}, nil), err)
		require.Equal(t, []string{"position", "position", "exec", "position", "position"}, l.take())
		var rows entsql.Rows
		require.ErrorIs(t, d.Query(t.Context(), removeAll+" RETURNING id", []any{}, &rows), err)
		want := []string{"position", "position", "query", "close", "position", "position"}
		if err == nil {
			require.NotZero(t, l.caches[0].Stats().Held)
			require.NoError(t, rows.Close())
			require.NoError(t, rows.Close())
			want = append(want, "close")
		} else {
			want = append(want[:3], want[4:]...)
		}
		require.Equal(t, want, l.take())
		require.ErrorIs(t, d.Query(t.Context(), "SELECT 1", []any{}, &rows), err)
		require.Equal(t, []string{"query"}, l.take())
		require.Zero(t, l.caches[0].Stats().Held)
	}
}

func TestRawWritesInTransactions(t *testing.T) {
	l, _, d := newRawLog(t, 2)
	begin := func() dialect.Tx {
		tx, err := d.Tx(t.Context())
		require.NoError(t, err)
		require.NoError(t, tx.Exec(t.Context(), removeAll, []any{}, nil))
		require.NoError(t, tx.Exec(t.Context(), "SAVEPOINT a", []any{}, nil))
		require.Equal(t, []string{"begin", "exec", "exec"}, l.take())
		return tx
	}
	tx := begin()
	require.NoError(t, tx.Commit())
	require.Equal(t, []string{"position", "position", "commit", "position", "position"}, l.take())
	require.NoError(t, tx.Rollback())
	require.Equal(t, []string{"rollback"}, l.take(), "it is over")

	tx = begin()
	require.NoError(t, tx.Rollback())
	require.Equal(t, []string{"rollback"}, l.take())

	// What Ent's own mutations write in it is collected beside.
	inner := &entsql.Tx{Tx: &ended{l: l}}
	p := &Pending{forget: func() {}}
	require.True(t, p.Attach(&dialect.DebugTx{Tx: newRawTx(d, inner)}))
	require.IsType(t, &committing{}, inner.Tx)

	// A statement that may have ended it counts at once, and the rest of it too.
	tx = begin()
	require.NoError(t, tx.Exec(t.Context(), "COMMIT", []any{}, nil))
	require.EqualValues(t, 4, l.writes())
	l.take()
	require.NoError(t, tx.Exec(told(t.Context(), l.caches, removeAll), removeAll, []any{}, nil))
	require.Equal(t, []string{"position", "position", "exec", "position", "position"}, l.take())
	require.NoError(t, tx.Rollback())
	require.Contains(t, l.take(), "rollback")
	require.EqualValues(t, 8, l.writes())
	require.Zero(t, l.caches[0].Stats().Held)
}

// The statement of a mutation isn't raw for the caches that the mutation told.
func TestRawWritesOfMutations(t *testing.T) {
	l, behind, d := newRawLog(t, 2)
	run := func(drv dialect.Driver, caches ...*cache.Cache) []string {
		l.take()
		cl := (&log{caches: caches}).client(drv, nil)
		require.NoError(t, mutate(t.Context(), &mutation{}, func(ctx context.Context) error {
			drv, err := Update(ctx, cl, &mutation{}, change1)
			require.NoError(t, err)
			tx, err := drv.Tx(ctx)
			require.NoError(t, err)
			require.NoError(t, tx.Exec(ctx, removeAll, []any{}, nil))
			require.NoError(t, tx.Query(ctx, "DELETE FROM users RETURNING id", []any{}, new(entsql.Rows)))
			require.NoError(t, tx.Commit())
			return drv.Exec(ctx, removeAll, []any{}, nil)
		}))
		return l.take()
	}
	require.Equal(t, run(behind, l.caches...), run(d, l.caches...))
	with, without := run(d, l.caches[0]), run(behind, l.caches[0])
	require.Greater(t, len(with), len(without), "another cache of the driver wasn't told")

	// A driver between may run statements of its own under the same context.
	ctx := told(t.Context(), l.caches, removeAll)
	require.NoError(t, d.Exec(ctx, removeAll, []any{}, nil))
	require.Equal(t, []string{"exec"}, l.take())
	require.NoError(t, d.Exec(ctx, removeAll+" WHERE id = 1", []any{}, nil))
	require.Len(t, l.take(), 5)
}

// A raw write that the database didn't answer is in doubt.
func TestRawWritesInDoubt(t *testing.T) {
	for name, run := range map[string]func(context.Context, *logged, *Driver) error{
		"exec": func(ctx context.Context, behind *logged, d *Driver) error {
			behind.err = lost
			return d.Exec(ctx, removeAll, []any{}, nil)
		},
		"query": func(ctx context.Context, behind *logged, d *Driver) error {
			behind.err = lost
			return d.Query(ctx, removeAll, []any{}, new(entsql.Rows))
		},
		"rows": func(ctx context.Context, behind *logged, d *Driver) error {
			var rows entsql.Rows
			require.NoError(t, d.Query(ctx, removeAll, []any{}, &rows))
			rows.ColumnScanner.(*lastRows).ColumnScanner = lostRows{}
			require.NoError(t, rows.Close())
			return rows.Err()
		},
		"commit": func(ctx context.Context, behind *logged, d *Driver) error {
			behind.err = lost
			tx, err := d.Tx(ctx)
			require.NoError(t, err)
			_ = tx.Exec(ctx, removeAll, []any{}, nil)
			return tx.Commit()
		},
		"panic": func(ctx context.Context, behind *logged, d *Driver) error {
			d.Driver = panicking{behind}
			require.Panics(t, func() { _ = d.Exec(ctx, removeAll, []any{}, nil) })
			return lost
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, behind, d := newRawLog(t, 1)
				require.ErrorIs(t, run(t.Context(), behind, d), lost)
				require.Zero(t, l.writes())
				require.NotZero(t, l.caches[0].Stats().Held)
				time.Sleep(doubt + time.Millisecond)
				synctest.Wait()
				require.EqualValues(t, 1, l.writes())
				require.Zero(t, l.caches[0].Stats().Held)
			})
		})
	}
}

type panicking struct{ dialect.Driver }

func (panicking) Exec(context.Context, string, any, any) error { panic("driver") }

// What other processes can't be told of isn't written, where mutations aren't.
func TestRawWritesAreRefused(t *testing.T) {
	l := &log{}
	server := simredis.New(simredis.Options{Seed: 1})
	c, err := cache.New(cache.Options{
		Near: nothing{}, Remote: server.Client(simredis.Config{}), RefuseUnannounced: true, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer c.Close()
	server.Refuse(io.ErrClosedPipe)
	d := NewDriver(newLogged(l), c)
	require.ErrorIs(t, d.Exec(t.Context(), removeAll, []any{}, nil), cache.ErrUnannounced)
	require.ErrorIs(t, d.Query(t.Context(), removeAll, []any{}, new(entsql.Rows)), cache.ErrUnannounced)
	require.ErrorIs(t, d.Exec(t.Context(), "COMMIT", []any{}, nil), cache.ErrUnannounced)
	require.Empty(t, l.take(), "none ran")
	require.NoError(t, d.Exec(t.Context(), "ROLLBACK", []any{}, nil))
	require.NoError(t, d.Query(t.Context(), "SELECT 1", []any{}, new(entsql.Rows)))
	require.Equal(t, []string{"exec", "query"}, l.take())
	tx, err := d.Tx(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Exec(t.Context(), removeAll, []any{}, nil))
	require.ErrorIs(t, tx.Commit(), cache.ErrUnannounced)
	require.Equal(t, []string{"begin", "exec", "rollback"}, l.take())
}

// Transactions that are begun by a statement hold everything until one that ends
// them.
func TestRawSteering(t *testing.T) {
	l, behind, d := newRawLog(t, 1)
	held := func(want bool, texts ...string) {
		t.Helper()
		for _, text := range texts {
			_ = d.Exec(t.Context(), text, []any{}, nil)
		}
		require.Equal(t, want, l.caches[0].Stats().Held > 0, texts)
	}
	held(true, "BEGIN")
	held(true, "SAVEPOINT a", removeAll, "RELEASE a", "ROLLBACK TO a")
	held(false, "COMMIT")
	held(false, "COMMIT", "ROLLBACK")
	held(true, "SAVEPOINT a", "SAVEPOINT b", "SAVEPOINT a")
	held(true, "RELEASE a", "RELEASE b")
	held(false, "RELEASE a")
	held(true, "SAVEPOINT a", "SAVEPOINT b")
	held(false, "RELEASE a")
	held(true, "BEGIN", "BEGIN")
	held(false, "ROLLBACK")
	behind.err = refused
	held(false, "BEGIN")
	behind.err = nil
	held(true, "BEGIN")
	behind.err = refused
	held(true, "COMMIT")
	held(false, "ROLLBACK")
	before := l.writes()
	behind.err = nil
	held(false, "BEGIN", removeAll, "COMMIT")
	require.Equal(t, before+3, l.writes(), "the statement, the commit and what may have been read in between")
}

func TestRawDriverForwards(t *testing.T) {
	l, behind, d := newRawLog(t, 1)
	require.Same(t, behind, d.Unwrap())
	require.Same(t, far, d.DB())
	require.Equal(t, far, cache.OriginOf(d).DB)
	d.Driver = struct{ dialect.Driver }{behind}
	_, err := d.ExecContext(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, errNotSupported)
	_, err = d.QueryContext(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, errNotSupported)
	_, err = d.BeginTx(t.Context(), nil)
	require.ErrorIs(t, err, errNotSupported)
	tx := newRawTx(d, other{ExecQuerier: behind, ended: &ended{l: l}})
	_, err = tx.ExecContext(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, errUnsupported)
	_, err = tx.QueryContext(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, errUnsupported)
}

// A cache that reads through the driver is told, too.
func TestRawDriverMeetsItsCaches(t *testing.T) {
	l := newLog(t, 1)
	d := NewDriver(newLogged(l))
	require.NoError(t, d.Exec(t.Context(), removeAll, []any{}, nil))
	require.Equal(t, []string{"exec"}, l.take())
	d.EntcacheAttach(l.caches[0])
	d.EntcacheAttach(l.caches[0])
	require.Len(t, *d.caches.Load(), 1)
	require.NoError(t, d.Exec(t.Context(), removeAll, []any{}, nil))
	require.EqualValues(t, 1, l.writes())
}
