package cache

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"

	"entgo.io/ent"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// knownQuery is a query of one condition that says what it is.
type knownQuery struct {
	thingQuery
	arg  int
	ents *int // how many queries Ent ran
	// scan replaces what is made of the rows without Ent.
	scan func(*Scan) (ent.Value, error)
}

var knownValues sync.Map // *Type → *Values

func (s *shelf) known(typ string, arg int, ents *int) *knownQuery {
	return &knownQuery{thingQuery: *s.query(typ, ""), arg: arg, ents: ents}
}

func (q *knownQuery) EntcacheFingerprint(f *Fingerprint) bool {
	v, _ := knownValues.LoadOrStore(q.typ, NewValues(q.typ, "", Layout{}, Layout{}, Layout{}))
	return AppendQuery(f, Selection{Values: v.(*Values), Builder: q, Context: q.ctx}, []termOrdering(nil), []termPredicate{FieldEQ("id", q.arg)})
}

func (q *knownQuery) EntcacheScan(s *Scan) (ent.Value, error) {
	if q.scan != nil {
		return q.scan(s)
	}
	return ScanNodes(s, scanThing, func(t *thing, columns []string, values []any) error {
		t.drv = q.drv
		return assignThing(t, columns, values)
	})
}

func scanThing(_ *thing, columns []string) ([]any, error) {
	return []any{new(entsql.NullInt64), new(entsql.NullInt64)}, nil
}

func assignThing(t *thing, _ []string, values []any) error {
	t.n = values[1].(*entsql.NullInt64).Int64
	return nil
}

func (q *knownQuery) all(ctx context.Context) ([]*thing, error) {
	q.ctx.Op = ent.OpQueryAll
	ctx = ent.NewQueryContext(ctx, q.ctx)
	v, err := q.s.cache.Read(ctx, q, ent.QuerierFunc(func(ctx context.Context, b ent.Query) (ent.Value, error) {
		*q.ents++
		var rows entsql.Rows
		if err := q.drv.Query(ctx, fmt.Sprintf("SELECT `id`, `n` FROM `%s` WHERE `id` = ?", q.typ.Table.Name), []any{q.arg}, &rows); err != nil {
			return nil, err
		}
		defer rows.Close()
		var list []*thing
		for rows.Next() {
			values, _ := scanThing(nil, nil)
			if err := rows.Scan(values...); err != nil {
				return nil, err
			}
			t := &thing{drv: q.drv}
			list = append(list, t)
			if err := assignThing(t, nil, values); err != nil {
				return nil, err
			}
		}
		return list, rows.Err()
	}))
	if err != nil {
		return nil, err
	}
	return v.([]*thing), nil
}

// Queries of one statement are run without Ent from the second on, and their results
// belong to the client.
func TestKnownStatements(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ents := 0
	for i := range 5 {
		list, err := s.known("User", i, &ents).all(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, int64(i+1), list[0].n)
		if i > 0 {
			require.Equal(t, s.drv, list[0].drv)
		}
		// And so does what is stored: the second read is a hit.
		again, err := s.known("User", i, &ents).all(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(i+1), again[0].n)
	}
	require.Equal(t, 1, ents)
	require.Equal(t, 5, s.values())

	// Those of another type aren't known by that.
	_, err := s.known("Pet", 1, &ents).all(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, ents)
}

// Where something else comes of the rows without Ent, queries are left to it, for good
// and without trying each time.
func TestKnownStatementsAreCompared(t *testing.T) {
	for name, scan := range map[string]func(*Scan) (ent.Value, error){
		"another result": func(s *Scan) (ent.Value, error) {
			return ScanNodes(s, scanThing, func(t *thing, _ []string, _ []any) error { t.n = 7; return nil })
		},
		"an error":     func(*Scan) (ent.Value, error) { return nil, errors.New("no") },
		"another type": func(*Scan) (ent.Value, error) { return 1, nil },
		"nothing":      func(*Scan) (ent.Value, error) { return []*thing(nil), nil },
	} {
		s := newShelf(t, schema.Policy{}, Options{})
		ents, tries := 0, 0
		for i := range 4 {
			q := s.known("User", i, &ents)
			q.scan = func(s *Scan) (ent.Value, error) {
				tries++
				return scan(s)
			}
			list, err := q.all(t.Context())
			require.NoError(t, err, name)
			require.Equal(t, int64(i+1), list[0].n, name)
		}
		require.Equal(t, 4, ents, name)
		require.Equal(t, 1, tries, name)
	}
}

// The errors of known statements are those of the database and of the rows, and
// nothing of such a read is kept.
func TestKnownStatementsFail(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ents := 0
	_, err := s.known("User", 1, &ents).all(t.Context())
	require.NoError(t, err)
	q := s.known("User", 2, &ents)
	q.scan = func(*Scan) (ent.Value, error) { return nil, errDriver }
	_, err = q.all(t.Context())
	require.ErrorIs(t, err, errDriver)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.known("User", 3, &ents).all(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, s.values())
}

// Statements beyond what is kept are run by Ent, and replace others.
func TestKnownStatementsAreBounded(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ents := 0
	n := 3 * len(s.cache.known.sets) * len(knownSet{})
	for i := range n {
		q := s.known("User", 1, &ents)
		limit := i
		q.ctx.Limit = &limit
		_, err := q.all(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, n, ents)
	kept := 0
	for i := range s.cache.known.sets {
		for j := range s.cache.known.sets[i] {
			if s.cache.known.sets[i][j].Load() != nil {
				kept++
			}
		}
	}
	require.Greater(t, kept, n/6)
}

// Rows past a bound are read to their end, though they aren't kept.
func TestKnownStatementsOfLargeResults(t *testing.T) {
	k := &knownStatement{like: []*thing(nil)}
	rows := &script{sets: []resultSet{{columns: []string{"id", "n"}}}}
	for i := range int64(50) {
		rows.sets[0].rows = append(rows.sets[0].rows, []driver.Value{i, i})
	}
	rec, err := record(rows.query(t, t.Context()), nil, 3, 0, false)
	require.NoError(t, err)
	require.Equal(t, TooLarge, rec.reason)
	list, err := ScanNodes(k.scan(rec.scanner()), scanThing, assignThing)
	require.NoError(t, err)
	require.Len(t, list, 50)
	for i, n := range list {
		require.Equal(t, int64(i), n.n)
	}
}
