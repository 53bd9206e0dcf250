package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// A hit runs nothing, is the caller's own and belongs to its client.
func TestValueHit(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ctx := t.Context()
	query := func() *thingQuery { return s.query("User", "a", s.query("Pet", "b")) }
	first, err := query().all(ctx)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 1}, numbersOf(first))
	first[0].n, first[0].edges = 7, nil

	q := query()
	q.odd = func(context.Context) { t.Error("the query runs") }
	var second []*thing
	x, err := Explain(ctx, func(ctx context.Context) (err error) {
		second, err = q.all(ctx)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, []int64{1, 1}, numbersOf(second))
	require.Same(t, s.drv, second[0].drv)
	require.Same(t, s.drv, second[0].edges[0].drv)
	require.Same(t, s.drv, q.drv)
	require.Len(t, x, 1)
	require.Equal(t, Hit, x[0].Outcome)
	require.Equal(t, LevelValues, x[0].Level)
	require.Equal(t, 1, x[0].Rows)
	require.Contains(t, x[0].String(), "User All: hit level=value key=")
	second[0].edges[0].n = 7
	require.Equal(t, []int64{1, 1}, s.read(ctx, query()))

	total := s.cache.Stats().Total()
	require.EqualValues(t, 2, total.Hits)
	require.EqualValues(t, 2, total.ValueHits)
	require.EqualValues(t, 2, total.Misses, "of the statements")
}

// A value is gone with the first of its proofs.
func TestValueDependsOnAllStatements(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ctx := t.Context()
	read := func() []int64 { return s.read(ctx, s.query("User", "a", s.query("Pet", "b"))) }
	require.Equal(t, []int64{1, 1}, read())
	s.write("pets")
	require.Equal(t, []int64{1, 2}, read(), "the root's rows are still there")
	require.Equal(t, []int64{1, 2}, read())
	require.Equal(t, 1, s.values())
	s.write("users")
	require.Equal(t, []int64{2, 2}, read())
	s.write("toys")
	require.Equal(t, []int64{2, 2}, read())
	require.Equal(t, 2, s.values())

	// While a write goes on.
	var f Facts
	f.Any(s.types.Table("pets"))
	f.Row(s.types.Table("pets"), 1)
	h, err := s.cache.Hold(ctx, &f)
	require.NoError(t, err)
	require.Equal(t, []int64{2, 3}, read())
	require.Equal(t, []int64{2, 4}, read())
	require.Equal(t, 2, s.values())
	s.cache.Touch(ctx, h, &f, Cause{Type: "Pet"})
	require.Equal(t, []int64{2, 5}, read())
	require.Equal(t, []int64{2, 5}, read())
	require.Equal(t, 3, s.values())
	s.cache.InvalidateAll(ctx)
	require.Equal(t, []int64{3, 6}, read())
}

// What wasn't proven isn't kept, whatever else of the query was.
func TestValueNeedsEveryProof(t *testing.T) {
	for name, c := range map[string]struct {
		query func(s *shelf) *thingQuery
		ctx   func(context.Context) context.Context
		// again is that the database is asked by each read.
		again string
	}{
		"type without policy":  {query: func(s *shelf) *thingQuery { return s.query("User", "a", s.query("Toy", "")) }, again: "toys"},
		"type on demand":       {query: func(s *shelf) *thingQuery { return s.query("User", "a", s.query("Book", "")) }, again: "books"},
		"result too large":     {query: func(s *shelf) *thingQuery { return s.query("User", "a", s.query("Crowd", "")) }, again: "crowds"},
		"edge of an edge":      {query: func(s *shelf) *thingQuery { return s.query("User", "a", s.query("Pet", "", s.query("Toy", ""))) }, again: "toys"},
		"the root too large":   {query: func(s *shelf) *thingQuery { return s.query("Crowd", "a", s.query("Pet", "")) }, again: "crowds"},
		"volatile, in an edge": {query: func(s *shelf) *thingQuery { return extra(s, " AND `n` < random()", "pets") }, again: "pets"},
		"without generated code": {query: func(s *shelf) *thingQuery {
			return stray(s, func(ctx context.Context) { s.cache.Route(ctx, struct{}{}) })
		}},
		"of another transaction":  {query: func(s *shelf) *thingQuery { return stray(s, func(ctx context.Context) { s.inTransaction(ctx) }) }},
		"on a driver of its own":  {query: func(s *shelf) *thingQuery { return stray(s, func(ctx context.Context) { s.onOther(ctx) }) }},
		"a query of its own":      {query: func(s *shelf) *thingQuery { return stray(s, func(ctx context.Context) { s.ofItsOwn(ctx) }) }},
		"into another result":     {query: func(s *shelf) *thingQuery { return stray(s, func(ctx context.Context) { s.intoOther(ctx) }) }},
		"a statement that failed": {query: func(s *shelf) *thingQuery { return stray(s, func(ctx context.Context) { s.failing(ctx) }) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, schema.Policy{}, Options{})
			for i := range 3 {
				s.read(t.Context(), c.query(s))
				if c.again != "" {
					require.EqualValues(t, i+1, s.asked[c.again])
				}
			}
			require.Zero(t, s.values())
		})
	}
}

