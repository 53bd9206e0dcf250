package simulation

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// dbDriver is a process's access to the database. It understands the statements
// that the operations of the simulation make Ent send, and no others.
type dbDriver struct{ p *process }

var _ dialect.Driver = dbDriver{}

// behind is what the cache finds behind the driver. It is never used, but by it
// the cache tells databases apart and transactions from other statements.
var behind = entsql.OpenDB(dialect.Postgres, sql.OpenDB(nowhere{}))

type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("no connection") }
func (nowhere) Driver() driver.Driver                        { return nowhere{} }
func (nowhere) Open(string) (driver.Conn, error)             { return nil, errors.New("no connection") }

func (d dbDriver) Unwrap() dialect.Driver { return behind }
func (d dbDriver) Dialect() string        { return dialect.Postgres }
func (d dbDriver) Close() error           { return nil }

// refusal is an error that the database answers: nothing has happened and
// nothing will.
type refusal string

func (e refusal) Error() string    { return "the database refused: " + string(e) }
func (e refusal) SQLState() string { return string(e) }

const (
	duplicate refusal = "23505"
	tooLate   refusal = "25P03" // idle_in_transaction_session_timeout
)

// errConnection says nothing about what became of a statement.
var errConnection = errors.New("connection reset by peer")

func (d dbDriver) Query(ctx context.Context, text string, args, v any) error {
	var out *scanner
	err := d.p.park(ctx, opOf(ctx), dbQuery, func() error {
		out = d.p.world.db.query(text, args.([]any), nil)
		return nil
	})
	if err == nil {
		v.(*entsql.Rows).ColumnScanner = out
	}
	return err
}

func (d dbDriver) Exec(ctx context.Context, text string, args, v any) error {
	st, w := parse(text, args.([]any)), d.p.world
	op := opOf(ctx)
	n := 0
	err := d.p.park(ctx, op, dbExec, func() error {
		s := w.db.now()
		n, _ = s.apply(st)
		return w.visible(op, []statement{st})
	})
	if r, ok := v.(*entsql.Result); ok && err == nil {
		*r = affected(n)
	}
	return err
}

func (d dbDriver) Tx(ctx context.Context) (dialect.Tx, error) {
	return &dbTx{dbDriver: d, ctx: ctx}, ctx.Err()
}

// dbTx keeps its statements until it commits.
type dbTx struct {
	dbDriver
	ctx    context.Context
	writes []statement
}

func (t *dbTx) Query(_ context.Context, text string, args, v any) error {
	v.(*entsql.Rows).ColumnScanner = t.p.world.db.query(text, args.([]any), t.writes)
	return nil
}

func (t *dbTx) Exec(_ context.Context, text string, args, v any) error {
	st := parse(text, args.([]any))
	s := t.p.world.db.now()
	for _, w := range t.writes {
		s.apply(w)
	}
	n, ok := s.apply(st)
	if !ok {
		return duplicate
	}
	t.writes = append(t.writes, st)
	if r, ok := v.(*entsql.Result); ok {
		*r = affected(n)
	}
	return nil
}

func (t *dbTx) Commit() error {
	op := opOf(t.ctx)
	return t.p.park(t.ctx, op, dbCommit, func() error { return t.p.world.visible(op, t.writes) })
}

func (t *dbTx) Rollback() error { return nil }

type affected int

func (affected) LastInsertId() (int64, error)   { return 0, nil }
func (n affected) RowsAffected() (int64, error) { return int64(n), nil }

const columns = `"items"."id", "items"."ver", "items"."nonce", "items"."shelf_id"`

// The statements that read.
var reads = map[string]queryKind{
	`SELECT ` + columns + ` FROM "items" WHERE "items"."id" = $1 LIMIT 2`:   byID,
	`SELECT ` + columns + ` FROM "items" WHERE "items"."shelf_id" = $1`:     byShelf,
	`SELECT COUNT("items"."id") FROM "items" WHERE "items"."shelf_id" = $1`: countShelf,
	`SELECT ` + columns + ` FROM "items"`:                                   all,
	`SELECT ` + columns + ` FROM "items" WHERE "items"."id" IN ($1, $2)`:    several,
	`SELECT "items"."id" FROM "items" WHERE "items"."id" = $1 LIMIT 1`:      exists,
	`SELECT "id", "ver", "nonce", "shelf_id" FROM "items" WHERE "id" = $1`:  byID,
}

