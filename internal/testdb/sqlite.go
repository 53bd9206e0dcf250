package testdb

import (
	"context"
	"net/url"
	"os"
	"path/filepath"

	"entgo.io/ent/dialect"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// newSQLite creates a database in a file of its own. A file with a write-ahead
// log, and not a database in memory: there readers and a writer run side by
// side, as on the other databases, while connections that share one memory
// cache lock each other's tables.
func newSQLite() (*Database, error) {
	dir, err := os.MkdirTemp("", "entcache-sqlite-")
	if err != nil {
		return nil, err
	}
	return &Database{
		Dialect:    dialect.SQLite,
		DriverName: "sqlite",
		DSN:        sqliteDSN(filepath.Join(dir, "test.db")),
		drop:       func(context.Context) error { return os.RemoveAll(dir) },
	}, nil
}

func sqliteDSN(path string) string {
	q := url.Values{
		// Ent's migration refuses a connection without foreign keys.
		"_pragma": {"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(OFF)"},
		// Times are kept as text: in one zone and this format the order of the
		// texts is the order of the times, and nothing of a time is lost.
		"_time_format": {"sqlite"},
		"_timezone":    {"UTC"},
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: q.Encode()}).String()
}