// extra is a query with an edge to pets whose SQL has something added.
func extra(s *shelf, sql, _ string) *thingQuery {
	child := s.query("Pet", "")
	child.extra = sql
	return s.query("User", "a", child)
}

// stray is a query that does something else when it runs.
func stray(s *shelf, f func(context.Context)) *thingQuery {
	q := s.query("User", "a")
	q.odd = f
	return q
}

const userSQL = "SELECT `id`, `n` FROM `users`"

func (s *shelf) inTransaction(ctx context.Context) {
	s.cache.Route(ctx, &queryBuilder{typ: s.types.Type("Pet"), drv: entTx{s.drv}})
}

func (s *shelf) onOther(ctx context.Context) {
	var rows entsql.Rows
	other := newDriver(s.cache, s.drv, OriginOf(s.drv).DB)
	require.NoError(s.t, other.Query(ctx, userSQL, []any{}, &rows))
	require.NoError(s.t, rows.Close())
}

func (s *shelf) ofItsOwn(ctx context.Context) {
	q := s.query("Pet", "")
	s.read(ent.NewQueryContext(ctx, q.ctx), q)
}

func (s *shelf) intoOther(ctx context.Context) {
	sc := ctx.Value(scopeKey{}).(*scope)
	require.Error(s.t, sc.driver.Query(ctx, userSQL, nil, nil))
}

func (s *shelf) failing(ctx context.Context) {
	var rows entsql.Rows
	sc := ctx.Value(scopeKey{}).(*scope)
	require.Error(s.t, sc.driver.Query(ctx, "SELECT `id` FROM `users_without`", []any{}, &rows))
}

