package precision

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/precision/ent"
)

const short = 2000

// sequential skips a test under the race detector, which makes SQLite ten times
// slower and has nothing to find in what one goroutine does.
func sequential(t *testing.T) {
	if raceDetector {
		t.Skip("run without the race detector")
	}
}

func workload(t *testing.T, name string) Workload {
	for _, w := range Workloads() {
		if w.Name == name {
			return w
		}
	}
	t.Fatal("no workload " + name)
	return Workload{}
}

// No read is wrong, and the cache hits at least as often as one that evicts by
// table, and not more often than is right. Every needless miss has a cause.
func TestRun(t *testing.T) {
	sequential(t)
	for _, w := range Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			r, err := Run(t.Context(), w, Options{Seed: 1, Operations: short, Writes: 0.1})
			require.NoError(t, err)
			cached, perfect := r.Policies[Ours], r.Policies["oracle"]
			t.Logf("%.3f of the oracle's hits", r.Ratio())
			require.GreaterOrEqual(t, cached.Reads, short*8/10)
			require.Zero(t, cached.Stale)
			require.Greater(t, r.Ratio(), 0.95, "facts are coarser, or writes aren't judged")
			require.GreaterOrEqual(t, cached.Hits, r.Policies["table level"].Hits)
			// More is right too: a statement may be shared with another query that
			// asked for it since.
			require.GreaterOrEqual(t, cached.Hits+cached.Needless, perfect.Hits)
			require.InDelta(t, perfect.Hits, cached.Hits+cached.Needless, 0.01*short)
			require.Zero(t, perfect.Stale+perfect.Needless)
			for _, name := range []string{"table level", "whole cache"} {
				require.Zero(t, r.Policies[name].Stale, name)
			}
			counted := 0
			for _, c := range r.Causes {
				require.NotEqual(t, "unknown", c.Write, "%+v", c)
				counted += c.Count
			}
			require.Equal(t, cached.Needless, counted)
			// TTLs don't matter to either.
			require.Positive(t, r.Policies["TTL only"].Stale)
			require.Positive(t, r.Policies["rows only"].Stale)
		})
	}
}

// The same seed gives the same table.
func TestRunIsDeterministic(t *testing.T) {
	sequential(t)
	table := func(seed uint64) string {
		r, err := Run(t.Context(), workload(t, "queue"), Options{Seed: seed, Operations: 300, Writes: 0.2})
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, WriteTable(&b, []*Result{r}))
		require.NoError(t, WriteCauses(&b, r, 100))
		return b.String()
	}
	require.Equal(t, table(1), table(1))
	require.NotEqual(t, table(1), table(2))
}

// A cache that isn't told of writes is found out.
func TestRunFindsStaleReads(t *testing.T) {
	r, err := Run(t.Context(), workload(t, "queue"), Options{Seed: 1, Operations: 300, Writes: 0.2, unseen: true})
	require.NoError(t, err)
	require.Positive(t, r.Policies[Ours].Stale)
	require.Greater(t, r.Policies[Ours].Hits, r.Policies["oracle"].Hits)
}

// What a transaction wrote counts when it has committed.
func TestRecorderForgetsRollbacks(t *testing.T) {
	p, err := newPlayer(t.Context(), workload(t, "queue"), Options{Every: time.Second})
	require.NoError(t, err)
	t.Cleanup(p.close)
	const insert = "INSERT INTO `workers` (`name`, `seen_at`) VALUES (?, ?)"
	for _, commit := range []bool{false, true} {
		tx, err := p.recorder.Tx(t.Context())
		require.NoError(t, err)
		require.NoError(t, tx.Exec(context.WithoutCancel(t.Context()), insert, []any{"a", epoch}, nil))
		require.Empty(t, p.recorder.take())
		if commit {
			require.NoError(t, tx.Commit())
			require.Len(t, p.recorder.take(), 1)
		} else {
			require.NoError(t, tx.Rollback())
			require.Empty(t, p.recorder.take())
		}
	}
}

func TestWriteAdd(t *testing.T) {
	var w write
	for _, c := range []change{
		{verb: "insert", table: "users"},
		{verb: "update", table: "items", where: map[string][]any{"id": {3, 4}, "views": {0}}},
		{verb: "delete", table: "items", where: map[string][]any{"id": {5}}},
		{verb: "update", table: "jobs", where: map[string][]any{"queue": {"mail"}}},
		{verb: "delete", table: "user_following", where: map[string][]any{"user_id": {1}}},
	} {
		w.add(feed(), &c)
	}
	require.Equal(t, write{
		tables: []string{"users", "items", "comments", "jobs", "user_following"},
		rows:   []row{{"items", "3"}, {"items", "4"}, {"items", "5"}},
		bulk:   []string{"jobs"},
	}, w)
}

func TestRowsOf(t *testing.T) {
	require.Equal(t, []row{{"jobs", "1"}, {"jobs", "2"}}, rowsOf([]*ent.Job{{ID: 1}, {ID: 2}}, "jobs"))
	require.Equal(t, []row{{"jobs", "1"}}, rowsOf(&ent.Job{ID: 1}, "jobs"))
	for _, v := range []any{nil, 7, true, []int{1, 2}, []struct{ ID int }{{1}}, (*ent.Job)(nil)} {
		require.Empty(t, rowsOf(v, "jobs"))
	}
}
