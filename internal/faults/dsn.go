package faults

import (
	"fmt"
	"net/url"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
)

// databaseAddr returns where a database listens, or nothing for a file.
func databaseAddr(dialectName, dsn string) (string, error) {
	switch dialectName {
	case dialect.Postgres:
		u, err := url.Parse(dsn)
		if err != nil {
			return "", err
		}
		return u.Host, nil
	case dialect.MySQL:
		c, err := mysql.ParseDSN(dsn)
		if err != nil {
			return "", err
		}
		return c.Addr, nil
	}
	return "", nil
}

// workerDSN returns the DSN of a worker that reaches the database at another
// address, with what a program with that lease should set.
func workerDSN(dialectName, dsn, addr string, lease time.Duration) (string, error) {
	switch dialectName {
	case dialect.Postgres:
		u, err := url.Parse(dsn)
		if err != nil {
			return "", err
		}
		u.Host = addr
		q := u.Query()
		// A process that stands still before it commits must not commit later.
		q.Set("idle_in_transaction_session_timeout", fmt.Sprint((lease / 3).Milliseconds()))
		u.RawQuery = q.Encode()
		return u.String(), nil
	case dialect.MySQL:
		c, err := mysql.ParseDSN(dsn)
		if err != nil {
			return "", err
		}
		c.Addr = addr
		return c.FormatDSN(), nil
	}
	// A transaction that read first couldn't write any more.
	return dsn + "&_txlock=immediate", nil
}