// Queries that differ in anything that the key is made of don't meet.
func TestValueKey(t *testing.T) {
	who := func(ctx context.Context) string { w, _ := ctx.Value(viewerKey{}).(string); return w }
	s := newShelf(t, schema.Policy{}, Options{VaryBy: who})
	as := func(w string) context.Context { return context.WithValue(t.Context(), viewerKey{}, w) }
	seen := make(map[Key]string)
	see := func(name string, ctx context.Context, q *thingQuery, op string, drv dialect.Driver, next ent.Querier) {
		t.Helper()
		q.ctx.Op, q.drv = op, drv
		sc := new(scope)
		s.cache.decide(ent.NewQueryContext(ctx, q.ctx), sc, q, drv)
		require.NotNil(t, sc.driver, name)
		key, ok := s.cache.valueKey(sc, q, next, newFingerprint(s.cache, sc))
		require.True(t, ok)
		require.Empty(t, seen[key], name)
		seen[key] = name
		again, _ := s.cache.valueKey(sc, q, next, newFingerprint(s.cache, sc))
		require.Equal(t, key, again)
	}
	other := newShelf(t, schema.Policy{}, Options{})
	count := ent.QuerierFunc(func(context.Context, ent.Query) (ent.Value, error) { return 0, nil })
	ctx := as("")
	see("a query", ctx, s.query("User", "a"), ent.OpQueryAll, s.drv, querier())
	see("fingerprint", ctx, s.query("User", "b"), ent.OpQueryAll, s.drv, querier())
	see("type", ctx, s.query("Pet", "a"), ent.OpQueryAll, s.drv, querier())
	see("operation", ctx, s.query("User", "a"), ent.OpQueryFirst, s.drv, querier())
	see("database", ctx, s.query("User", "a"), ent.OpQueryAll, other.drv, querier())
	see("viewer", as("b"), s.query("User", "a"), ent.OpQueryAll, s.drv, querier())
	see("querier", ctx, s.query("User", "a"), ent.OpQueryAll, s.drv, count)
	see("asked", Ask(ctx), s.query("User", "a"), ent.OpQueryAll, s.drv, querier())

	sc := new(scope)
	s.cache.decide(ctx, sc, s.query("User", "a"), s.drv)
	_, ok := s.cache.valueKey(sc, s.query("User", "a"), oddQuerier{}, newFingerprint(s.cache, sc))
	require.False(t, ok, "a querier that isn't Ent's")
	_, ok = s.cache.valueKey(sc, s.query("User", ""), querier(), newFingerprint(s.cache, sc))
	require.False(t, ok)
	require.Equal(t, "no print", sc.noValue)
}

type viewerKey struct{}

type oddQuerier struct{}

func (oddQuerier) Query(context.Context, ent.Query) (ent.Value, error) { return nil, nil }

// What the program varies by keeps viewers apart who ask the same.
func TestValueVaries(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{VaryBy: func(ctx context.Context) string { return ctx.Value(viewerKey{}).(string) }})
	a, b := context.WithValue(t.Context(), viewerKey{}, "a"), context.WithValue(t.Context(), viewerKey{}, "b")
	for range 2 {
		require.Equal(t, []int64{1}, s.read(a, s.query("User", "a")))
		require.Equal(t, []int64{2}, s.read(b, s.query("User", "a")))
	}
	require.Equal(t, 2, s.values())
}

func TestValueDirectives(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ctx := t.Context()
	read := func(ctx context.Context) []int64 { return s.read(ctx, s.query("User", "a")) }
	read(ctx)
	require.Equal(t, []int64{2}, read(Skip(ctx)))
	require.Equal(t, []int64{3}, read(Mutating(ctx)))
	require.Equal(t, []int64{4}, read(entsql.WithVar(ctx, "a", "b")))
	require.Equal(t, []int64{1}, read(ctx))
	require.Equal(t, []int64{5}, read(Refresh(ctx)))
	require.Equal(t, []int64{5}, read(ctx))
	require.Equal(t, 2, s.values())

	// Children that are cached on demand are so for those who ask.
	tree := func() *thingQuery { return s.query("User", "b", s.query("Book", "")) }
	for range 2 {
		require.Equal(t, []int64{5, 1}, s.read(Ask(ctx), tree()))
	}
	require.Equal(t, 3, s.values())
	require.Equal(t, []int64{5, 2}, s.read(ctx, tree()))
	require.Equal(t, []int64{5, 1}, s.read(Ask(ctx), tree()))

	_, err := s.query("User", "a").all(cancelled(ctx))
	require.ErrorIs(t, err, context.Canceled)
	q := s.query("User", "a")
	q.drv = entTx{s.drv}
	require.Equal(t, []int64{6}, s.read(ctx, q), "in a transaction")
	require.NoError(t, s.cache.Close())
	require.Equal(t, []int64{7}, s.read(ctx, s.query("User", "a")))
	require.Equal(t, 4, s.values())

	off := newShelf(t, schema.Policy{}, Options{NoValues: true})
	for range 2 {
		off.read(ctx, off.query("User", "a"))
	}
	require.EqualValues(t, 1, off.cache.Stats().Total().Hits)
	require.Zero(t, off.values())
}

