package testdb

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
)

// newMySQL creates a database on the server of MySQLEnv.
func newMySQL(ctx context.Context) (*Database, error) {
	if err := known(MySQLEnv); err != nil {
		return nil, err
	}
	server, err := mysql.ParseDSN(os.Getenv(MySQLEnv))
	if err != nil {
		return nil, fmt.Errorf("entcache: %s isn't a DSN like user:password@tcp(127.0.0.1:3306)/: %w", MySQLEnv, err)
	}
	name := newName()
	if err := onMySQL(ctx, server, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
		return err
	}); err != nil {
		return nil, err
	}
	own := server.Clone()
	own.DBName = name
	own.ParseTime = true // Ent scans times
	return &Database{
		Dialect:    dialect.MySQL,
		DriverName: "mysql",
		DSN:        own.FormatDSN(),
		drop: func(ctx context.Context) error {
			return onMySQL(ctx, server, func(db *sql.DB) error { return dropMySQL(ctx, db, name) })
		},
	}, nil
}

// dropMySQL ends the database's connections first: one that a test left in a
// transaction holds locks, and DROP DATABASE would wait for them.
func dropMySQL(ctx context.Context, db *sql.DB, name string) error {
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE db = ?", name)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, id := range ids {
		// It may have ended by itself meanwhile; then this fails, rightly.
		_, _ = db.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	}
	_, err = db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name)
	return err
}

func onMySQL(ctx context.Context, server *mysql.Config, f func(*sql.DB) error) error {
	connector, err := mysql.NewConnector(server)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("entcache: the server of %s doesn't answer: %w", MySQLEnv, err)
	}
	return f(db)
}
