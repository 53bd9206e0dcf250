package testdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
)

// objectInUse is the code of the error for a template that is in use.
const objectInUse = "55006"

// newPostgres creates a database on the server of PostgresEnv.
func newPostgres(ctx context.Context) (*Database, error) {
	if err := known(PostgresEnv); err != nil {
		return nil, err
	}
	server, err := url.Parse(os.Getenv(PostgresEnv))
	if err != nil || server.Scheme != "postgres" && server.Scheme != "postgresql" {
		// The parser's error would print the password.
		return nil, fmt.Errorf("entcache: %s isn't a URL like postgres://user:password@127.0.0.1:5432/postgres?sslmode=disable", PostgresEnv)
	}
	name := newName()
	if err := onPostgres(ctx, server, func(db *sql.DB) error { return createPostgres(ctx, db, name) }); err != nil {
		return nil, err
	}
	own := *server
	own.Path = "/" + name
	return &Database{
		Dialect:    dialect.Postgres,
		DriverName: "postgres",
		DSN:        own.String(),
		drop: func(ctx context.Context) error {
			return onPostgres(ctx, server, func(db *sql.DB) error { return dropPostgres(ctx, db, name) })
		},
	}, nil
}

// createPostgres copies template0, which nobody can have changed. It tries
// again while maintenance of the server holds the template.
func createPostgres(ctx context.Context, db *sql.DB, name string) error {
	for attempt := 1; ; attempt++ {
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'")
		var e *pq.Error
		if !errors.As(err, &e) || e.Code != objectInUse || attempt == 5 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// dropPostgres gives connections that were just closed a moment to end: while
// there is one, the server cuts it and sleeps for a tenth of a second.
func dropPostgres(ctx context.Context, db *sql.DB, name string) error {
	for range 20 {
		var n int
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = $1", name).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	_, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	return err
}

func onPostgres(ctx context.Context, server *url.URL, f func(*sql.DB) error) error {
	db, err := sql.Open("postgres", server.String())
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("entcache: the server of %s doesn't answer: %w", PostgresEnv, err)
	}
	return f(db)
}
