package cache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"entgo.io/ent"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/schema"
)

func TestHanded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h handed
		rows := func() *Entry { return &Entry{Proof: &Proof{Filled: time.Now(), ends: time.Now().Add(time.Hour)}} }
		a, b, same := Key{0: 1}, Key{0: 2}, Key{14: 1} // a and b have one slot
		first, second, other := rows(), rows(), rows()
		h.put(a, first)
		h.put(same, other)
		got := func(key Key) *Entry {
			e, ok := h.get(key)
			require.Equal(t, e != nil, ok)
			return e
		}
		require.Same(t, first, got(a))
		require.Nil(t, got(b))
		h.put(a, second)
		require.Same(t, second, got(a))
		require.EqualValues(t, replaced, first.age.Load(), "a value must not show what was before")
		h.drop(b)
		require.Same(t, second, got(a))
		h.put(b, first)
		require.Nil(t, got(a))
		require.EqualValues(t, current, second.age.Load(), "of another key")
		h.drop(same)
		require.Nil(t, got(same))
		require.EqualValues(t, replaced, other.age.Load())

		short := rows()
		short.ends = time.Now().Add(time.Second / 2)
		h.put(a, short)
		require.Same(t, short, got(a))
		time.Sleep(time.Second / 2)
		require.Nil(t, got(a))
		h.put(a, rows())
		time.Sleep(linger)
		require.Nil(t, got(a))
	})
}

// Rows that no value stands for are stored, whatever became of the query.
func TestOwedRowsAreStored(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(s *shelf, ctx context.Context)
		rows int
	}{
		"a value": {func(s *shelf, ctx context.Context) { s.read(ctx, s.query("User", "a")) }, 0},
		"an edge": {func(s *shelf, ctx context.Context) { s.read(ctx, s.query("User", "a", s.query("Pet", ""))) }, 2},
		"an edge that isn't cached": {func(s *shelf, ctx context.Context) {
			s.read(ctx, s.query("User", "a", s.query("Toy", "")))
		}, 1},
		"no fingerprint": {func(s *shelf, ctx context.Context) { s.read(ctx, s.query("User", "")) }, 1},
		"an error": {func(s *shelf, ctx context.Context) {
			q := s.query("User", "a")
			q.ctx.Op = ent.OpQueryAll
			_, err := s.cache.Read(ent.NewQueryContext(ctx, q.ctx), q, ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				v, err := q.(*thingQuery).run(ctx)
				return v, errors.Join(err, errors.New("no"))
			}))
			require.Error(s.t, err)
		}, 1},
		"a panic": {func(s *shelf, ctx context.Context) {
			q := s.query("User", "a")
			q.ctx.Op = ent.OpQueryAll
			require.Panics(s.t, func() {
				_, _ = s.cache.Read(ent.NewQueryContext(ctx, q.ctx), q, ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
					_, _ = q.(*thingQuery).run(ctx)
					panic("odd")
				}))
			})
		}, 1},
		"no copy": {func(s *shelf, ctx context.Context) {
			q := s.query("User", "a")
			q.ctx.Op = ent.OpQueryAll
			_, err := s.cache.Read(ent.NewQueryContext(ctx, q.ctx), q, ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				v, err := q.(*thingQuery).run(ctx)
				return len(v), err
			}))
			require.NoError(s.t, err)
		}, 1},
		"rows that are somebody's": {func(s *shelf, ctx context.Context) {
			s.read(ctx, s.query("User", ""))
			s.write("users")
			s.read(ctx, s.query("User", "a"))
		}, 1},
		"a refresh while it runs": {func(s *shelf, ctx context.Context) {
			q := s.query("User", "a")
			q.ctx.Op = ent.OpQueryAll
			_, err := s.cache.Read(ent.NewQueryContext(ctx, q.ctx), q, ent.QuerierFunc(func(in context.Context, q ent.Query) (ent.Value, error) {
				v, err := q.(*thingQuery).run(in)
				require.Equal(s.t, []int64{2}, s.read(Refresh(ctx), s.query("User", "")))
				return v, err
			}))
			require.NoError(s.t, err)
			// The value shows what was before, so nobody gets it.
			require.Equal(s.t, []int64{2}, s.read(ctx, s.query("User", "a")))
			require.Equal(s.t, []int64{2}, s.read(ctx, s.query("User", "")))
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, schema.Policy{}, Options{})
			c.run(s, t.Context())
			rows := 0
			for _, e := range s.near.entries {
				if e.value == nil {
					rows++
					require.True(t, s.cache.valid(e))
				}
			}
			require.Equal(t, c.rows, rows)
		})
	}
}

// Rows that are too large to be handed on are in the near level for a moment.
func TestLargeRowsLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := &timedNear{mapNear: newMapNear(), ends: make(map[Key]time.Time)}
		s := newShelf(t, schema.Policy{}, Options{Near: near})
		f := newFilling()
		drv := newDriver(s.cache, s.drv, OriginOf(s.drv).DB)
		r := &reading{cache: s.cache, key: Key{1}, scope: &scope{root: true, filling: f, typ: s.types.Type("User"), driver: drv}}
		e := &Entry{Rows: &codec.Rows{}, Proof: &Proof{Filled: time.Now()}, size: maxHanded + 1}
		require.True(t, r.owe(e, time.Hour))
		require.Equal(t, time.Now().Add(linger), near.ends[r.key])
		have, ok := s.cache.rowsOf(r.key)
		require.True(t, ok)
		require.Same(t, e, have)
		require.False(t, r.owe(e, time.Hour), "once for a query")
		s.cache.settle(f)
		require.Equal(t, time.Now().Add(time.Hour), near.ends[r.key])
		require.Nil(t, f.owed)
	})
}
