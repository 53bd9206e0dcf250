package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/testdb"
)

// Database is a database with the tables of a domain.
type Database struct {
	*model
	// Dialect is Ent's name of the database.
	Dialect string

	test    *testdb.Database
	db      *sql.DB
	sharing *sharing
}

// Open creates a database of a dialect with the tables of a domain.
func Open(ctx context.Context, domain, dialectName string) (*Database, error) {
	m, err := findDomain(domain)
	if err != nil {
		return nil, err
	}
	d := &Database{model: m, Dialect: dialectName}
	if d.test, err = testdb.New(ctx, dialectName); err != nil {
		return nil, err
	}
	if d.db, err = d.test.Open(); err != nil {
		_ = d.test.Close()
		return nil, err
	}
	if err := d.Migrate(ctx, d.Package.Open(entsql.OpenDB(dialectName, d.db))); err != nil {
		_ = d.Close()
		return nil, err
	}
	for _, v := range m.views() {
		if _, err := d.db.ExecContext(ctx, v); err != nil {
			_ = d.Close()
			return nil, err
		}
	}
	return d, nil
}

// Close drops the database.
func (d *Database) Close() error {
	if d.sharing != nil {
		d.sharing.close()
	}
	_ = d.db.Close()
	return d.test.Close()
}

// Reset deletes all rows, and makes the database count from one again.
func (d *Database) Reset(ctx context.Context) error {
	var quoted []string
	q := `"`
	if d.Dialect == dialect.MySQL {
		q = "`"
	}
	for _, t := range d.Tables {
		quoted = append(quoted, q+t+q)
	}
	c, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var statements []string
	switch d.Dialect {
	case dialect.Postgres:
		statements = append(statements, "TRUNCATE "+strings.Join(quoted, ", ")+" RESTART IDENTITY CASCADE")
	case dialect.MySQL:
		// A truncated table costs a file; most are empty.
		statements = append(statements, "SET FOREIGN_KEY_CHECKS = 0")
		for _, t := range quoted {
			statements = append(statements, "DELETE FROM "+t, "ALTER TABLE "+t+" AUTO_INCREMENT = 1")
		}
		statements = append(statements, "SET FOREIGN_KEY_CHECKS = 1")
	default:
		statements = append(statements, "PRAGMA foreign_keys = 0", "BEGIN")
		for _, t := range quoted {
			statements = append(statements, "DELETE FROM "+t)
		}
		statements = append(statements, "DELETE FROM sqlite_sequence", "COMMIT", "PRAGMA foreign_keys = 1")
	}
	for _, s := range statements {
		if _, err := c.ExecContext(ctx, s); err != nil && !strings.Contains(err.Error(), "sqlite_sequence") {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
