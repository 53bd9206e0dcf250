package hook

import (
	"context"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// announcing is the driver of one insert. It announces the write before the
// first statement, when all that can be known of it is. If it is alone, no hook
// sees the write's end, and it makes the write take effect itself.
type announcing struct {
	dialect.Driver
	write     *Write
	alone     bool
	announced bool
}

// Unwrap returns the driver behind.
func (d *announcing) Unwrap() dialect.Driver { return d.Driver }

func (d *announcing) begin(ctx context.Context) error {
	if d.announced {
		return nil
	}
	d.announced = true
	return d.write.announce(ctx)
}

func (d *announcing) end(ctx context.Context) {
	if d.alone {
		d.write.finish(ctx)
	}
}

func (d *announcing) Exec(ctx context.Context, query string, args, v any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end(ctx)
	return d.Driver.Exec(ctx, query, args, v)
}

func (d *announcing) Query(ctx context.Context, query string, args, v any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	if !d.alone {
		return d.Driver.Query(ctx, query, args, v)
	}
	err := d.Driver.Query(ctx, query, args, v)
	if rows, ok := v.(*entsql.Rows); ok && err == nil {
		// An INSERT … RETURNING is over when its rows are.
		rows.ColumnScanner = &lastRows{ColumnScanner: rows.ColumnScanner, end: func() { d.end(ctx) }}
		return nil
	}
	d.end(ctx)
	return err
}

// lastRows calls end when its rows are closed.
type lastRows struct {
	entsql.ColumnScanner
	end func()
}

func (r *lastRows) Close() error {
	defer r.end()
	return r.ColumnScanner.Close()
}

func (d *announcing) Tx(ctx context.Context) (dialect.Tx, error) {
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	tx, err := d.Driver.Tx(ctx)
	if err != nil || !d.alone {
		return tx, err
	}
	return &aloneTx{Tx: tx, d: d, ctx: ctx}, nil
}

// aloneTx ends the write when its transaction does.
type aloneTx struct {
	dialect.Tx
	d   *announcing
	ctx context.Context
}

func (t *aloneTx) Commit() error {
	defer t.d.end(t.ctx)
	return t.Tx.Commit()
}

func (t *aloneTx) Rollback() error {
	defer t.d.end(t.ctx)
	return t.Tx.Rollback()
}

// batch is the driver of a bulk insert: each of its rows is a mutation with a
// write of its own.
type batch struct {
	dialect.Driver
	writes    []*Write
	announced bool
}

// Unwrap returns the driver behind.
func (d *batch) Unwrap() dialect.Driver { return d.Driver }

func (d *batch) begin(ctx context.Context) error {
	if d.announced {
		return nil
	}
	d.announced = true
	for _, w := range d.writes {
		if err := w.announce(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *batch) Exec(ctx context.Context, query string, args, v any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	return d.Driver.Exec(ctx, query, args, v)
}

func (d *batch) Query(ctx context.Context, query string, args, v any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	return d.Driver.Query(ctx, query, args, v)
}

func (d *batch) Tx(ctx context.Context) (dialect.Tx, error) {
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	return d.Driver.Tx(ctx)
}
