package cache

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// explained returns the explanation of the only statement of a read of users.
func (s *shelf) explained(t *testing.T) Explanation {
	t.Helper()
	x, err := Explain(t.Context(), func(ctx context.Context) error {
		_, err := s.query("User", "").all(ctx)
		return err
	})
	require.NoError(t, err)
	require.Len(t, x, 1)
	return x[0]
}

func (s *shelf) touchUser(by Cause, ids ...int) {
	var f Facts
	f.Any(s.types.Table("users"))
	for _, id := range ids {
		f.Row(s.types.Table("users"), id)
	}
	s.cache.Touch(context.Background(), nil, &f, by)
}

func TestExplainInvalidations(t *testing.T) {
	var log bytes.Buffer
	o := Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), LedgerFacts: 7}
	s := newShelf(t, schema.Policy{}, o)
	require.Nil(t, s.explained(t).Invalidation, "nothing was there")
	require.Nil(t, s.explained(t).Invalidation, "a hit")
	s.touchUser(Cause{Type: "User", Op: WriteRaw}, 2)
	require.Equal(t, Hit, s.explained(t).Outcome, "another row")

	// A transaction's only write that touched it, while another goes on.
	var causes Causes
	causes.Add(Cause{Type: "Pet", Op: WriteDelete}, nil)
	var f Facts
	f.Any(s.types.Table("users"))
	f.Row(s.types.Table("users"), 1)
	causes.Add(Cause{Type: "User", Op: WriteUpdateOne, IDs: []any{1}, Rows: 1}, f.List)
	s.touchUser(causes.Transaction(), 1)
	x := s.explained(t)
	require.Equal(t, Miss, x.Outcome)
	require.Equal(t, "update of User 1 (in a transaction)", x.Invalidation.By.String())
	require.Equal(t, []Tag{{Kind: FactRow, Table: "users", Value: "1"}}, x.Invalidation.Facts)
	require.Contains(t, x.String(), ", invalidated: update of User 1 (in a transaction) ")
	require.Contains(t, x.String(), " ago touched row(users,1), rows only: ")

	// Without Explain the log says so.
	s.touchUser(Cause{Type: "User", Op: WriteIDs, IDs: []any{1}, Rows: 1}, 1)
	log.Reset()
	s.read(t.Context(), s.query("User", ""))
	require.Contains(t, log.String(), `msg="entcache: miss"`)
	require.Contains(t, log.String(), `invalidated="InvalidateIDs User 1 `)
	require.Contains(t, log.String(), "touched row(users,1)")

	h, err := s.cache.Hold(t.Context(), &f)
	require.NoError(t, err)
	x = s.explained(t)
	require.Equal(t, Refused, x.Outcome)
	require.Equal(t, Overtaken, x.Reason)
	require.Equal(t, &Invalidation{By: Cause{Op: WriteRunning}, Facts: []Tag{{Kind: FactRow, Table: "users", Value: "1"}}}, x.Invalidation)
	require.Contains(t, x.String(), "invalidated: running write touched row(users,1)")
	s.cache.Touch(t.Context(), h, &f, Cause{Type: "User", Op: WriteDeleteOne, IDs: []any{1}, Rows: 1})
	require.Equal(t, "delete of User 1", s.explained(t).Invalidation.By.String())

	// A write that another one holds the facts of still is named.
	s.touchUser(Cause{Type: "User", Op: WriteUpsert}, 1)
	h, err = s.cache.Hold(t.Context(), &f)
	require.NoError(t, err)
	require.Equal(t, "upsert of User", s.explained(t).Invalidation.By.String())

	// The hold ends, nothing was written, and nothing was invalidated either.
	s.cache.Touch(t.Context(), h, &Facts{}, Cause{Type: "User", Op: WriteDelete})
	s.explained(t)
	h, err = s.cache.Hold(t.Context(), &f)
	require.NoError(t, err)
	sc := &scope{typ: s.types.Type("User"), stale: &Entry{Proof: &Proof{Facts: f.List, Position: s.cache.ledger.Now()}}}
	s.cache.Touch(t.Context(), h, &Facts{}, Cause{Type: "User", Op: WriteDelete})
	require.Equal(t, "unknown write (one was running, and touched nothing of it)",
		(&reading{cache: s.cache, scope: sc, invalidated: true}).invalidation(nil).String())

	// A write whose position nobody described.
	s.explained(t)
	s.cache.ledger.Touch(f.List)
	require.Contains(t, s.explained(t).Invalidation.String(), "unknown write (missed by this process)")

	// Longer ago than the cache remembers, where the ledger still knows the fact.
	s.touchUser(Cause{Type: "User", Op: WriteRaw}, 1)
	for range recentWrites {
		s.cache.recent.add(Cause{}, &Facts{}, func() uint64 { return s.cache.ledger.Touch(nil) })
	}
	x = s.explained(t)
	require.Equal(t, "unknown write (longer ago than is remembered) touched row(users,1)", x.Invalidation.String())

	// The ledger forgot the fact.
	for i := range 100 {
		s.touchUser(Cause{}, 100+i)
	}
	x = s.explained(t)
	require.Contains(t, x.Invalidation.String(), "the ledger hadn't room")

	s.cache.InvalidateAll(t.Context())
	x = s.explained(t)
	require.True(t, strings.HasPrefix(x.Invalidation.String(), "InvalidateAll "), x.Invalidation)
	require.Empty(t, x.Invalidation.Facts)
	s.cache.near.Purge()
	x = s.explained(t)
	require.Equal(t, Miss, x.Outcome)
	require.Nil(t, x.Invalidation, "evicted")
}

