package processes

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
)

// What one process read another has too, first from the remote level and then
// from its own.
func TestReadsAreShared(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(), w.process()
		a.stored(t, func() { a.Track.GetX(entcache.Refresh(ctx), 1) })
		for _, want := range []cache.Outcome{cache.HitRemote, cache.Hit, cache.Hit} {
			price, o := b.price(t, ctx)
			require.EqualValues(t, 10, price)
			require.Equal(t, want, o)
		}
		count := func(ctx context.Context) error { _, err := b.Track.Query().Count(ctx); return err }
		a.stored(t, func() { a.Track.Query().CountX(entcache.Refresh(ctx)) })
		require.Equal(t, cache.HitRemote, outcome(t, ctx, count))
		require.Equal(t, cache.Hit, outcome(t, ctx, count))
	})
}

// Strict reads see a write at once, wherever it was made; so do those with a
// token of the writer, and all others within the bound.
func TestWritesAreSeen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(), w.process()
		require.EqualValues(t, 10, b.Track.GetX(ctx, 1).UnitPrice)
		for price := int64(11); price < 60; price++ {
			if price%3 == 0 {
				tx, err := a.Tx(ctx)
				require.NoError(t, err)
				tx.Track.UpdateOneID(1).SetUnitPrice(price).ExecX(ctx)
				require.NoError(t, tx.Commit())
			} else {
				a.Track.UpdateOneID(1).SetUnitPrice(price).ExecX(ctx)
			}
			require.EqualValues(t, price, a.Track.GetX(ctx, 1).UnitPrice, "own write")
			switch price % 2 {
			case 0:
				require.EqualValues(t, price, b.Track.GetX(entcache.Consistent(ctx, entcache.Strict), 1).UnitPrice)
			case 1:
				require.EqualValues(t, price, b.Track.GetX(entcache.WithToken(ctx, entcache.Token(ctx)), 1).UnitPrice)
			}
			if price%8 == 0 {
				require.Eventually(t, func() bool { return b.Track.GetX(ctx, 1).UnitPrice == price }, 20*time.Second, time.Millisecond)
			}
		}
		require.NotZero(t, b.handle.Stats().Total().Hits)
	})
}

// A list follows what enters and leaves it.
func TestListsAreShared(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(), w.process()
		jazz := func(p *process, ctx context.Context) int {
			return len(p.Track.Query().Where(track.GenreID(1)).AllX(ctx))
		}
		exact := entcache.Consistent(ctx, entcache.Strict)
		require.Equal(t, 2, jazz(b, ctx))
		a.Track.UpdateOneID(3).SetGenreID(1).ExecX(ctx)
		require.Equal(t, 3, jazz(b, exact))
		b.Track.DeleteOneID(2).ExecX(ctx)
		require.Equal(t, 2, jazz(a, exact))
		a.Track.Update().SetGenreID(2).ExecX(ctx)
		require.Equal(t, 0, jazz(b, exact))
		require.NoError(t, a.handle.InvalidateType(ctx, "Track"))
		a.handle.InvalidateAll(ctx)
		require.Equal(t, 0, jazz(b, exact))
	})
}

// What is written outside Ent is seen by others after the process that knows of
// it says so.
func TestInvalidationReachesOthers(t *testing.T) {
	for name, tell := range map[string]func(*process, context.Context) error{
		"ids":  func(p *process, ctx context.Context) error { return p.handle.InvalidateIDs(ctx, "Track", 1) },
		"type": func(p *process, ctx context.Context) error { return p.handle.InvalidateType(ctx, "Track") },
		"all":  func(p *process, ctx context.Context) error { p.handle.InvalidateAll(ctx); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				ctx := t.Context()
				a, b := w.process(), w.process()
				a.stored(t, func() { a.Track.GetX(entcache.Refresh(ctx), 1) })
				require.EqualValues(t, 10, b.Track.GetX(ctx, 1).UnitPrice)
				w.plain.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
				require.EqualValues(t, 10, b.Track.GetX(entcache.Consistent(ctx, entcache.Strict), 1).UnitPrice, "nobody knows yet")
				require.NoError(t, tell(a, ctx))
				require.EqualValues(t, 11, b.Track.GetX(entcache.Consistent(ctx, entcache.Strict), 1).UnitPrice)
				require.EqualValues(t, 11, b.Track.GetX(entcache.WithToken(ctx, entcache.Token(ctx)), 1).UnitPrice)
			})
		})
	}
}

// A transaction that rolls back touches nothing, in no process.
func TestRollbackTouchesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(), w.process()
		a.stored(t, func() { a.Track.GetX(entcache.Refresh(ctx), 1) })
		b.Track.GetX(ctx, 1)
		tx, err := a.Tx(ctx)
		require.NoError(t, err)
		tx.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
		require.NoError(t, tx.Rollback())
		price, o := b.price(t, ctx)
		require.EqualValues(t, 10, price)
		require.Equal(t, cache.Hit, o)
	})
}

// A token of a process that shares nothing sends the reads to the database.
func TestTokensOfStrangers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a := w.process()
		a.Track.GetX(ctx, 1)
		stranger, err := entcache.New()
		require.NoError(t, err)
		own := entcache.Token(ctx)
		require.NoError(t, a.handle.Close())
		foreign := entcache.Token(ctx)
		require.NoError(t, stranger.Close())

		b := w.process()
		b.Track.GetX(ctx, 1)
		for _, token := range []string{foreign, "", "1", "1AAAA", "what?", own + own} {
			w.plain.Track.UpdateOneID(1).AddUnitPrice(1).ExecX(ctx)
			want := w.plain.Track.GetX(ctx, 1).UnitPrice
			price, o := b.price(t, entcache.WithToken(ctx, token))
			require.Equal(t, want, price, "%q", token)
			require.Equal(t, cache.Bypass, o)
		}
		_, o := b.price(t, entcache.WithToken(ctx, own))
		require.Contains(t, []cache.Outcome{cache.Hit, cache.HitRemote, cache.Miss}, o, "a shares the remote level")
	})
}