var (
	entityColumns = []string{"id", "ver", "nonce", "shelf_id"}
	idColumns     = []string{"id"}
	countColumns  = []string{"count"}
)

func (d *database) query(text string, args []any, own []statement) *scanner {
	kind, ok := reads[text]
	if !ok {
		panic("simulation: statement not understood: " + text)
	}
	q := query{of: kind}
	if len(args) > 0 {
		q.arg = number(args[0])
	}
	s := d.now()
	for _, st := range own {
		s.apply(st)
	}
	a := q.eval(&s)
	switch kind {
	case countShelf:
		return &scanner{columns: countColumns, rows: [][]any{{int64(a.count)}}}
	case exists:
		out := &scanner{columns: idColumns}
		if a.count > 0 {
			out.rows = [][]any{{int64(q.arg)}}
		}
		return out
	}
	out := &scanner{columns: entityColumns}
	for i, r := range a.rows {
		if r.present {
			out.rows = append(out.rows, []any{int64(i + 1), int64(r.ver), strconv.Itoa(r.nonce), int64(r.shelf)})
		}
	}
	return out
}

// parse understands a statement that writes.
func parse(text string, args []any) statement {
	n := func(i int) int { return number(args[i]) }
	switch text {
	case `INSERT INTO "items" ("ver", "nonce", "shelf_id", "id") VALUES ($1, $2, $3, $4)`:
		return statement{kind: insert, ver: n(0), nonce: n(1), shelf: n(2), id: n(3)}
	case `UPDATE "items" SET "nonce" = $1, "ver" = COALESCE("items"."ver", 0) + $2 WHERE "id" = $3`:
		return statement{kind: update, nonce: n(0), ver: n(1), id: n(2)}
	case `UPDATE "items" SET "nonce" = $1, "shelf_id" = $2, "ver" = COALESCE("items"."ver", 0) + $3 WHERE "id" = $4`:
		return statement{kind: update, nonce: n(0), shelf: n(1), ver: n(2), id: n(3)}
	case `UPDATE "items" SET "nonce" = $1, "ver" = COALESCE("items"."ver", 0) + $2 WHERE "items"."shelf_id" = $3`:
		return statement{kind: update, nonce: n(0), ver: n(1), where: n(2)}
	case `DELETE FROM "items" WHERE "items"."id" = $1`:
		return statement{kind: remove, id: n(0)}
	case `DELETE FROM "items" WHERE "items"."shelf_id" = $1`:
		return statement{kind: remove, where: n(0)}
	}
	panic("simulation: statement not understood: " + text)
}

func number(v any) int {
	switch v := v.(type) {
	case int:
		return v
	case int64:
		return int(v)
	case string:
		n, err := strconv.Atoi(v)
		if err == nil {
			return n
		}
	}
	panic(fmt.Sprintf("simulation: no number: %#v", v))
}

// scanner hands out rows.
type scanner struct {
	columns []string
	rows    [][]any
	at      int
}

func (s *scanner) Close() error                            { return nil }
func (s *scanner) Columns() ([]string, error)              { return s.columns, nil }
func (s *scanner) ColumnTypes() ([]*sql.ColumnType, error) { return nil, nil }
func (s *scanner) Err() error                              { return nil }
func (s *scanner) NextResultSet() bool                     { return false }

func (s *scanner) Next() bool {
	s.at++
	return s.at <= len(s.rows)
}

func (s *scanner) Scan(dest ...any) error {
	for i, v := range s.rows[s.at-1] {
		switch d := dest[i].(type) {
		case *any:
			*d = v
		case sql.Scanner:
			if err := d.Scan(v); err != nil {
				return err
			}
		default:
			return fmt.Errorf("no destination: %T", d)
		}
	}
	return nil
}
