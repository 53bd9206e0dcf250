package processes

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// A typed value is as old as its rows may be: it is served beyond the bound once
// they were proven, which is after it was stored, and no longer when another
// process has written what one of them depends on.
func TestValuesFollowTheLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		const bound = 200 * time.Millisecond
		a, b := w.process(entcache.WithConsistency(entcache.Bounded(bound))), w.process()
		var got *ent.Album
		read := func(ctx context.Context) []entcache.Explanation {
			xs, err := entcache.Explain(ctx, func(ctx context.Context) (err error) {
				got, err = a.Album.Query().WithTracks().Only(ctx)
				return err
			})
			require.NoError(t, err)
			return xs
		}
		valued := func(xs []entcache.Explanation) bool { return len(xs) == 1 && xs[0].Level == cache.LevelValues }
		price := func() (p int64) {
			for _, tr := range got.Edges.Tracks {
				if tr.ID == 1 {
					p = tr.UnitPrice
				}
			}
			return p
		}
		a.stored(t, func() { read(entcache.Refresh(ctx)) })
		require.Eventually(t, func() bool {
			read(ctx)
			gets := a.calls.gets.Load()
			time.Sleep(2 * bound)
			return valued(read(ctx)) && a.calls.gets.Load() == gets
		}, 30*time.Second, time.Millisecond, "older than the bound, and proven")
		for n := int64(100); n < 105; n++ {
			b.Track.UpdateOneID(1).SetUnitPrice(n).ExecX(ctx)
			require.False(t, valued(read(entcache.Consistent(ctx, entcache.Strict))))
			require.Equal(t, n, price())
			read(ctx)
			require.Equal(t, n, price(), "what a strict read stored")
			b.Track.UpdateOneID(1).SetUnitPrice(n + 100).ExecX(ctx)
			read(entcache.WithToken(ctx, entcache.Token(ctx)))
			require.Equal(t, n+100, price())
			b.Track.UpdateOneID(1).SetUnitPrice(0).ExecX(ctx)
			require.Eventually(t, func() bool {
				read(ctx)
				return price() == 0
			}, 20*time.Second, time.Millisecond)
			a.Track.UpdateOneID(1).SetUnitPrice(1).ExecX(ctx)
			read(ctx)
			require.EqualValues(t, 1, price(), "its own write")
		}
	})
}
