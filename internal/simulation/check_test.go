package simulation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// Row 1 is written at 1 s and at 2 s, and read at 2.1 s.
func TestCheck(t *testing.T) {
	const second = time.Second
	w := &world{plan: &Plan{Standard: cache.Bounded(bound)}, db: newDatabase()}
	first := w.db.now()
	for i := 1; i <= 2; i++ {
		require.NoError(t, w.db.commit([]statement{{kind: update, id: 1, nonce: fresh + i, ver: 1}}, time.Duration(i)*second, nil))
	}
	q := query{byID, 1}
	of := func(i int) answer { return q.eval(&w.db.commits[i].state) }
	never := of(2)
	never.rows[0].nonce = 7
	for name, c := range map[string]struct {
		op    operation
		wrong string
	}{
		"fresh":                        {op: operation{answer: of(2)}},
		"in the bound":                 {op: operation{answer: of(1)}},
		"at its end":                   {op: operation{answer: of(1), start: 2*second + bound}},
		"past it":                      {op: operation{answer: of(1), start: 2*second + bound + 1}, wrong: "commit 2 of 2s: the bound is 200ms"},
		"much older":                   {op: operation{answer: of(0)}, wrong: "misses commit 1 of 1s: the bound is 200ms"},
		"its own bound":                {op: operation{answer: of(1), Op: Op{Consistency: cache.Bounded(bound / 2)}, start: 2*second + bound/2 + 1}, wrong: "the bound is 100ms"},
		"eventual":                     {op: operation{answer: of(1), Op: Op{Consistency: cache.Eventual(4 * bound)}, start: 2*second + 4*bound}},
		"strict":                       {op: operation{answer: of(1), Op: Op{Consistency: cache.Strict}, before: 2}, wrong: "the read is strict"},
		"strict, while it was written": {op: operation{answer: of(1), Op: Op{Consistency: cache.Strict}, before: 1}},
		"own":                          {op: operation{answer: of(1), acked: []int{2}}, wrong: "the process's own"},
		"an older one":                 {op: operation{answer: of(1), acked: []int{1}}},
		"token":                        {op: operation{answer: of(1), token: &token{commits: []int{2}}}, wrong: "the token stands for it"},
		"never there":                  {op: operation{answer: never}, wrong: "never there"},
		"failed":                       {op: operation{answer: never, err: errConnection}},
		"another's list":               {op: operation{Op: Op{Query: query{byShelf, 2}}, answer: query{byShelf, 2}.eval(&first), acked: []int{1, 2}}},
		"of the first list":            {op: operation{Op: Op{Query: query{byShelf, 1}}, answer: query{byShelf, 1}.eval(&first)}, wrong: "misses commit 1"},
	} {
		t.Run(name, func(t *testing.T) {
			op := c.op
			if op.Query == (query{}) {
				op.Query = q
			}
			if op.start == 0 {
				op.start = 2100 * time.Millisecond
			}
			op.p = &process{}
			if c.wrong == "" {
				require.Empty(t, w.check(&op))
			} else {
				require.Contains(t, w.check(&op), c.wrong)
			}
		})
	}
	t.Run("unannounced", func(t *testing.T) {
		w.db.commits[2].unannounced, w.db.commits[2].due = true, 3*second
		op := &operation{Op: Op{Query: q}, p: &process{}, answer: of(1), start: 3*second + bound}
		require.Empty(t, w.check(op))
		op.start++
		require.Contains(t, w.check(op), "misses commit 2")
		op.start, op.acked = 2*second, []int{2}
		require.Contains(t, w.check(op), "the process's own")
	})
}

// Note 1 is written at 1 s, moves from row 1 to row 2 at 2 s and goes with that at
// 3 s; the notes of row 1 are read at 3.1 s.
func TestCheckOfEdges(t *testing.T) {
	const second = time.Second
	w := &world{plan: &Plan{Standard: cache.Bounded(bound)}, db: newDatabase()}
	for i, st := range []statement{
		{kind: update, note: true, id: 1, nonce: fresh + 1, ver: 1},
		{kind: update, note: true, id: 1, nonce: fresh + 2, ver: 1, parent: 2},
		{kind: remove, id: 2},
	} {
		require.NoError(t, w.db.commit([]statement{st}, time.Duration(i+1)*second, nil))
	}
	q := query{rowNotes, 1}
	of := func(root, edge int) operation {
		first := q.eval(&w.db.commits[root].state)
		next, ok := first.follow(notesOf)
		require.True(t, ok)
		return operation{Op: Op{Query: q}, answer: first, loaded: []answer{next.eval(&w.db.commits[edge].state)}}
	}
	never := of(0, 0)
	never.loaded[0].notes[0].nonce = 7
	for name, c := range map[string]struct {
		op    operation
		start time.Duration
		wrong string
	}{
		"fresh":              {op: of(3, 3)},
		"nothing of it went": {op: of(0, 2)},
		"its note moved":     {op: of(3, 1), start: 2*second + bound + 1, wrong: "for notes of 2: it is as of commit 1, and misses commit 2"},
		"in the bound":       {op: of(3, 1), start: 2*second + bound},
		"old":                {op: of(3, 0), start: 2 * second, wrong: "misses commit 1"},
		"never there":        {op: never, wrong: "never there"},
	} {
		t.Run(name, func(t *testing.T) {
			c.op.p, c.op.start = &process{}, c.start
			if c.start == 0 {
				c.op.start = 3100 * time.Millisecond
			}
			if c.wrong == "" {
				require.Empty(t, w.check(&c.op))
			} else {
				require.Contains(t, w.check(&c.op), c.wrong)
			}
		})
	}
	last := w.db.now()
	require.False(t, last.notes[0].present, "it went with its row")
	require.Equal(t, orphan, w.db.commit([]statement{{kind: insert, note: true, id: 4, nonce: 9, ver: 1, parent: 2}}, 4*second, nil))
	require.Equal(t, last, w.db.now())
}
