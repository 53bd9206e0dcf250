package hook

import (
	"context"
	"database/sql"
	"errors"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/entcache/ent-cache/cache"
)

// watching is the driver of one mutation's statements, or of one bulk insert's,
// whose rows are mutations with a write each. It announces the writes before the
// statement or, if Ent opens a transaction for them, before that commits: what
// they touch is known better by then, and nobody sees them earlier. It sees whether
// the database answered what it was sent. If it is alone, no hook sees the write's
// end, and it makes the write take effect itself.
type watching struct {
	dialect.Driver
	writes    []*Write
	alone     bool
	announced bool
	// own is the specification that a single write runs, and sent says that the
	// statement of an update or a delete was.
	own  *spec
	sent bool
	// tx says that the statements are known to run in a transaction of the database:
	// what they do isn't seen before it commits, and rows they write are locked.
	tx bool
	// turn is that of the last statement in the program's transaction; zero for none.
	turn uint64
}

// observe notes the statement that writes the rows of the specification, and
// reports whether this is it: Ent sends it before those of the edges.
func (d *watching) observe(query string, args any) bool {
	if d.own == nil || d.sent || d.own.table() == "" {
		return false
	}
	d.sent = true
	d.own.seen.Statement(d.writes[0].typ.Schema, d.Dialect(), d.own.table(), query, args)
	return true
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

// turns counts the statements in the transaction of the program that the mutation is
// in, nil if it is in none.
func (d *watching) turns() *turns {
	if p := d.writes[0].pending; p != nil {
		return &p.turns
	}
	return nil
}

// take begins a statement in a transaction, and leave ends it. Another mutation in the
// transaction doesn't wait for the locks of this one: if it sent a statement in between,
// what is read of rows isn't what this one wrote, or was going to write.
func (d *watching) take() {
	turn, alone := d.turns().begin()
	if d.own != nil && (!alone || d.turn != 0 && turn != d.turn+1) {
		d.own.seen.Interrupted()
	}
	d.turn = turn
}

func (d *watching) leave() {
	if alone := d.turns().end(d.turn); d.own != nil && !alone {
		d.own.seen.Interrupted()
	}
}

func (d *watching) caches() []*cache.Cache { return d.writes[0].caches }

func (d *watching) Exec(ctx context.Context, query string, args, v any) error {
	if d.locks(ctx, query, args) {
		return d.execLocked(ctx, query, args, v)
	}
	turn, _ := d.turns().begin()
	defer d.turns().end(turn)
	d.observe(query, args)
	if err := d.begin(ctx); err != nil {
		return err
	}
	// Deferred, as in all of these: a driver that panics must not lose the write.
	err := errPanicked
	defer func() { d.end(ctx, err) }()
	err = d.run(ctx, d.Driver, query, args, v, d.writes[0].pending != nil || inProcess(d.db()))
	return err
}

func (d *watching) Query(ctx context.Context, query string, args, v any) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	turn, _ := d.turns().begin()
	defer d.turns().end(turn)
	d.queried(query)
	err, open := errPanicked, false
	defer func() {
		if !open {
			d.end(ctx, err)
		}
	}()
	err = d.Driver.Query(told(ctx, d.caches(), query), query, args, v)
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
	tx, err := d.Driver.Tx(ctx)
	if err != nil {
		// Nothing was sent that could be committed.
		if d.alone {
			d.end(ctx, nil)
		}
		return nil, err
	}
	w := d.writes[0]
	if d.tx = w.pending != nil || w.ownTx() && transactional(tx); !d.tx {
		// A driver may say that it began one and commit each statement by itself.
		if err := d.begin(ctx); err != nil {
			return nil, errors.Join(err, tx.Rollback())
		}
	}
	return &watchedTx{Tx: tx, d: d, ctx: ctx}, nil
}

// transactional reports whether a transaction is known to be one of the database.
func transactional(tx dialect.Tx) bool {
	for {
		switch t := tx.(type) {
		case *dialect.DebugTx:
			tx = t.Tx
		case *rawTx:
			tx = t.Tx
		case *entsql.Tx:
			return true
		case interface{ Unwrap() dialect.Tx }:
			tx = t.Unwrap()
		default:
			return false
		}
	}
}

// watchedTx is the transaction Ent opens for one mutation. Only its commit can
// be in doubt: what has not been committed never takes effect.
type watchedTx struct {
	dialect.Tx
	d   *watching
	ctx context.Context
}

func (t *watchedTx) Exec(ctx context.Context, query string, args, v any) error {
	t.d.take()
	defer t.d.leave()
	if t.d.observe(query, args) {
		if err := t.d.readOld(ctx, t.Tx, query, args); err != nil {
			return err
		}
	}
	return t.d.run(ctx, t.Tx, query, args, v, t.d.tx)
}

func (t *watchedTx) Query(ctx context.Context, query string, args, v any) error {
	t.d.take()
	defer t.d.leave()
	t.d.queried(query)
	err := t.Tx.Query(told(ctx, t.d.caches(), query), query, args, v)
	if rows, ok := v.(*entsql.Rows); ok && err == nil && t.d.sent && t.d.tx {
		t.d.readBack(rows)
	}
	return err
}

// readBack has the row that Ent reads behind its update noted as well.
func (d *watching) readBack(rows *entsql.Rows) {
	inner, ok := rows.ColumnScanner.(*sql.Rows)
	if !ok {
		return
	}
	columns, err := inner.Columns()
	if err != nil {
		return
	}
	if list := d.own.seen.Columns(d.writes[0].typ.Schema, d.own.table(), columns); list != nil {
		rows.ColumnScanner = &noted{Rows: inner, d: d, columns: list}
	}
}

// noted notes the row that is scanned from it, unless another statement of the
// transaction may have changed it since.
type noted struct {
	*sql.Rows
	d       *watching
	columns []*cache.Column
}

func (n *noted) Scan(dest ...any) error {
	values, to := make([]any, len(n.columns)), make([]any, len(n.columns))
	for i, c := range n.columns {
		if to[i] = &values[i]; c == nil {
			to[i] = nowhere{}
		}
	}
	if n.Rows.Scan(to...) == nil && n.d.turns().still(n.d.turn) {
		n.d.own.seen.Row(n.columns, values)
	}
	return n.Rows.Scan(dest...)
}

// nowhere is where values go that nobody wants.
type nowhere struct{}

func (nowhere) Scan(any) error { return nil }

func (t *watchedTx) Commit() error {
	if err := t.d.begin(t.ctx); err != nil {
		return errors.Join(err, t.Rollback())
	}
	err := errPanicked
	defer func() { t.d.end(t.ctx, err) }()
	err = t.Tx.Commit()
	return err
}

func (t *watchedTx) Rollback() error {
	if t.d.tx && !t.d.announced && t.d.own != nil && t.d.writes[0].pending == nil {
		// What isn't committed isn't written.
		t.d.own.undone = true
	}
	defer t.d.end(t.ctx, nil)
	return t.Tx.Rollback()
}