func cancelled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// A value lives no longer than the first of its rows.
func TestValueExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &timedNear{mapNear: newMapNear(), ends: make(map[Key]time.Time)}
		s := newShelf(t, schema.Policy{}, Options{Near: near})
		ctx := t.Context()
		tree := func() *thingQuery { return s.query("User", "a", s.query("Pet", "b")) }
		s.read(WithTTL(ctx, 10*time.Second), s.query("Pet", ""))
		time.Sleep(5 * time.Second)
		require.Equal(t, []int64{1, 1}, s.read(WithTTL(ctx, time.Hour), tree()))
		time.Sleep(2 * time.Second)
		require.Equal(t, []int64{1, 1}, s.read(ctx, tree()))
		require.Equal(t, 1, s.values())
		time.Sleep(5 * time.Second)
		require.Equal(t, []int64{1, 2}, s.read(ctx, tree()))
	})
}

// A result that a value stands for doesn't take its memory twice, but for a
// moment.
func TestValueReplacesRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &timedNear{mapNear: newMapNear(), ends: make(map[Key]time.Time)}
		held := func() (rows, values int) {
			for k, e := range near.entries {
				switch {
				case !time.Now().Before(near.ends[k]):
				case e.value != nil:
					values++
					require.Greater(t, e.Size(), 1000)
				default:
					rows++
				}
			}
			return rows, values
		}
		s := newShelf(t, schema.Policy{}, Options{Near: near})
		ctx := t.Context()
		require.Equal(t, []int64{1}, s.read(ctx, s.query("User", "a")))
		require.Equal(t, []int64{1}, s.read(ctx, s.query("User", "")), "somebody who looked for the value before")
		time.Sleep(linger + time.Millisecond)
		rows, values := held()
		require.Equal(t, 0, rows)
		require.Equal(t, 1, values)
		require.Equal(t, []int64{1}, s.read(ctx, s.query("User", "a")))

		// Of a query that loads edges the rows stay.
		require.Equal(t, []int64{2, 1}, s.read(ctx, s.query("User", "b", s.query("Pet", ""))))
		// So do those that were there.
		require.Equal(t, []int64{2}, s.read(ctx, s.query("User", "c")))
		time.Sleep(linger + time.Millisecond)
		rows, values = held()
		require.Equal(t, 2, rows)
		require.Equal(t, 3, values)

		// And those that are to be refreshed.
		near = &timedNear{mapNear: newMapNear(), ends: make(map[Key]time.Time)}
		s = newShelf(t, schema.Policy{Grace: time.Second}, Options{Near: near})
		s.read(ctx, s.query("User", "a"))
		time.Sleep(linger + time.Millisecond)
		rows, _ = held()
		require.Equal(t, 1, rows)
	})
}

// A read whose value was touched counts as one that found an entry so.
func TestValueInvalidatedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &timedNear{mapNear: newMapNear(), ends: make(map[Key]time.Time)}
		s := newShelf(t, schema.Policy{}, Options{Near: near})
		ctx := t.Context()
		s.read(ctx, s.query("User", "a"))
		time.Sleep(time.Minute)
		s.write("users")
		require.Equal(t, []int64{2}, s.read(ctx, s.query("User", "a")))
		total := s.cache.Stats().Total()
		require.EqualValues(t, 1, total.Invalidated)
		require.Zero(t, total.Stale)
	})
}

// What failed, or isn't what the builder knows, isn't kept.
func TestValueOfWhatIsNone(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ctx := t.Context()
	fails := ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		v, err := q.(*thingQuery).run(ctx)
		return v, errors.Join(err, errors.New("no"))
	})
	odd := ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		v, err := q.(*thingQuery).run(ctx)
		return len(v), err
	})
	none := ent.QuerierFunc(func(context.Context, ent.Query) (ent.Value, error) { return []*thing{}, nil })
	for range 2 {
		for _, next := range []ent.Querier{fails, odd, none} {
			q := s.query("User", "a")
			q.ctx.Op = ent.OpQueryAll
			_, _ = s.cache.Read(ent.NewQueryContext(ctx, q.ctx), q, next)
		}
		q := s.query("User", "a")
		q.odd = func(context.Context) { panic("odd") }
		require.Panics(t, func() { s.read(ctx, q) })
		require.Same(t, s.drv, q.drv)
	}
	require.Zero(t, s.values())
}

