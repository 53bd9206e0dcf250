package benchmarks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/entcache/ent-cache/internal/testdb"
)

// Database is what a store can be in, with the driver that it is reached by.
type Database struct {
	Name    string
	dialect string
	driver  string // if it isn't the one that testdb uses
	memory  bool
}

// SQLite in a file of the process, and in its memory, where there is one
// connection.
var (
	SQLite       = Database{Name: "SQLite", dialect: dialect.SQLite}
	SQLiteMemory = Database{Name: "SQLite in memory", dialect: dialect.SQLite, memory: true}
)

// PostgreSQL by way of both of its drivers for database/sql.
var (
	PGX = Database{Name: "PostgreSQL, pgx", dialect: dialect.Postgres, driver: "pgx"}
	PQ  = Database{Name: "PostgreSQL, lib/pq", dialect: dialect.Postgres}
)

// open creates an empty database. The error wraps testdb.ErrUnavailable if there
// is no server. The functions are to be called in reverse when it isn't needed
// any more.
func (d Database) open(ctx context.Context) (*sql.DB, []func() error, error) {
	if d.memory {
		db, err := sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)&_time_format=sqlite&_timezone=UTC")
		if err != nil {
			return nil, nil, err
		}
		// Each connection would have a database of its own.
		db.SetMaxOpenConns(1)
		return db, []func() error{db.Close}, nil
	}
	created, err := testdb.New(ctx, d.dialect)
	if err != nil {
		return nil, nil, err
	}
	if d.driver != "" {
		created.DriverName = d.driver
	}
	db, err := created.Open()
	if err != nil {
		return nil, nil, errors.Join(err, created.Close())
	}
	return db, []func() error{created.Close, db.Close}, nil
}

// fill gives the rows the ids 1, 2, … of each table, and the same values each
// time. It is SQL, since ten thousand rows through Ent take seconds.
func fill(ctx context.Context, db *sql.DB) error {
	tables := []struct {
		into string
		n    int
		row  func(i int) string
	}{
		{"media_types (name)", 1, func(int) string { return "'MPEG audio file'" }},
		{"genres (name)", Genres, func(i int) string { return fmt.Sprintf("'Genre %d'", i) }},
		{"artists (name)", Artists, func(i int) string { return fmt.Sprintf("'Artist %d'", i) }},
		{"albums (title, released_at, artist_id)", Albums, func(i int) string {
			return fmt.Sprintf("'Album %d', '%s 00:00:00+00:00', %d", i, day(i), 1+i%Artists)
		}},
		{"tracks (name, composer, milliseconds, bytes, unit_price, stock, status, updated_at, album_id, genre_id, media_type_id)",
			Tracks, func(i int) string {
				// Multiplying by a prime and cutting off scatters the numbers.
				status := "available"
				switch i * 49979687 % 5 {
				case 0:
					status = "draft"
				case 1:
					status = "withdrawn"
				}
				second := i * 67867967 % 86400
				return fmt.Sprintf("'Track %08x', 'Composer %d', %d, %d, %d, %d, '%s', '%s %02d:%02d:%02d+00:00', %d, %d, 1",
					uint32(i*2654435761), i*7919%500, 60000+i*104729%400000, i*1299709%16777216, 49+i*15485863%300, i*32452843%100,
					status, day(i*67867967%365), second/3600, second/60%60, second%60, 1+i/4, 1+i*86028121%Genres)
			}},
	}
	for _, t := range tables {
		for from := 0; from < t.n; from += 500 {
			var b strings.Builder
			for i := from; i < min(t.n, from+500); i++ {
				if i > from {
					b.WriteString("), (")
				}
				b.WriteString(t.row(i))
			}
			if _, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s VALUES (%s)", t.into, b.String())); err != nil {
				return fmt.Errorf("filling %s: %w", t.into, err)
			}
		}
	}
	return nil
}

// first is the day before which nothing was released or changed.
var first = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// day returns the date so many days after the first one in use.
func day(n int) string { return first.AddDate(0, 0, n).Format("2006-01-02") }
