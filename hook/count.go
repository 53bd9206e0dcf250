package hook

import (
	"context"
	"database/sql"
	"strings"

	"entgo.io/ent/dialect"
)

// run runs a statement, and notes how many rows it wrote if it is one of an update or
// a delete. once says that it is known to run once: outside of a transaction a driver
// or a proxy may send it again when the connection breaks, and the second time it
// finds nothing to do.
func (d *watching) run(ctx context.Context, on dialect.ExecQuerier, query string, args, v any, once bool) error {
	ctx = told(ctx, d.caches(), query)
	if d.own == nil || d.own.table() == "" {
		return on.Exec(ctx, query, args, v)
	}
	rows := int64(-1)
	// Deferred: what a driver that panics has done isn't known.
	defer func() { d.own.seen.Ran(d.writes[0].typ.Schema, d.Dialect(), query, rows) }()
	var own sql.Result
	if v == nil {
		v = &own // Ent doesn't ask how many rows of an edge there were
	}
	err := on.Exec(ctx, query, args, v)
	if res, ok := v.(*sql.Result); ok && err == nil && once && *res != nil {
		if n, err := (*res).RowsAffected(); err == nil {
			rows = n
		}
	}
	return err
}

// queried notes a statement that returns rows. Ent only reads by them when it updates
// or deletes.
func (d *watching) queried(query string) {
	if d.own != nil && d.own.table() != "" && !(len(query) > 6 && strings.EqualFold(query[:6], "select")) {
		d.own.seen.Ran(d.writes[0].typ.Schema, d.Dialect(), query, -1)
	}
}