// A value whose rows are gone is explained by what proves it: its facts are named
// as those of the new result, or of the rows that were written.
func TestExplainInvalidatedValue(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{})
	read := func() Explanation {
		x, err := Explain(t.Context(), func(ctx context.Context) error {
			_, err := s.query("User", "a").all(ctx)
			return err
		})
		require.NoError(t, err)
		require.Len(t, x, 1)
		return x[0]
	}
	read()
	require.Equal(t, LevelValues, read().Level)
	s.near.mu.Lock()
	for key, e := range s.near.entries {
		if e.value == nil {
			delete(s.near.entries, key)
		} else {
			// As if the value had had a second row, which isn't found any more.
			var f Facts
			f.Row(s.types.Table("users"), 7)
			e.value.proofs[0].Facts = f.List
		}
	}
	s.near.mu.Unlock()
	s.touchUser(Cause{Type: "User", Op: WriteDeleteOne, IDs: []any{7}, Rows: 1}, 7)
	x := read()
	require.Equal(t, Miss, x.Outcome)
	require.NotNil(t, x.Invalidation)
	require.Equal(t, "delete of User 7", x.Invalidation.By.String())
	require.Equal(t, []Tag{{Kind: FactRow, Table: "users", Value: "7"}}, x.Invalidation.Facts)
	require.NotContains(t, x.Facts, x.Invalidation.Facts[0])
}

// An entry that is served in grace says what it lacks.
func TestExplainGrace(t *testing.T) {
	s := newShelf(t, schema.Policy{Grace: DefaultInDoubt}, Options{})
	s.explained(t)
	require.Equal(t, Hit, s.explained(t).Outcome)
	s.touchUser(Cause{Type: "User", Op: WriteUpdateOne, IDs: []any{1}, Rows: 1}, 1)
	x := s.explained(t)
	require.Equal(t, Hit, x.Outcome)
	require.NotNil(t, x.Invalidation)
	require.Equal(t, "update of User 1", x.Invalidation.By.String())
}

// Of the writes since an entry was read the first is named, and all facts of it.
func TestFirstTouch(t *testing.T) {
	c := newCache(t, Options{})
	since := c.ledger.Touch([]Fact{1, 2})
	_, ok := firstTouch(c.ledger, []Fact{1, 2, 3}, since)
	require.False(t, ok)
	first := c.ledger.Touch([]Fact{2, 3, 4})
	c.ledger.Touch([]Fact{1})
	c.ledger.Hold([]Fact{5})
	got, ok := firstTouch(c.ledger, []Fact{1, 2, 3, 5}, since)
	require.True(t, ok)
	require.Equal(t, touch{position: first, facts: []Fact{2, 3}}, got)
	got, ok = firstTouch(c.ledger, []Fact{5, 6}, since)
	require.True(t, ok)
	require.Equal(t, touch{facts: []Fact{5}, running: true}, got)
}

