package hook

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"
)

// logged is a driver that logs what runs on it. Its statements fail with err.
type logged struct {
	// own makes its transactions those of Ent's own driver.
	own bool
	*entsql.Driver
	l   *log
	err error
}

func newLogged(l *log) *logged {
	return &logged{Driver: entsql.OpenDB(dialect.Postgres, far), l: l}
}

// far is a pool of connections to a server. It is made outside of what simulates
// time, for it has a goroutine.
var far = sql.OpenDB(connector{})

type connector struct{}

func (connector) Connect(context.Context) (driver.Conn, error) { return nil, refused }
func (connector) Open(string) (driver.Conn, error)             { return nil, refused }
func (c connector) Driver() driver.Driver                      { return c }

// refusal is an answer of a server.
type refusal struct{ state string }

func (r *refusal) Error() string    { return "refused: " + r.state }
func (r *refusal) SQLState() string { return r.state }

var refused = &refusal{state: "23505"}

func (d *logged) Unwrap() dialect.Driver { return d.Driver }

func (d *logged) Exec(context.Context, string, any, any) error {
	d.l.say("exec")
	return d.err
}

func (d *logged) Query(_ context.Context, _ string, _, v any) error {
	d.l.say("query")
	if d.err == nil {
		v.(*entsql.Rows).ColumnScanner = noRows{l: d.l}
	}
	return d.err
}

func (d *logged) Tx(context.Context) (dialect.Tx, error) {
	d.l.say("begin")
	if d.own {
		return &entsql.Tx{Conn: entsql.Conn{ExecQuerier: statements{d.l}}, Tx: &ended{l: d.l, err: d.err}}, nil
	}
	return other{ExecQuerier: d, ended: &ended{l: d.l, err: d.err}}, nil
}

type noRows struct {
	entsql.ColumnScanner
	l *log
}

func (noRows) Err() error { return nil }

func (n noRows) Close() error {
	n.l.say("close")
	return nil
}

var (
	insert  = &sqlgraph.CreateSpec{Table: "users", ID: &sqlgraph.FieldSpec{Value: 1}}
	change1 = &sqlgraph.UpdateSpec{
		Node:   &sqlgraph.NodeSpec{Table: "users", ID: &sqlgraph.FieldSpec{Value: 1}},
		Fields: sqlgraph.FieldMut{Set: []*sqlgraph.FieldSpec{{Column: "name", Value: "a"}}},
	}
	remove1 = &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: "users"}}
)

// mutate runs f as what a builder does inside the hooks of a mutation.
func mutate(ctx context.Context, m *mutation, f func(context.Context) error) error {
	_, err := Invalidate(ent.MutateFunc(func(ctx context.Context, _ ent.Mutation) (ent.Value, error) {
		return nil, f(ctx)
	})).Mutate(ctx, m)
	return err
}

// A write is announced before its first statement and takes effect when the
// mutation ends, whether or not the statement failed.
func TestWritesAreAnnounced(t *testing.T) {
	for name, run := range map[string]func(context.Context, Client, *mutation) error{
		"create": func(ctx context.Context, cl Client, m *mutation) error {
			return Create(cl, m, insert).Exec(ctx, "", nil, nil)
		},
		"create, returning": func(ctx context.Context, cl Client, m *mutation) error {
			return Create(cl, m, insert).Query(ctx, "", nil, new(entsql.Rows))
		},
		"update": func(ctx context.Context, cl Client, m *mutation) error {
			drv, err := Update(ctx, cl, m, change1)
			require.NoError(t, err)
			return drv.Exec(ctx, "", nil, nil)
		},
		"delete": func(ctx context.Context, cl Client, m *mutation) error {
			drv, err := Delete(ctx, cl, m, remove1, 1)
			require.NoError(t, err)
			return drv.Exec(ctx, "", nil, nil)
		},
		"bulk": func(ctx context.Context, cl Client, m *mutation) error {
			Create(cl, m, insert)
			return Batch(ctx, cl, []*mutation{m}, &sqlgraph.BatchCreateSpec{Nodes: []*sqlgraph.CreateSpec{insert}}).Exec(ctx, "", nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range []error{nil, error(refused)} {
				l := newLog(t, 1)
				drv := newLogged(l)
				drv.err = want
				m := &mutation{}
				err := mutate(t.Context(), m, func(ctx context.Context) error {
					err := run(ctx, l.client(drv, nil), m)
					l.say("hooks")
					return err
				})
				require.ErrorIs(t, err, want)
				statement := "exec"
				if name == "create, returning" {
					statement = "query"
				}
				require.Equal(t, []string{"position", statement, "hooks", "position"}, l.take())
				require.EqualValues(t, 1, l.writes())
			}
		})
	}
}

