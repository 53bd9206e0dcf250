package cache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// script is a driver of database/sql that answers every query with its sets of
// results.
type script struct {
	sets []resultSet
	// closing is returned when the rows are closed.
	closing error
	// next, if set, is called before each row with its number.
	next func(set, row int)
	// ctx is the context of the query, which the driver heeds between rows.
	ctx context.Context
	// closed counts the rows closed.
	closed int
}

type resultSet struct {
	columns []string
	rows    [][]driver.Value
	// err follows the rows in place of io.EOF.
	err error
}

func (s *script) Connect(context.Context) (driver.Conn, error) { return scriptConn{s}, nil }
func (s *script) Driver() driver.Driver                        { return nil }

type scriptConn struct{ *script }

func (scriptConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("no statements") }
func (scriptConn) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions") }
func (scriptConn) Close() error                        { return nil }
func (c scriptConn) QueryContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Rows, error) {
	c.ctx = ctx
	return &scriptRows{script: c.script}, nil
}

type scriptRows struct {
	*script
	set, row int
}

func (r *scriptRows) Columns() []string { return r.sets[r.set].columns }
func (r *scriptRows) Close() error {
	r.closed++
	return r.closing
}

func (r *scriptRows) Next(dest []driver.Value) error {
	set := r.sets[r.set]
	if r.next != nil {
		r.next(r.set, r.row)
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.row == len(set.rows) {
		if set.err != nil {
			return set.err
		}
		return io.EOF
	}
	copy(dest, set.rows[r.row])
	r.row++
	return nil
}

func (r *scriptRows) HasNextResultSet() bool { return r.set+1 < len(r.sets) }
func (r *scriptRows) NextResultSet() error {
	if !r.HasNextResultSet() {
		return io.EOF
	}
	r.set, r.row = r.set+1, 0
	return nil
}

// ColumnTypeDatabaseTypeName gives the column types something to tell.
func (r *scriptRows) ColumnTypeDatabaseTypeName(i int) string { return "TYPE OF " + r.Columns()[i] }
func (r *scriptRows) ColumnTypeScanType(int) reflect.Type     { return reflect.TypeFor[int64]() }

// query runs the script on a fresh database.
func (s *script) query(t testing.TB, ctx context.Context) *sql.Rows {
	db := sql.OpenDB(s)
	t.Cleanup(func() { _ = db.Close() })
	rows, err := db.QueryContext(ctx, "query")
	require.NoError(t, err)
	return rows
}

// oneSet is a script of one set of results.
func oneSet(columns []string, rows ...[]driver.Value) *script {
	return &script{sets: []resultSet{{columns: columns, rows: rows}}}
}