// The values of sensitive columns aren't told, whatever the kind of the fact.
func TestExplainConcealsSensitiveValues(t *testing.T) {
	s := MustSchema(SchemaSpec{Tables: []TableSpec{{Name: "users", ID: []string{"id"}, Columns: []ColumnSpec{
		{Name: "id", Kind: KindInt}, {Name: "email", Kind: KindString, Grouped: true, Sensitive: true}, {Name: "team", Kind: KindInt, Grouped: true},
	}}}})
	users := s.Table("users")
	f := Facts{Spell: true}
	f.Row(users, 1)
	require.True(t, f.bulkOf(users.Column("email"), "me@example.org"))
	require.True(t, f.bulkOf(users.Column("team"), 7))
	var got []string
	for _, tag := range f.Tags {
		got = append(got, tag.String())
	}
	require.Equal(t, []string{"row(users,1)", "rows(users)", "bulk(users,email=…)", "bulk(users,email)", "rows(users)", "bulk(users,team=7)", "bulk(users,team)"}, got)
}

// What explains costs a hit nothing, whatever was written before.
func TestExplainCostsHitsNothing(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{Logger: slog.New(slog.DiscardHandler)})
	for _, print := range []string{"", "a"} {
		q := s.query("User", print)
		s.read(t.Context(), q)
		hit := func() { s.read(t.Context(), q) }
		before := testing.AllocsPerRun(100, hit)
		for range recentWrites {
			s.touchUser(Cause{Type: "User", Op: WriteUpdateOne, IDs: []any{2}, Rows: 1}, 2)
		}
		hit()
		after := testing.AllocsPerRun(100, hit)
		if !raceDetector {
			// With it, pools lose at random what is put in them.
			require.Equal(t, before, after)
		}
	}
	require.EqualValues(t, 1, s.cache.Stats().Total().Misses, "all others are hits")
}

// A write's explanation costs no memory beyond the ring.
func TestTouchAllocatesNothingForItsCause(t *testing.T) {
	c := newCache(t, Options{Logger: slog.New(slog.DiscardHandler)})
	by := Cause{Type: "User", Op: WriteUpdateOne, IDs: []any{2}, Rows: 1}
	f := Facts{List: []Fact{1, 2}}
	touch := func() { c.Touch(context.Background(), nil, &f, by) }
	for range recentWrites {
		touch()
	}
	// The list of facts without repeats, and the hold.
	require.LessOrEqual(t, testing.AllocsPerRun(100, touch), 2.0)
}

// Explanations and writes at the same time, for the race detector.
func TestExplainWhileWriting(t *testing.T) {
	s := newShelf(t, schema.Policy{}, Options{Logger: slog.New(slog.DiscardHandler)})
	var readers, writers sync.WaitGroup
	var stop atomic.Bool
	for range 2 {
		writers.Go(func() {
			for !stop.Load() {
				s.touchUser(Cause{Type: "User", Op: WriteUpdateOne, IDs: []any{1}, Rows: 1}, 1)
			}
		})
		readers.Go(func() {
			for range 300 {
				x, err := Explain(t.Context(), func(ctx context.Context) error {
					_, err := s.query("User", "").all(ctx)
					return err
				})
				if err != nil || len(x) != 1 {
					t.Error(err, x)
					return
				}
				if i := x[0].Invalidation; i != nil {
					if i.By.Op != WriteUpdateOne && i.Detail != "longer ago than is remembered" || len(i.Facts) != 1 {
						t.Error(i)
					}
				}
			}
		})
	}
	readers.Wait()
	stop.Store(true)
	writers.Wait()
	s.explained(t)
	s.touchUser(Cause{Type: "User", Op: WriteCreate}, 1)
	require.Equal(t, WriteCreate, s.explained(t).Invalidation.By.Op)
}
