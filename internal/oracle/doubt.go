package oracle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// A write whose context ends may take effect after the client got its error: the
// server isn't told, or goes on all the same. A storm that lets writes end so
// must know when that is over, or it would blame the cache for what the database
// does meanwhile.

// inDoubt is how long the cache of a storm holds what such a write touches.
const inDoubt = 500 * time.Millisecond

// patience bounds how long a server may take over a write that was given up.
const patience = 30 * time.Second

// mayHurry reports whether a write may get too little time. What one in doubt
// touches isn't cached for some time, so on servers there are few of them. SQLite
// is in the process, and leaves none in doubt.
func (w *storm) mayHurry() bool {
	if w.Dialect == dialect.SQLite {
		return true
	}
	now, last := time.Now().UnixNano(), w.hurried.Load()
	return now-last > int64(2*inDoubt) && w.hurried.CompareAndSwap(last, now)
}

// hurry runs a write that has too little time, and waits until nothing can come
// of it any more. Until then it counts as running.
func (w *storm) hurry(ctx context.Context, g *generator) error {
	c, err := w.connect(ctx)
	if err != nil {
		return err
	}
	defer c.db.Close()
	short, cancel := context.WithTimeout(ctx, time.Duration(g.rng.IntN(1500))*time.Microsecond)
	defer cancel()
	client := w.client(&slow{Driver: entsql.OpenDB(w.Dialect, c.db)})
	late := false
	w.commit(short, g, client, func() {
		err = c.settle(ctx, func(waited time.Duration) {
			if !late && waited > inDoubt/5 {
				// It may outlast the time for which the cache holds it. Two
				// commits at once make reads inconclusive.
				late = true
				w.begun.Add(1)
			}
		})
		if late {
			w.handle.InvalidateAll(ctx)
			w.ended.Add(1)
		}
	})
	return err
}

// connection is a pool of one connection, of which the server can be asked.
type connection struct {
	*Database
	db *sql.DB
	id int64 // the server's number of it
}

// connect opens a connection of its own. SQLite needs no number for it.
func (d *Database) connect(ctx context.Context) (*connection, error) {
	db, err := d.test.Open()
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c := &connection{Database: d, db: db}
	if d.Dialect == dialect.SQLite {
		return c, nil
	}
	if c.id, err = c.number(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// number asks for the number of the connection that the pool has now.
func (c *connection) number(ctx context.Context) (id int64, err error) {
	q := "SELECT CONNECTION_ID()"
	if c.Dialect == dialect.Postgres {
		q = "SELECT pg_backend_pid()"
	}
	return id, c.db.QueryRowContext(ctx, q).Scan(&id)
}

// settle waits until the server has ended everything it was sent over the
// connection. It calls waiting now and then.
func (c *connection) settle(ctx context.Context, waiting func(time.Duration)) error {
	if c.Dialect == dialect.SQLite {
		return nil
	}
	// A connection that answers has nothing else to do.
	if id, err := c.number(ctx); err == nil && id == c.id {
		return nil
	}
	// One that the client closed stays in the list until its statement has
	// ended, with a commit or a rollback.
	q := "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?"
	if c.Dialect == dialect.Postgres {
		q = "SELECT COUNT(*) FROM pg_stat_activity WHERE pid = $1"
	}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		var n int
		if err := c.Database.db.QueryRowContext(ctx, q, c.id).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		waited := time.Since(start)
		if waited > patience {
			return fmt.Errorf("entcache: the server hasn't ended a statement after %v; see what blocks connection %d", waited, c.id)
		}
		waiting(waited)
	}
}
