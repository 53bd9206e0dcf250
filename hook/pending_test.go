package hook

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"
)

// transaction is what generated code has for the driver of a transaction. It is
// large enough not to share its memory with others.
type transaction struct{ _ [64]byte }

func TestTransactionsOf(t *testing.T) {
	var txs Transactions[transaction]
	a, b := new(transaction), new(transaction)
	var registered []*Pending
	register := func(p *Pending) { registered = append(registered, p) }
	p := txs.Of(a, register)
	require.Same(t, p, txs.Of(a, register))
	q := txs.Of(b, register)
	require.NotSame(t, p, q)
	require.Equal(t, []*Pending{p, q}, registered)

	p.Drop()
	require.Len(t, txs.open, 1)
	p.Drop()
	require.NoError(t, q.commit(func() error { return nil }, nil))
	require.Empty(t, txs.open)
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
}

// A transaction that is neither committed nor rolled back doesn't stay for ever.
func TestTransactionsAreForgotten(t *testing.T) {
	var txs Transactions[transaction]
	for range 100 {
		txs.Of(new(transaction), func(*Pending) {})
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		txs.mu.Lock()
		defer txs.mu.Unlock()
		return len(txs.open) == 0
	}, 10*time.Second, time.Millisecond)
}

func TestTransactionsOfManyGoroutines(t *testing.T) {
	var txs Transactions[transaction]
	tx := new(transaction)
	var (
		wg sync.WaitGroup
		mu sync.Mutex
		n  int
	)
	for range 16 {
		wg.Go(func() {
			txs.Of(tx, func(*Pending) {
				mu.Lock()
				defer mu.Unlock()
				n++
			})
		})
	}
	wg.Wait()
	require.Equal(t, 1, n, "registered once")
}

// ended is a database's transaction that logs its end.
type ended struct {
	l   *log
	err error
}

func (e *ended) Commit() error {
	e.l.say("commit")
	return e.err
}

func (e *ended) Rollback() error {
	e.l.say("rollback")
	return e.err
}

// other is a transaction that isn't Ent's own.
type other struct {
	dialect.ExecQuerier
	*ended
}

// written is a transaction's Pending after one write.
func written(t *testing.T, l *log) (*Pending, *Write) {
	t.Helper()
	var txs Transactions[transaction]
	p := txs.Of(new(transaction), func(*Pending) {})
	w := &Write{typ: testSchema.Type("User")}
	require.True(t, w.report(l.client(entsql.OpenDB(dialect.Postgres, far), p), &spec{create: &sqlgraph.CreateSpec{Table: "users"}}))
	require.NoError(t, announce(t.Context(), []*Write{w}))
	require.Empty(t, l.take(), "nothing happens before the commit")
	return p, w
}

// What a transaction wrote is held before its commit and takes effect after it,
// whatever the commit returns; a rollback drops it.
func TestPendingTakesEffectWithTheCommit(t *testing.T) {
	for _, err := range []error{nil, error(refused)} {
		for _, finished := range []bool{true, false} {
			for kind, wrap := range map[string]func(*Pending, *ended) dialect.Tx{
				"Ent's": func(p *Pending, e *ended) dialect.Tx {
					tx := &entsql.Tx{Tx: e}
					require.True(t, p.Attach(tx))
					return tx
				},
				"debugged": func(p *Pending, e *ended) dialect.Tx {
					tx := &entsql.Tx{Tx: e}
					debug := &dialect.DebugTx{Tx: &dialect.DebugTx{Tx: tx}}
					require.True(t, p.Attach(debug))
					return tx
				},
				"foreign": func(p *Pending, e *ended) dialect.Tx {
					tx := dialect.Tx(other{ended: e})
					require.False(t, p.Attach(tx))
					tx = p.Wrap(tx)
					require.Equal(t, tx, p.Wrap(tx), "once")
					return tx
				},
			} {
				t.Run(fmt.Sprint(kind, err, finished), func(t *testing.T) {
					l := newLog(t, 2)
					p, w := written(t, l)
					if finished {
						w.finish(t.Context())
						require.Empty(t, l.take())
					}
					tx := wrap(p, &ended{l: l, err: err})
					require.ErrorIs(t, tx.Commit(), err)
					require.Equal(t, []string{"position", "position", "commit", "position", "position"}, l.take())
					require.EqualValues(t, 2, l.writes())
					// It is over: nothing takes effect twice.
					_ = tx.Commit()
					_ = tx.Rollback()
					w.finish(t.Context())
					require.EqualValues(t, 2, l.writes())

					l = newLog(t, 1)
					p, w = written(t, l)
					tx = wrap(p, &ended{l: l, err: err})
					require.ErrorIs(t, tx.Rollback(), err)
					w.finish(t.Context())
					require.Equal(t, []string{"rollback"}, l.take())
				})
			}
		}
	}
}

// Writes to tables and more than is remembered become coarse and are not lost.
func TestPendingIsBounded(t *testing.T) {
	l := newLog(t, 1)
	p, first := written(t, l)
	first.finish(t.Context())
	cl := l.client(entsql.OpenDB(dialect.Postgres, far), p)
	for i := range maxPending {
		w := &Write{typ: testSchema.Type("User")}
		w.report(cl, &spec{create: &sqlgraph.CreateSpec{Table: "users", ID: &sqlgraph.FieldSpec{Value: i}}})
		w.finish(t.Context())
	}
	require.Empty(t, p.writes)
	require.Less(t, len(p.parts[0].facts.List), maxPending+16)
	require.NoError(t, p.commit(func() error { return nil }, nil))
	require.EqualValues(t, 1, l.writes())
}

// What the transaction of another driver can do it can still do.
func TestForeignTransactionsForward(t *testing.T) {
	db := &raw{}
	f := (&Pending{}).Wrap(struct {
		dialect.Tx
		*raw
	}{raw: db}).(*foreign)
	_, err := f.ExecContext(t.Context(), "exec", 1)
	require.NoError(t, err)
	_, err = f.QueryContext(t.Context(), "query", 2)
	require.NoError(t, err)
	require.Equal(t, []string{"exec [1]", "query [2]"}, db.ran)
	f = (&Pending{}).Wrap(other{}).(*foreign)
	_, err = f.ExecContext(t.Context(), "exec")
	require.ErrorContains(t, err, "entcache: ")
	_, err = f.QueryContext(t.Context(), "query")
	require.ErrorContains(t, err, "entcache: ")
}

type raw struct{ ran []string }

func (r *raw) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	r.ran = append(r.ran, fmt.Sprint(query, " ", args))
	return nil, nil
}

func (r *raw) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	r.ran = append(r.ran, fmt.Sprint(query, " ", args))
	return nil, nil
}

// Statements are alone that none runs beside, and none has begun before they end.
func TestTurns(t *testing.T) {
	var s turns
	first, alone := s.begin()
	require.True(t, alone)
	require.True(t, s.end(first))
	first, alone = s.begin()
	require.True(t, alone)
	second, beside := s.begin()
	require.False(t, beside, "the first runs still")
	require.False(t, s.end(first), "the second has begun")
	require.True(t, s.end(second))
	_, alone = s.begin()
	require.True(t, alone)
	var none *turns
	first, alone = none.begin()
	require.True(t, alone && none.end(first))
}
