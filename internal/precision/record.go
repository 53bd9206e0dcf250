package precision

import (
	"context"

	"entgo.io/ent/dialect"
)

// recorder keeps the statements that reach the database. Those of a transaction
// are kept when it commits. It serves one goroutine.
type recorder struct {
	dialect.Driver
	statements []statement
}

type statement struct {
	query string
	args  []any
}

func newStatement(query string, args any) statement {
	list, _ := args.([]any)
	return statement{query: query, args: list}
}

// take returns what was kept since the last call.
func (r *recorder) take() []statement {
	s := r.statements
	r.statements = nil
	return s
}

// Query keeps the statement and forwards it.
func (r *recorder) Query(ctx context.Context, query string, args, v any) error {
	r.statements = append(r.statements, newStatement(query, args))
	return r.Driver.Query(ctx, query, args, v)
}

// Exec keeps the statement and forwards it.
func (r *recorder) Exec(ctx context.Context, query string, args, v any) error {
	r.statements = append(r.statements, newStatement(query, args))
	return r.Driver.Exec(ctx, query, args, v)
}

// Tx returns a transaction whose statements are kept when it commits.
func (r *recorder) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := r.Driver.Tx(ctx)
	if err != nil {
		return nil, err
	}
	return &recordedTx{Tx: tx, to: r}, nil
}

// Unwrap returns the driver behind.
func (r *recorder) Unwrap() dialect.Driver { return r.Driver }

type recordedTx struct {
	dialect.Tx
	to         *recorder
	statements []statement
}

// Unwrap returns the transaction behind.
func (t *recordedTx) Unwrap() dialect.Tx { return t.Tx }

// Query keeps the statement and forwards it.
func (t *recordedTx) Query(ctx context.Context, query string, args, v any) error {
	t.statements = append(t.statements, newStatement(query, args))
	return t.Tx.Query(ctx, query, args, v)
}

// Exec keeps the statement and forwards it.
func (t *recordedTx) Exec(ctx context.Context, query string, args, v any) error {
	t.statements = append(t.statements, newStatement(query, args))
	return t.Tx.Exec(ctx, query, args, v)
}

// Commit forwards, and hands the statements on.
func (t *recordedTx) Commit() error {
	err := t.Tx.Commit()
	if err == nil {
		t.to.statements = append(t.to.statements, t.statements...)
	}
	return err
}
