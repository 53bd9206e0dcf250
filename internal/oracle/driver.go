package oracle

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
)

// counting counts the statements of the reads whose context carries a counter.
type counting struct{ dialect.Driver }

type countKey struct{}

// Query counts and forwards.
func (d counting) Query(ctx context.Context, query string, args, v any) error {
	if n, ok := ctx.Value(countKey{}).(*atomic.Int64); ok {
		n.Add(1)
	}
	return d.Driver.Query(ctx, query, args, v)
}

// Unwrap returns the driver behind.
func (d counting) Unwrap() dialect.Driver { return d.Driver }

// slow waits now and then before it hands over what the database answered:
// that is where races are won and lost.
type slow struct{ dialect.Driver }

func wait() {
	if rand.IntN(4) == 0 {
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	}
}

// Query forwards and waits.
func (d *slow) Query(ctx context.Context, query string, args, v any) error {
	defer wait()
	return d.Driver.Query(ctx, query, args, v)
}

// Exec forwards and waits.
func (d *slow) Exec(ctx context.Context, query string, args, v any) error {
	defer wait()
	return d.Driver.Exec(ctx, query, args, v)
}

// Unwrap returns the driver behind.
func (d *slow) Unwrap() dialect.Driver { return d.Driver }

// Tx returns a transaction whose Commit waits.
func (d *slow) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := d.Driver.Tx(ctx)
	if err != nil {
		return nil, err
	}
	return slowTx{tx}, nil
}

type slowTx struct{ dialect.Tx }

// Commit forwards and waits.
func (t slowTx) Commit() error {
	defer wait()
	return t.Tx.Commit()
}

// busy reports whether an error is about other transactions at work.
func busy(err error) bool {
	s := err.Error()
	for _, part := range []string{"SQLITE_BUSY", "database is locked", "table is locked", "deadlock", "could not serialize", "Lock wait timeout", "Record has changed"} {
		if strings.Contains(strings.ToLower(s), strings.ToLower(part)) {
			return true
		}
	}
	return false
}
