package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/lib/pq"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/example/internal/music"
)

// newDatabase makes an empty database: a file in the folder, or a schema in the
// PostgreSQL database of the address. It returns the name by which all processes
// open it, and how to drop it.
func newDatabase(ctx context.Context, address, dir string) (dsn string, drop func() error, err error) {
	if address == "" {
		return music.SQLite(filepath.Join(dir, "music.db")), func() error { return nil }, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		// The parser's error would show the password.
		return "", nil, errors.New("-db isn't an address like postgres://user:password@127.0.0.1:5432/shop?sslmode=disable")
	}
	schema := "entcache_" + strings.ToLower(rand.Text()[:12])
	exec := func(ctx context.Context, statement string) error {
		db, err := sql.Open("postgres", address)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, statement)
		return errors.Join(err, db.Close())
	}
	if err := exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		return "", nil, fmt.Errorf("-db: %w", err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String(), func() error { return exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE") }, nil
}

// open connects to the database that newDatabase made.
func open(dsn string) (*entsql.Driver, error) {
	name, ents := "sqlite", dialect.SQLite
	if strings.HasPrefix(dsn, "postgres") {
		name, ents = "postgres", dialect.Postgres
	}
	db, err := sql.Open(name, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return entsql.OpenDB(ents, db), nil
}

func fill(ctx context.Context, drv *entsql.Driver, client *ent.Client, rows *music.Rows) (*music.IDs, error) {
	if err := client.Schema.Create(ctx); err != nil {
		return nil, err
	}
	for _, index := range music.Indexes {
		if _, err := drv.DB().ExecContext(ctx, index); err != nil {
			return nil, err
		}
	}
	return rows.Insert(ctx, client)
}

// lostRace reports whether a write failed because another one came first, as
// happens with or without a cache: PostgreSQL ends a deadlock, or both inserted
// the same row.
func lostRace(err error) bool {
	var e *pq.Error
	return ent.IsConstraintError(err) || errors.As(err, &e) && e.Code.Class() == "40"
}