// Where a hook has replaced both mutation and context nobody tells when the
// mutation ends; the write then ends with its statement.
func TestWritesOnTheirOwn(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(dialect.Driver) error
		want []string
	}{
		"exec": {func(drv dialect.Driver) error { return drv.Exec(t.Context(), "", nil, nil) }, []string{"position", "exec", "position"}},
		"query": {func(drv dialect.Driver) error {
			var rows entsql.Rows
			if err := drv.Query(t.Context(), "", nil, &rows); err != nil {
				return err
			}
			return rows.Close()
		}, []string{"position", "query", "close", "position"}},
		"commit": {func(drv dialect.Driver) error {
			tx, err := drv.Tx(t.Context())
			require.NoError(t, err)
			require.NoError(t, tx.Exec(t.Context(), "", nil, nil))
			return tx.Commit()
		}, []string{"begin", "position", "exec", "commit", "position"}},
		"rollback": {func(drv dialect.Driver) error {
			tx, err := drv.Tx(t.Context())
			require.NoError(t, err)
			return tx.Rollback()
		}, []string{"begin", "position", "rollback", "position"}},
	} {
		for kind, open := range map[string]func(Client) dialect.Driver{
			"create": func(cl Client) dialect.Driver { return Create(cl, &mutation{}, insert) },
			"update": func(cl Client) dialect.Driver {
				drv, err := Update(t.Context(), cl, &mutation{}, change1)
				require.NoError(t, err)
				return drv
			},
			"bulk": func(cl Client) dialect.Driver {
				return Batch(t.Context(), cl, []*mutation{{}}, &sqlgraph.BatchCreateSpec{Nodes: []*sqlgraph.CreateSpec{insert}})
			},
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				l := newLog(t, 1)
				require.NoError(t, c.run(open(l.client(newLogged(l), nil))))
				require.Equal(t, c.want, l.take())
				require.EqualValues(t, 1, l.writes())
			})
		}
	}
	l := newLog(t, 1)
	drv := newLogged(l)
	drv.err = refused
	require.Error(t, Create(l.client(drv, nil), &mutation{}, insert).Query(t.Context(), "", nil, new(entsql.Rows)))
	require.EqualValues(t, 1, l.writes())
}

// In a transaction that is known to be the database's own a write is announced when
// it commits, and one that is rolled back isn't written. A driver whose transactions
// may be anything is told before the first statement, as above.
func TestWritesInTransactionsOfTheDatabase(t *testing.T) {
	for _, commit := range []bool{true, false} {
		l := newLog(t, 1)
		drv := newLogged(l)
		drv.own = true
		d, err := Update(t.Context(), l.client(drv, nil), &mutation{}, change1)
		require.NoError(t, err)
		tx, err := d.Tx(t.Context())
		require.NoError(t, err)
		require.NoError(t, tx.Exec(t.Context(), "", []any{}, nil))
		if commit {
			require.NoError(t, tx.Commit())
			require.Equal(t, []string{"begin", "exec", "position", "commit", "position"}, l.take())
			require.EqualValues(t, 1, l.writes())
		} else {
			require.NoError(t, tx.Rollback())
			require.Equal(t, []string{"begin", "exec", "rollback"}, l.take())
			require.Zero(t, l.writes(), "what isn't committed isn't written")
		}
	}
}

// statements are those of a transaction of Ent's own driver.
type statements struct{ l *log }

func (s statements) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	s.l.say("exec")
	return nil, nil
}

