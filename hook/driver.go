package hook

import (
	"context"
	"database/sql"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// watching is the driver of one mutation's statements, or of one bulk insert's,
// whose rows are mutations with a write each. It announces the writes before the
// first statement and sees whether the database answered what it was sent. If it
// is alone, no hook sees the write's end, and it makes the write take effect
// itself.
type watching struct {
	dialect.Driver
	writes    []*Write
	alone     bool
	announced bool
}

// Unwrap returns the driver behind.
func (d *watching) Unwrap() dialect.Driver { return d.Driver }

func (d *watching) begin(ctx context.Context) error {
	if d.announced {
		return nil
	}
	if err := announce(ctx, d.writes); err != nil {
		return err
	}
	d.announced = true
	return nil
}

// end is called when a statement or transaction has ended, with what the
// database had to say.
func (d *watching) end(ctx context.Context, err error) {
	if unanswered(err, d.db()) {
		for _, w := range d.writes {
			w.inDoubt = true
		}
	}
	if d.alone {
		d.writes[0].finish(ctx)
	}
}

func (d *watching) db() *sql.DB { return d.writes[0].origin.DB }

func (d *watching) Exec(ctx context.Context, query string, args, v any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	// Deferred, as in all of these: a driver that panics must not lose the write.
	err := errPanicked
	defer func() { d.end(ctx, err) }()
	err = d.Driver.Exec(ctx, query, args, v)
	return err
}

func (d *watching) Query(ctx context.Context, query string, args, v any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	err, open := errPanicked, false
	defer func() {
		if !open {
			d.end(ctx, err)
		}
	}()
	err = d.Driver.Query(ctx, query, args, v)
	if rows, ok := v.(*entsql.Rows); ok && err == nil {
		// An INSERT … RETURNING is over when its rows are.
		open = true
		rows.ColumnScanner = &lastRows{ColumnScanner: rows.ColumnScanner, end: func(err error) { d.end(ctx, err) }}
	}
	return err
}

// lastRows calls end when its rows are closed.
type lastRows struct {
	entsql.ColumnScanner
	end func(error)
}

func (r *lastRows) Close() error {
	err := r.ColumnScanner.Close()
	if failed := r.Err(); failed != nil {
		r.end(failed)
	} else {
		r.end(err)
	}
	return err
}

func (d *watching) Tx(ctx context.Context) (dialect.Tx, error) {
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	tx, err := d.Driver.Tx(ctx)
	if err != nil {
		// Nothing was sent that could be committed.
		if d.alone {
			d.end(ctx, nil)
		}
		return nil, err
	}
	return &watchedTx{Tx: tx, d: d, ctx: ctx}, nil
}

// watchedTx is the transaction Ent opens for one mutation. Only its commit can
// be in doubt: what has not been committed never takes effect.
type watchedTx struct {
	dialect.Tx
	d   *watching
	ctx context.Context
}

func (t *watchedTx) Commit() error {
	err := errPanicked
	defer func() { t.d.end(t.ctx, err) }()
	err = t.Tx.Commit()
	return err
}

func (t *watchedTx) Rollback() error {
	defer t.d.end(t.ctx, nil)
	return t.Tx.Rollback()
}
