package traps

import (
	"strconv"
	"sync"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	store "github.com/entcache/ent-cache/ent"
)

// A mutation made with one client may be run by another, a transaction's: what
// it writes takes effect when that transaction commits.
func TestTrap_MutationHandedToTransaction(t *testing.T) {
	for name, run := range map[string]func(*store.Client, *store.Tx) error{
		"create": func(c *store.Client, tx *store.Tx) error {
			_, err := tx.Client().Mutate(t.Context(), c.Genre.Create().SetName("pop").Mutation())
			return err
		},
		"update": func(c *store.Client, tx *store.Tx) error {
			_, err := tx.Client().Mutate(t.Context(), c.Genre.UpdateOneID(1).SetName("pop").Mutation())
			return err
		},
		"bulk": func(c *store.Client, tx *store.Tx) error {
			return tx.Genre.CreateBulk(c.Genre.Create().SetName("pop"), c.Genre.Create().SetName("folk")).Exec(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newStore(t, dialect.SQLite)
			ctx := t.Context()
			names := func(c *store.Client) []string { return c.Genre.Query().Select("name").StringsX(ctx) }
			before := names(w.cached)
			tx, err := w.cached.Tx(ctx)
			require.NoError(t, err)
			require.NoError(t, run(w.cached, tx))
			require.Equal(t, before, names(w.cached), "not committed yet; this read is cached again")
			require.NoError(t, tx.Commit())
			require.NotEqual(t, before, names(w.plain), "the write did something")
			require.Equal(t, names(w.plain), names(w.cached))
		})
	}
}

// Statements of one transaction may run in several goroutines; the first write
// among them must not disturb the others. The race detector judges.
func TestTrap_GoroutinesInOneTransaction(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	tx, err := w.cached.Tx(ctx)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 5 {
				tx.Genre.Query().CountX(ctx)
				tx.Genre.Create().SetName(strconv.Itoa(10*i + j)).ExecX(ctx)
			}
		})
	}
	before := w.cached.Genre.Query().CountX(ctx)
	wg.Wait()
	require.NoError(t, tx.Commit())
	require.Equal(t, before+20, w.cached.Genre.Query().CountX(ctx))
}
