package oracle

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

// TestCachedReadsEqualUncachedOnes is a short run of the oracle; make oracle
// makes it long.
func TestCachedReadsEqualUncachedOnes(t *testing.T) {
	for name, ops := range map[string]int{dialect.SQLite: 6000, dialect.Postgres: 2500, dialect.MySQL: 2500} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			s, err := Campaign{Dialect: name, Seed: 1, Ops: ops, Shrink: 20 * time.Second}.Run(t.Context())
			unlessMissing(t, err)
			require.NoError(t, err)
			t.Log(s.Line(time.Since(start)))
			require.Greater(t, s.HitRatio(), 0.3, "an oracle without hits proves nothing")
		})
	}
}

// TestReadsAtWork is a short run of goroutines that read and write at once.
func TestReadsAtWork(t *testing.T) {
	for _, name := range []string{dialect.SQLite, dialect.Postgres, dialect.MySQL} {
		t.Run(name, func(t *testing.T) {
			d, err := Open(t.Context(), "shop", name)
			unlessMissing(t, err)
			require.NoError(t, err)
			defer func() { require.NoError(t, d.Close()) }()
			s, err := Storm{Seed: 1, Readers: 4, Writers: 2, For: 3 * time.Second, Pause: 3 * time.Millisecond}.Run(context.Background(), d)
			require.NoError(t, err)
			t.Log(s.Line())
			require.Positive(t, s.Hits)
			require.Positive(t, s.Commits)
			require.Less(t, s.Inconclusive, s.Reads/2, "most reads must decide something")
		})
	}
}

func unlessMissing(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, testdb.ErrUnavailable) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
}