// Many readers share what each may write to, while writes go on: none gets what
// another did, nor what was before a write that had ended when it began.
func TestValuesOfManyGoroutines(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	tables := []string{"users", "pets"}
	var (
		wg     sync.WaitGroup
		before [2]atomic.Int64
		done   = make(chan struct{})
	)
	for range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				least := [2]int64{before[0].Load(), before[1].Load()}
				list, err := s.query("User", "a", s.query("Pet", "")).all(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for j, n := range numbersOf(list) {
					if n <= least[j] {
						t.Errorf("%s: read %d after a write at %d", tables[j], n, least[j])
						return
					}
				}
				list[0].n, list[0].edges[0].n, list[0].edges = 0, 0, nil
			}
		})
	}
	for i := range 400 {
		table := tables[i%2]
		var f Facts
		f.Any(s.types.Table(table))
		f.Row(s.types.Table(table), 1)
		h, err := s.cache.Hold(t.Context(), &f)
		require.NoError(t, err)
		s.mu.Lock()
		n := s.asked[table] // what was read up to now is what was before
		s.mu.Unlock()
		s.cache.Touch(t.Context(), h, &f, Cause{})
		before[i%2].Store(n)
		for hits, tries := s.values(), 0; i%20 == 0 && s.values() < hits+5 && tries < 1000; tries++ {
			time.Sleep(time.Millisecond)
		}
	}
	close(done)
	wg.Wait()
	require.NotZero(t, s.values())
}

// Rows that were read anew replace what a value shows of them, whoever read them.
func TestValueOfRowsThatWereReplaced(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	ctx := t.Context()
	tree := func() *thingQuery { return s.query("User", "a", s.query("Pet", "")) }
	require.Equal(t, []int64{1, 1}, s.read(ctx, tree()))
	require.Equal(t, []int64{2}, s.read(Refresh(ctx), s.query("Pet", "")))
	require.Equal(t, []int64{1, 2}, s.read(ctx, tree()))
	require.Equal(t, []int64{1, 2}, s.read(ctx, tree()))
	require.Equal(t, 1, s.values())
}

// An interceptor before the cache's may ask the querier it got more than once, and
// while it is being asked.
func TestQuerierThatIsAskedAgain(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	users, pets := s.query("User", "a"), s.query("Pet", "b")
	users.ctx.Op, pets.ctx.Op = ent.OpQueryAll, ent.OpQueryAll
	var asked ent.Querier
	ask := func(q *thingQuery) []int64 {
		v, err := asked.Query(ent.NewQueryContext(t.Context(), q.ctx), q)
		require.NoError(t, err)
		return numbersOf(v.([]*thing))
	}
	asked = s.cache.Querier(ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		if q == ent.Query(users) {
			require.Equal(t, []int64{1}, ask(pets))
		}
		return q.(*thingQuery).run(ctx)
	}))
	require.Equal(t, []int64{1}, ask(users))
	require.Equal(t, []int64{1}, ask(users))
	require.Equal(t, []int64{1}, ask(pets))
	require.Equal(t, 2, s.values())
	require.Equal(t, map[string]int64{"users": 1, "pets": 1}, s.asked)
	for _, name := range []string{"User", "Pet"} {
		require.EqualValues(t, 1, s.cache.Stats().Types[name][schema.All].Misses, name)
	}
}

// A query that ran no statement itself, but others below it, is served and not kept.
func TestValueWithoutRootStatement(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	for i := range 2 {
		q, child := s.query("User", "user"), s.query("Pet", "pet")
		q.ctx.Op = ent.OpQueryAll
		v, err := s.cache.Read(ent.NewQueryContext(t.Context(), q.ctx), q, ent.QuerierFunc(func(ctx context.Context, _ ent.Query) (ent.Value, error) {
			return s.cache.Read(ctx, child, querier())
		}))
		require.NoError(t, err)
		require.Len(t, v, 1, i)
	}
	require.Zero(t, s.values())
}
