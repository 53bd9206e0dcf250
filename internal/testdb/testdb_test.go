package testdb_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

// bind returns the n-th placeholder of the dialect.
func bind(name string, n int) string {
	if name == dialect.Postgres {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

func exec(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	_, err := db.Exec(query, args...)
	require.NoError(t, err, query)
}

func count(t testing.TB, db *sql.DB, table string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM "+table).Scan(&n))
	return n
}

func TestOpenIsEmptyAndApart(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		a, b := testdb.Open(t, name), testdb.Open(t, name)
		for _, db := range []*sql.DB{a, b} {
			exec(t, db, "CREATE TABLE t (id INT PRIMARY KEY)")
		}
		exec(t, a, "INSERT INTO t VALUES (1)")
		require.Equal(t, 1, count(t, a, "t"))
		require.Equal(t, 0, count(t, b, "t"))
	})
}

func TestDatabaseIsSharedByItsPools(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		d := testdb.Create(t, name)
		exec(t, d.Pool(t), "CREATE TABLE t (id INT PRIMARY KEY)")
		exec(t, d.Pool(t), "INSERT INTO t VALUES (1)")
		require.Equal(t, 1, count(t, d.Pool(t), "t"))
	})
}

func TestTimesRoundTrip(t *testing.T) {
	types := map[string]string{dialect.SQLite: "DATETIME", dialect.Postgres: "TIMESTAMPTZ", dialect.MySQL: "DATETIME(6)"}
	east := time.FixedZone("east", 5*3600)
	times := []time.Time{
		time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC),
		time.Date(2024, 3, 1, 4, 59, 59, 500_000_000, east),
		time.Date(2024, 3, 1, 4, 59, 59, 510_000_000, east),
	}
	testdb.Each(t, func(t *testing.T, name string) {
		db := testdb.Open(t, name)
		exec(t, db, "CREATE TABLE t (id INT PRIMARY KEY, at "+types[name]+")")
		for i, at := range times {
			exec(t, db, "INSERT INTO t VALUES ("+bind(name, 1)+", "+bind(name, 2)+")", i, at)
		}
		rows, err := db.Query("SELECT at FROM t ORDER BY at")
		require.NoError(t, err)
		defer rows.Close()
		var got []time.Time
		for rows.Next() {
			var at time.Time
			require.NoError(t, rows.Scan(&at))
			got = append(got, at)
		}
		require.NoError(t, rows.Err())
		require.Len(t, got, len(times))
		for i := range times {
			require.True(t, times[i].Equal(got[i]), "%v came back as %v", times[i], got[i])
		}
		// The database compares times in the same way.
		var n int
		require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM t WHERE at > "+bind(name, 1), times[0].In(east)).Scan(&n))
		require.Equal(t, 2, n)
	})
}

func TestForeignKeysAreEnforced(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		db := testdb.Open(t, name)
		exec(t, db, "CREATE TABLE p (id INT PRIMARY KEY)")
		exec(t, db, "CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id))")
		_, err := db.Exec("INSERT INTO c VALUES (1, 1)")
		require.Error(t, err)
	})
}

func TestConcurrentWriters(t *testing.T) {
	const writers, writes = 8, 20
	testdb.Each(t, func(t *testing.T, name string) {
		db := testdb.Open(t, name)
		exec(t, db, "CREATE TABLE t (id INT PRIMARY KEY)")
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range writes {
					if _, err := db.Exec("INSERT INTO t VALUES ("+bind(name, 1)+")", w*writes+i); err != nil {
						errs[w] = err
						return
					}
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, writers*writes, count(t, db, "t"))
	})
}

// An open transaction doesn't keep a reader from reading: tests of races
// depend on that.
func TestReadBesideAnOpenTransaction(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		db := testdb.Open(t, name)
		exec(t, db, "CREATE TABLE t (id INT PRIMARY KEY)")
		tx, err := db.Begin()
		require.NoError(t, err)
		_, err = tx.Exec("INSERT INTO t VALUES (1)")
		require.NoError(t, err)
		require.Equal(t, 0, count(t, db, "t"))
		require.NoError(t, tx.Commit())
		require.Equal(t, 1, count(t, db, "t"))
	})
}

func TestCloseDropsDespiteAnOpenTransaction(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		d, err := testdb.New(context.Background(), name)
		require.NoError(t, err)
		db, err := d.Open()
		require.NoError(t, err)
		defer db.Close()
		exec(t, db, "CREATE TABLE t (id INT PRIMARY KEY)")
		tx, err := db.Begin()
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		_, err = tx.Exec("INSERT INTO t VALUES (1)")
		require.NoError(t, err)

		start := time.Now()
		require.NoError(t, d.Close())
		require.Less(t, time.Since(start), 10*time.Second)

		again, err := d.Open()
		require.NoError(t, err)
		defer again.Close()
		_, err = again.Exec("SELECT COUNT(*) FROM t")
		require.Error(t, err, "the database is still there")
	})
}

func TestDriverSpeaksItsDialect(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		require.Equal(t, name, testdb.Driver(t, name).Dialect())
	})
}

func TestNewWithoutServer(t *testing.T) {
	for name, env := range map[string]string{dialect.Postgres: testdb.PostgresEnv, dialect.MySQL: testdb.MySQLEnv} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(env, "")
			_, err := testdb.New(t.Context(), name)
			require.ErrorIs(t, err, testdb.ErrUnavailable)
			require.ErrorContains(t, err, env)
		})
	}
}

func TestNewUnknownDialect(t *testing.T) {
	_, err := testdb.New(t.Context(), "oracle")
	require.ErrorContains(t, err, `unknown dialect "oracle"`)
}

func TestNewHidesThePassword(t *testing.T) {
	t.Setenv(testdb.PostgresEnv, "host=x password=secret")
	_, err := testdb.New(t.Context(), dialect.Postgres)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}

func TestSQLiteLeavesNoFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d, err := testdb.New(t.Context(), dialect.SQLite)
	require.NoError(t, err)
	db, err := d.Open()
	require.NoError(t, err)
	exec(t, db, "CREATE TABLE t (id INT PRIMARY KEY)")
	require.NoError(t, db.Close())
	require.NoError(t, d.Close())
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}
