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

// oldValues reports whether the policy of the type has the rows of a write read
// before they are written.
func (d *watching) oldValues() bool {
	return d.own != nil && d.writes[0].typ.Policy != nil && d.writes[0].typ.Policy.OldValues
}

// key returns the key of the row that an update or a delete writes; nil if it writes
// those that meet its conditions.
func (s *spec) key() any {
	if s.update != nil && s.update.Node.ID != nil {
		return s.update.Node.ID.Value
	}
	return s.id
}

// byPredicate reports whether an update or a delete writes the rows that meet its
// conditions. What a modifier writes can't be told by them.
func (s *spec) byPredicate() bool {
	if s.update != nil {
		return s.update.Node.ID != nil && s.update.Node.ID.Value == nil && len(s.update.Modifiers) == 0
	}
	return s.remove != nil && s.id == nil
}

// locks reports whether the statement needs a transaction, so that its rows can be
// locked: Ent opens none for a delete, or an update by predicate. On an *sql.Tx that the
// program opened, or a driver that hides what it wraps, none may be begun. With session
// variables none should be: Ent takes them back behind a statement, but in a transaction
// it leaves them to whoever gets the connection next.
func (d *watching) locks(ctx context.Context, query string, args any) bool {
	w := d.writes[0]
	switch {
	case !d.oldValues() || w.pending == nil && (!w.ownTx() || cache.HasSessionVars(ctx)):
		return false
	case d.own.byPredicate():
		_, _, columns := w.typ.Schema.LockedRows(d.Dialect(), d.own.table(), query, args)
		return columns != nil
	default:
		return d.own.remove != nil && d.own.seen.OldColumns(w.typ.Schema, d.own.table(), nil, w.fold) != nil
	}
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

// readOld reads what the rows of an update or a delete have before it. The locks are
// those that the write itself would take, so nobody changes the rows in between.
func (d *watching) readOld(ctx context.Context, tx dialect.Tx, query string, args any) error {
	if !d.oldValues() || !d.tx {
		return nil
	}
	var err error
	if d.own.byPredicate() {
		err = d.readRows(ctx, tx, query, args)
	} else {
		err = d.readRow(ctx, tx)
	}
	if err != nil {
		return fmt.Errorf("entcache: read the old values of %s for Mixin.OldValues: %w", d.writes[0].typ.Name, err)
	}
	return nil
}

// readRow reads the row of a write of one.
func (d *watching) readRow(ctx context.Context, tx dialect.Tx) error {
	var (
		w       = d.writes[0]
		id      = d.own.key()
		columns = d.own.seen.OldColumns(w.typ.Schema, d.own.table(), d.own.update, w.fold)
		names   = make([]string, len(columns))
	)
	if id == nil || columns == nil {
		return nil
	}
	for i, c := range columns {
		names[i] = c.Name
	}
	build := entsql.Dialect(d.Dialect())
	lookup := build.Select(names...).From(build.Table(d.own.table()).Schema(d.own.schema())).Where(entsql.EQ(names[0], id))
	switch {
	case d.Dialect() == dialect.SQLite:
	case d.own.remove == nil && d.Dialect() == dialect.Postgres:
		lookup.For(entsql.LockNoKeyUpdate)
	default:
		lookup.ForUpdate()
	}
	query, args := lookup.Query()
	rows, err := d.readLocked(ctx, tx, query, args, columns)
	if err == nil && len(rows) == 1 {
		d.own.seen.Old(columns, rows[0])
	}
	return err
}

// readRows reads the rows of a write by predicate.
func (d *watching) readRows(ctx context.Context, tx dialect.Tx, statement string, args any) error {
	s := d.writes[0].typ.Schema
	query, argv, columns := s.LockedRows(d.Dialect(), d.own.table(), statement, args)
	if columns == nil {
		return nil
	}
	rows, err := d.readLocked(ctx, tx, query, argv, columns)
	if err == nil && rows != nil {
		d.own.seen.OldRows(columns, rows)
	}
	return err
}

// readLocked runs a SELECT that locks what it finds, and returns that; nil if it isn't
// known.
func (d *watching) readLocked(ctx context.Context, tx dialect.Tx, query string, args []any, columns []*cache.Column) ([][]any, error) {
	if d.Dialect() == dialect.SQLite {
		// It has one lock for the whole database, which any statement that writes
		// takes, though it finds nothing to write.
		query, args := entsql.Dialect(d.Dialect()).Delete(d.own.table()).Schema(d.own.schema()).Where(entsql.False()).Query()
		if err := tx.Exec(told(ctx, d.caches(), query), query, args, nil); err != nil {
			return nil, err
		}
	}
	var rows entsql.Rows
	if err := tx.Query(told(ctx, d.caches(), query), query, args, &rows); err != nil {
		return nil, err
	}
	defer rows.Close()
	if _, ok := rows.ColumnScanner.(*sql.Rows); !ok {
		return nil, nil
	}
	found := [][]any{}
	for rows.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		found = append(found, values)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return found, rows.Close()
}