func (statements) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { return nil, nil }

// A statement that a hook lets run several times is held several times, and let
// go as often.
func TestWritesThatRunAgain(t *testing.T) {
	l := newLog(t, 2)
	m := &mutation{}
	require.NoError(t, mutate(t.Context(), m, func(ctx context.Context) error {
		for range 3 {
			drv, err := Update(ctx, l.client(newLogged(l), nil), m, change1)
			require.NoError(t, err)
			require.NoError(t, drv.Exec(ctx, "", nil, nil))
		}
		require.Len(t, m.write.holds, 6)
		for _, c := range l.caches {
			require.Len(t, of(c, m.write.holds), 3)
		}
		return nil
	}))
	// Three holds and three ends of a hold, of which the last is the write.
	for _, c := range l.caches {
		require.EqualValues(t, 6, c.Stats().Position)
		require.EqualValues(t, 1, c.Stats().Invalidations)
	}
}

// Without a cache nothing is wrapped, and nothing is kept.
func TestWritesWithoutCache(t *testing.T) {
	l := newLog(t, 0)
	drv := newLogged(l)
	cl := l.client(drv, nil)
	m := &mutation{}
	require.NoError(t, mutate(t.Context(), m, func(ctx context.Context) error {
		require.Same(t, drv, Create(cl, m, insert))
		require.Same(t, drv, Batch(ctx, cl, []*mutation{m}, &sqlgraph.BatchCreateSpec{}))
		require.Same(t, drv, Batch(ctx, cl, []*mutation{}, &sqlgraph.BatchCreateSpec{}))
		got, err := Delete(ctx, cl, m, remove1, nil)
		require.Same(t, drv, got)
		return err
	}))
}

// A mutation that was refused before it had a statement has written nothing.
func TestMutationsWithoutStatement(t *testing.T) {
	l := newLog(t, 1)
	refused := errors.New("refused")
	require.ErrorIs(t, mutate(t.Context(), &mutation{}, func(context.Context) error { return refused }), refused)
	require.Empty(t, l.take())
}

// A bulk that a hook lets run again is held again, and let go as often: whether
// the hook is before all of its mutations or between them, and whether the first
// time was refused.
func TestBulksThatRunAgain(t *testing.T) {
	bulk := func(ctx context.Context, cl Client, ms []*mutation) error {
		for _, m := range ms {
			Create(cl, m, insert)
		}
		return Batch(ctx, cl, ms, &sqlgraph.BatchCreateSpec{Nodes: []*sqlgraph.CreateSpec{insert, insert}}).Exec(ctx, "", nil, nil)
	}
	for name, run := range map[string]func(context.Context, Client) error{
		"inside": func(ctx context.Context, cl Client) error {
			a, b := &mutation{}, &mutation{}
			return mutate(ctx, a, func(ctx context.Context) error {
				return mutate(ctx, b, func(ctx context.Context) error {
					return errors.Join(bulk(ctx, cl, []*mutation{a, b}), bulk(ctx, cl, []*mutation{a, b}))
				})
			})
		},
		"between": func(ctx context.Context, cl Client) error {
			a, b := &mutation{}, &mutation{}
			return mutate(ctx, a, func(ctx context.Context) error {
				once := func() error {
					return mutate(ctx, b, func(ctx context.Context) error { return bulk(ctx, cl, []*mutation{a, b}) })
				}
				return errors.Join(once(), once())
			})
		},
		"after a refusal": func(ctx context.Context, cl Client) error {
			a, b := &mutation{}, &mutation{}
			return mutate(ctx, a, func(ctx context.Context) error {
				return mutate(ctx, b, func(ctx context.Context) error {
					a.write.refused, b.write.refused = true, true
					return bulk(ctx, cl, []*mutation{a, b})
				})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t, 2)
			require.NoError(t, run(t.Context(), l.client(newLogged(l), nil)))
			for _, c := range l.caches {
				require.NotZero(t, c.Stats().Invalidations)
				require.Zero(t, c.Stats().Held, "nothing is held any more")
			}
		})
	}
}
