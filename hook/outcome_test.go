package hook

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

// What a server said of a statement is an answer; all else isn't.
func TestUnanswered(t *testing.T) {
	for _, err := range []error{
		nil, sql.ErrTxDone, refused, fmt.Errorf("ent: %w", refused), &refusal{state: "57014"}, &refusal{state: "40001"},
		&mysql.MySQLError{Number: 1062}, &mysql.MySQLError{Number: 1317},
	} {
		require.False(t, unanswered(err, far), "%v", err)
	}
	for _, err := range []error{
		context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		errors.New("invalid connection"), errPanicked, &refusal{}, &mysql.MySQLError{Number: 1053}, mysql.ErrInvalidConn, &refusal{state: "08006"}, &refusal{state: "40003"}, &refusal{state: "57P01"},
		fmt.Errorf("ent: %w", context.Canceled), errors.Join(context.Canceled),
	} {
		require.True(t, unanswered(err, far), "%v", err)
		require.True(t, unanswered(err, nil), "%v", err)
	}
}

// The errors of the real drivers are told from lost connections.
func TestAnswersOfDrivers(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		db := testdb.Open(t, dialectName)
		_, err := db.ExecContext(t.Context(), "INSERT INTO nowhere VALUES (1)")
		require.Error(t, err)
		require.True(t, answered(err), "%T: %v", err, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = db.ExecContext(ctx, "SELECT 1")
		require.Error(t, err)
		require.Equal(t, dialectName != dialect.SQLite, unanswered(err, db))
	})
}

// A commit that PostgreSQL made a rollback was answered.
func TestAbortedTransactionsAreAnswered(t *testing.T) {
	db := testdb.Open(t, dialect.Postgres)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "SELECT 1/0")
	require.Error(t, err)
	err = tx.Commit()
	require.Error(t, err)
	require.False(t, unanswered(err, db), "%T: %v", err, err)
}

// A write that the database didn't answer is held until nothing can become of it
// any more, and takes effect then.
func TestWritesInDoubt(t *testing.T) {
	fails := func(l *log) *logged {
		drv := newLogged(l)
		drv.err = lost
		return drv
	}
	for name, run := range map[string]func(context.Context, *log, *mutation) error{
		"exec": func(ctx context.Context, l *log, m *mutation) error {
			return Create(l.client(fails(l), nil), m, insert).Exec(ctx, "", nil, nil)
		},
		"query": func(ctx context.Context, l *log, m *mutation) error {
			return Create(l.client(fails(l), nil), m, insert).Query(ctx, "", nil, new(entsql.Rows))
		},
		"rows": func(ctx context.Context, l *log, m *mutation) error {
			var rows entsql.Rows
			require.NoError(t, Create(l.client(newLogged(l), nil), m, insert).Query(ctx, "", nil, &rows))
			rows.ColumnScanner.(*lastRows).ColumnScanner = lostRows{}
			require.NoError(t, rows.Close())
			return rows.Err()
		},
		"update": func(ctx context.Context, l *log, m *mutation) error {
			drv, err := Update(ctx, l.client(fails(l), nil), m, change1)
			require.NoError(t, err)
			return drv.Exec(ctx, "", nil, nil)
		},
		"delete": func(ctx context.Context, l *log, m *mutation) error {
			drv, err := Delete(ctx, l.client(fails(l), nil), m, remove1, 1)
			require.NoError(t, err)
			return drv.Exec(ctx, "", nil, nil)
		},
		"hidden commit": func(ctx context.Context, l *log, m *mutation) error {
			drv, err := Update(ctx, l.client(fails(l), nil), m, change1)
			require.NoError(t, err)
			tx, err := drv.Tx(ctx)
			require.NoError(t, err)
			return tx.Commit()
		},
		"commit": func(ctx context.Context, l *log, _ *mutation) error {
			p, w := written(t, l)
			w.finish(ctx)
			return p.commit(func() error { return lost }, nil)
		},
		"panic": func(ctx context.Context, l *log, _ *mutation) error {
			p, _ := written(t, l)
			require.Panics(t, func() { _ = p.commit(func() error { panic("driver") }, nil) })
			require.NoError(t, p.commit(func() error { return nil }, nil), "the lock is free")
			return lost
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLog(t, 1)
				require.ErrorIs(t, mutate(t.Context(), &mutation{}, func(ctx context.Context) error { return run(ctx, l, &mutation{}) }), lost)
				require.Zero(t, l.writes(), "it takes effect when the doubt is over")
				require.EqualValues(t, 1, l.caches[0].Stats().InDoubt)
				time.Sleep(doubt - time.Millisecond)
				require.Zero(t, l.writes())
				require.NotZero(t, l.caches[0].Stats().Held)
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				require.EqualValues(t, 1, l.writes())
				require.Zero(t, l.caches[0].Stats().Held)
			})
		})
	}
}

// What fails inside a transaction that Ent opens for a mutation isn't in doubt:
// it isn't committed.
func TestNoDoubtWithoutCommit(t *testing.T) {
	l := newLog(t, 1)
	drv := newLogged(l)
	drv.err = lost
	require.ErrorIs(t, mutate(t.Context(), &mutation{}, func(ctx context.Context) error {
		d, err := Update(ctx, l.client(drv, nil), &mutation{}, change1)
		require.NoError(t, err)
		tx, err := d.Tx(ctx)
		require.NoError(t, err)
		err = tx.Exec(ctx, "", nil, nil)
		_ = tx.Rollback()
		return err
	}), lost)
	require.Zero(t, l.caches[0].Stats().InDoubt)
	require.EqualValues(t, 1, l.writes())
}

var lost = errors.New("connection lost")

type lostRows struct{ entsql.ColumnScanner }

func (lostRows) Err() error   { return lost }
func (lostRows) Close() error { return nil }
