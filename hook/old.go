package hook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/cache"
)

// oldValues reports whether the policy of the type has the row of a write read
// before it is written.
func (d *watching) oldValues() bool {
	return d.own != nil && d.writes[0].typ.Policy != nil && d.writes[0].typ.Policy.OldValues
}

// locks reports whether the statement is a delete that needs a transaction, so that
// its row can be locked. On an *sql.Tx that the program opened, or a driver that hides
// what it wraps, none may be begun.
func (d *watching) locks() bool {
	w := d.writes[0]
	return d.oldValues() && d.own.remove != nil && d.own.id != nil && (w.pending != nil || w.ownTx()) &&
		d.own.seen.OldColumns(w.typ.Schema, d.own.table(), nil, w.fold) != nil
}

// execLocked runs a statement in a transaction of its own, or in the one that is
// open.
func (d *watching) execLocked(ctx context.Context, query string, args, v any) error {
	tx, err := d.Tx(ctx)
	if err != nil {
		return err
	}
	if err := tx.Exec(ctx, query, args, v); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// readOld reads what the row of an update or a delete has before it. The lock is
// the one that the write itself would take, so nobody changes the row in between.
func (d *watching) readOld(ctx context.Context, tx dialect.Tx) error {
	if !d.oldValues() || !d.tx {
		return nil
	}
	var (
		w  = d.writes[0]
		id = d.own.id
	)
	if u := d.own.update; u != nil {
		if u.Node.ID == nil {
			return nil
		}
		id = u.Node.ID.Value
	}
	columns := d.own.seen.OldColumns(w.typ.Schema, d.own.table(), d.own.update, w.fold)
	if id == nil || columns == nil {
		return nil
	}
	values, err := d.lockRow(ctx, tx, columns, id)
	if err != nil {
		return fmt.Errorf("entcache: read the old values of %s for Mixin.OldValues: %w", w.typ.Name, err)
	}
	if values != nil {
		d.own.seen.Old(columns, values)
	}
	return nil
}

// lockRow locks a row and returns what it has in the columns, of which the first is
// its key; nil if there is no such row.
func (d *watching) lockRow(ctx context.Context, tx dialect.Tx, columns []*cache.Column, id any) ([]any, error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	var (
		build  = entsql.Dialect(d.Dialect())
		table  = build.Table(d.own.table()).Schema(d.own.schema())
		lookup = build.Select(names...).From(table).Where(entsql.EQ(names[0], id))
	)
	switch {
	case d.Dialect() == dialect.SQLite:
		// It has one lock for the whole database, which any statement that writes
		// takes, though it finds nothing to write.
		query, args := build.Delete(d.own.table()).Schema(d.own.schema()).Where(entsql.False()).Query()
		if err := tx.Exec(told(ctx, d.caches(), query), query, args, nil); err != nil {
			return nil, err
		}
	case d.own.remove == nil && d.Dialect() == dialect.Postgres:
		lookup.For(entsql.LockNoKeyUpdate)
	default:
		lookup.ForUpdate()
	}
	query, args := lookup.Query()
	var rows entsql.Rows
	if err := tx.Query(told(ctx, d.caches(), query), query, args, &rows); err != nil {
		return nil, err
	}
	defer rows.Close()
	if _, ok := rows.ColumnScanner.(*sql.Rows); !ok || !rows.Next() {
		return nil, rows.Err()
	}
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	if err := rows.Scan(to...); err != nil {
		return nil, err
	}
	return values, rows.Close()
}
