package processes

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/entcache"
)

// A miss after another process's write says that it was another's; one after a
// restart of the server says that.
func TestExplainOtherProcesses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(entcache.WithoutValues()), w.process()
		read := func() cache.Explanation {
			x, err := entcache.Explain(ctx, func(ctx context.Context) error {
				_, err := a.Track.Get(ctx, 1)
				return err
			})
			require.NoError(t, err)
			require.Len(t, x, 1)
			return x[0]
		}
		known := func() {
			require.Eventually(t, func() bool { return read().Outcome == cache.Hit }, 10*time.Second, time.Millisecond)
		}
		// missed reads until a hit isn't one any more.
		missed := func() *cache.Invalidation {
			var i *cache.Invalidation
			require.Eventually(t, func() bool { i = read().Invalidation; return i != nil }, 10*time.Second, time.Millisecond)
			return i
		}
		a.stored(t, func() { a.Track.GetX(entcache.Refresh(ctx), 1) })
		known()
		b.Track.UpdateOneID(1).SetUnitPrice(5).ExecX(ctx)
		i := missed()
		require.Equal(t, cache.WriteElsewhere, i.By.Op, i)
		require.Equal(t, "another process", i.By.String())
		require.Positive(t, i.Ago)
		require.Contains(t, i.Facts, cache.Tag{Kind: cache.FactRow, Table: "tracks", Value: "1"})

		// Its own, which it hears of once more, is never taken for another's.
		for n := range 20 {
			known()
			a.Track.UpdateOneID(1).SetUnitPrice(int64(n)).ExecX(ctx)
			for range 20 {
				if i := read().Invalidation; i != nil {
					require.NotEqual(t, cache.WriteElsewhere, i.By.Op, i)
				}
			}
		}

		known()
		w.restart()
		require.Eventually(t, func() bool {
			i := read().Invalidation
			return i != nil && i.Detail == "the remote level began anew" || a.handle.Stats().Remote.Epochs > 0
		}, 30*time.Second, time.Millisecond)
	})
}
