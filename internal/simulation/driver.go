package simulation

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"

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
	orphan    refusal = "23503"
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
		n, _ = s.write(st)
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
		_, _ = s.write(w)
	}
	n, err := s.write(st)
	if err != nil {
		return err
	}
	if n > 0 {
		// One that found no row writes none later either, whatever others have
		// committed until this transaction does.
		t.writes = append(t.writes, st)
	}
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

const (
	itemColumns = `"items"."id", "items"."ver", "items"."nonce", "items"."shelf_id"`
	noteColumns = `"notes"."id", "notes"."ver", "notes"."nonce", "notes"."item_id"`
)

// The statements that read.
var reads = map[string]queryKind{
	`SELECT ` + itemColumns + ` FROM "items" WHERE "items"."id" = $1 LIMIT 2`: byID,
	`SELECT ` + itemColumns + ` FROM "items" WHERE "items"."id" = $1`:         byID,
	`SELECT ` + itemColumns + ` FROM "items" WHERE "items"."shelf_id" = $1`:   byShelf,
	`SELECT COUNT("items"."id") FROM "items" WHERE "items"."shelf_id" = $1`:   countShelf,
	`SELECT ` + itemColumns + ` FROM "items"`:                                 all,
	`SELECT "items"."id" FROM "items" WHERE "items"."id" = $1 LIMIT 1`:        exists,
	`SELECT "id", "ver", "nonce", "shelf_id" FROM "items" WHERE "id" = $1`:    byID,
	`SELECT ` + noteColumns + ` FROM "notes" WHERE "notes"."id" = $1`:         noteByID,
	`SELECT "id", "ver", "nonce", "item_id" FROM "notes" WHERE "id" = $1`:     noteByID,
}

// And those with a list of ids.
const (
	itemsIn = `SELECT ` + itemColumns + ` FROM "items" WHERE "items"."id" IN (`
	notesIn = `SELECT ` + noteColumns + ` FROM "notes" WHERE "notes"."item_id" IN (`
)

var (
	entityColumns = []string{"id", "ver", "nonce", "shelf_id"}
	notesColumns  = []string{"id", "ver", "nonce", "item_id"}
	idColumns     = []string{"id"}
	countColumns  = []string{"count"}
)

func (d *database) query(text string, args []any, own []statement) *scanner {
	var q query
	if kind, ok := reads[text]; ok {
		q.of = kind
		if len(args) > 0 {
			q.arg = number(args[0])
		}
	} else {
		switch {
		case strings.HasPrefix(text, itemsIn):
			q.of = itemsOf
		case strings.HasPrefix(text, notesIn):
			q.of = notesOf
		default:
			panic("simulation: statement not understood: " + text)
		}
		for _, v := range args {
			q.arg |= 1 << number(v)
		}
	}
	s := d.now()
	for _, st := range own {
		_, _ = s.write(st)
	}
	a := q.eval(&s)
	switch q.of {
	case countShelf:
		return &scanner{columns: countColumns, rows: [][]any{{int64(a.count)}}}
	case exists:
		out := &scanner{columns: idColumns}
		if a.count > 0 {
			out.rows = [][]any{{int64(q.arg)}}
		}
		return out
	case noteByID, notesOf:
		return &scanner{columns: notesColumns, rows: values(a.notes[:])}
	}
	return &scanner{columns: entityColumns, rows: values(a.rows[:])}
}

func values(rows []row) (out [][]any) {
	for i, r := range rows {
		if r.present {
			out = append(out, []any{int64(i + 1), int64(r.ver), strconv.Itoa(r.nonce), int64(r.parent)})
		}
	}
	return out
}

// The statements that write, with items for both tables and shelf_id for what
// their rows are on.
var (
	noteTable = strings.NewReplacer(`"notes"`, `"items"`, `"item_id"`, `"shelf_id"`)
	writes    = map[string]func(n func(int) int) statement{
		`INSERT INTO "items" ("ver", "nonce", "shelf_id", "id") VALUES ($1, $2, $3, $4)`: func(n func(int) int) statement {
			return statement{kind: insert, ver: n(0), nonce: n(1), parent: n(2), id: n(3)}
		},
		`UPDATE "items" SET "nonce" = $1, "ver" = COALESCE("items"."ver", 0) + $2 WHERE "id" = $3`: func(n func(int) int) statement {
			return statement{kind: update, nonce: n(0), ver: n(1), id: n(2)}
		},
		`UPDATE "items" SET "nonce" = $1, "shelf_id" = $2, "ver" = COALESCE("items"."ver", 0) + $3 WHERE "id" = $4`: func(n func(int) int) statement {
			return statement{kind: update, nonce: n(0), parent: n(1), ver: n(2), id: n(3)}
		},
		`UPDATE "items" SET "nonce" = $1, "ver" = COALESCE("items"."ver", 0) + $2 WHERE "items"."shelf_id" = $3`: func(n func(int) int) statement {
			return statement{kind: update, nonce: n(0), ver: n(1), where: n(2)}
		},
		`DELETE FROM "items" WHERE "items"."id" = $1`:       func(n func(int) int) statement { return statement{kind: remove, id: n(0)} },
		`DELETE FROM "items" WHERE "items"."shelf_id" = $1`: func(n func(int) int) statement { return statement{kind: remove, where: n(0)} },
	}
)

// parse understands a statement that writes.
func parse(text string, args []any) statement {
	f, ok := writes[text]
	note := !ok
	if note {
		f, ok = writes[noteTable.Replace(text)]
	}
	if !ok {
		panic("simulation: statement not understood: " + text)
	}
	st := f(func(i int) int { return number(args[i]) })
	st.note = note
	return st
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
