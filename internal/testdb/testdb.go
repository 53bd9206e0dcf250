// Package testdb gives each test an empty database of its own, in SQLite,
// PostgreSQL and MySQL (MariaDB).
//
// SQLite needs nothing. The other two are reached through the servers that
// PostgresEnv and MySQLEnv name; the command internal/testdb/cmd/servers starts
// private ones and sets both, and "make test" runs under it. Where a variable
// isn't set, the tests of that database are skipped, and fail if CI=true. The
// same goes for Redis and RedisEnv; StartRedis starts a server for one test.
package testdb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// The environment variables that name servers. Their user must be allowed to
// create and drop databases.
const (
	// PostgresEnv holds the URL of a PostgreSQL server (13 or newer), as in
	// postgres://user:password@127.0.0.1:5432/postgres?sslmode=disable
	PostgresEnv = "ENTCACHE_TEST_POSTGRES"
	// MySQLEnv holds the DSN of a MySQL or MariaDB server, as in
	// user:password@tcp(127.0.0.1:3306)/
	MySQLEnv = "ENTCACHE_TEST_MYSQL"
)

// ErrUnavailable is wrapped by the error of New for a dialect of which no
// server is known.
var ErrUnavailable = errors.New("entcache: no server to test with")

// maxConns bounds the pool of one test, so that tests that run in parallel
// don't use up the connections of the server they share.
const maxConns = 32

// dropTimeout bounds how long dropping a database may take.
const dropTimeout = 30 * time.Second

// Database is an empty database that New created.
type Database struct {
	// Dialect is Ent's name of the database: dialect.SQLite, dialect.Postgres
	// or dialect.MySQL.
	Dialect string
	// DriverName and DSN are what sql.Open takes, in this process or another.
	DriverName, DSN string

	drop func(ctx context.Context) error
}

// Dialects returns the dialects there are, whether or not a server is known.
func Dialects() []string {
	return []string{dialect.SQLite, dialect.Postgres, dialect.MySQL}
}

// New creates an empty database for a program that isn't a test; tests use
// Create. Its error wraps ErrUnavailable if no server is known. Closing the
// database drops it.
func New(ctx context.Context, dialectName string) (*Database, error) {
	switch dialectName {
	case dialect.SQLite:
		return newSQLite()
	case dialect.Postgres:
		return newPostgres(ctx)
	case dialect.MySQL:
		return newMySQL(ctx)
	}
	return nil, fmt.Errorf("entcache: unknown dialect %q: use one of %q", dialectName, Dialects())
}

// Open returns a new pool of connections to the database. The caller closes
// it before the database.
func (d *Database) Open() (*sql.DB, error) {
	db, err := sql.Open(d.DriverName, d.DSN)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return db, nil
}

// Close drops the database, and cuts connections that are still open.
func (d *Database) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
	defer cancel()
	return d.drop(ctx)
}

// Create returns a new, empty database that is dropped when the test ends. If
// no server is known it skips the test, or fails it if CI=true.
func Create(t testing.TB, dialectName string) *Database {
	t.Helper()
	d, err := New(t.Context(), dialectName)
	switch {
	case errors.Is(err, ErrUnavailable) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("entcache: dropping the test's database: %v", err)
		}
	})
	return d
}

// Open returns a pool of connections to a new, empty database. Both end with
// the test. If no server is known it skips the test, or fails it if CI=true.
func Open(t testing.TB, dialectName string) *sql.DB {
	t.Helper()
	return Create(t, dialectName).Pool(t)
}

// Driver is Open for callers that need Ent's driver.
func Driver(t testing.TB, dialectName string) *entsql.Driver {
	t.Helper()
	return entsql.OpenDB(dialectName, Open(t, dialectName))
}

// Pool is the Open of a test: the pool is closed when the test ends.
func (d *Database) Pool(t testing.TB) *sql.DB {
	t.Helper()
	db, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Each runs f as a subtest for every dialect. The subtest of a dialect of which
// no server is known is skipped, or fails if CI=true.
func Each(t *testing.T, f func(t *testing.T, dialectName string)) {
	t.Helper()
	for _, name := range Dialects() {
		t.Run(name, func(t *testing.T) {
			t.Helper()
			if err := available(name); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			f(t, name)
		})
	}
}

// available reports why tests of the dialect can't run, or nil.
func available(dialectName string) error {
	switch dialectName {
	case dialect.Postgres:
		return known(PostgresEnv)
	case dialect.MySQL:
		return known(MySQLEnv)
	}
	return nil
}

func known(env string) error {
	if os.Getenv(env) == "" {
		return fmt.Errorf("%w: run make test, or set %s (CONTRIBUTING.md says how)", ErrUnavailable, env)
	}
	return nil
}

// newName returns a name that no other database on the server has.
func newName() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return "entcache_test_" + hex.EncodeToString(b[:])
}
