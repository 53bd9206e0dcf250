package processes

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/entcache"
)

// Reads go on without the remote level, from the near level no longer than the
// bound, and everything comes back by itself.
func TestReadsWithoutRemote(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		const bound = 300 * time.Millisecond
		p := w.process(entcache.WithConsistency(entcache.Bounded(bound)))
		p.stored(t, func() { p.Track.GetX(entcache.Refresh(ctx), 1) })
		w.cut(errCut)
		defer w.cut(nil)
		// Nobody tells the process of this write.
		w.plain.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
		written := time.Now()
		for {
			began := time.Now()
			price := p.Track.GetX(ctx, 1).UnitPrice
			if price == 11 {
				break
			}
			require.Less(t, began.Sub(written), bound, "the entry is served no longer than the bound")
		}
		require.Eventually(t, func() bool { return !p.handle.Stats().Remote.Usable }, 20*time.Second, time.Millisecond)
		p.Track.GetX(entcache.Consistent(ctx, entcache.Strict), 1)
		w.cut(nil)
		require.Eventually(t, func() bool { return p.handle.Stats().Remote.Usable }, 20*time.Second, time.Millisecond)
		p.stored(t, func() { p.Track.GetX(entcache.Refresh(ctx), 1) })
	})
}

// A write that can't be announced fails before it happens, if the program wants
// it so.
func TestWritesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.process(entcache.RefuseUnannouncedWrites())
		w.cut(errCut)
		defer w.cut(nil)
		require.ErrorIs(t, p.Track.UpdateOneID(1).SetUnitPrice(11).Exec(ctx), entcache.ErrUnannounced)
		require.ErrorIs(t, p.Genre.Create().SetName("new").Exec(ctx), entcache.ErrUnannounced)
		_, err := p.Genre.CreateBulk(p.Genre.Create().SetName("new")).Save(ctx)
		require.ErrorIs(t, err, entcache.ErrUnannounced)
		_, err = p.Track.Delete().Exec(ctx)
		require.ErrorIs(t, err, entcache.ErrUnannounced)
		tx, err := p.Tx(ctx)
		require.NoError(t, err)
		tx.Track.UpdateOneID(1).SetUnitPrice(12).ExecX(ctx)
		require.ErrorIs(t, tx.Commit(), entcache.ErrUnannounced)
		require.ErrorIs(t, tx.Rollback(), sql.ErrTxDone, "it was rolled back")
		require.False(t, p.handle.Stats().Remote.Owing, "what was refused needn't be told")
		require.EqualValues(t, 10, w.plain.Track.GetX(ctx, 1).UnitPrice)
		require.Equal(t, 2, w.plain.Genre.Query().CountX(ctx))
		require.Equal(t, 3, w.plain.Track.Query().CountX(ctx))
		w.cut(nil)
		require.Eventually(t, func() bool { return p.Track.UpdateOneID(1).SetUnitPrice(13).Exec(ctx) == nil }, 20*time.Second, 10*time.Millisecond)
		require.EqualValues(t, 13, p.Track.GetX(ctx, 1).UnitPrice)
	})
}

// lines is a log that a test reads.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A write that goes on unannounced is logged, is seen by its own process at once,
// and by the others when the remote level was made to begin anew.
func TestUnannouncedWrites(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var log lines
		a := w.process(entcache.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		b := w.process()
		a.stored(t, func() { a.Track.GetX(entcache.Refresh(ctx), 1) })
		b.Track.GetX(ctx, 1)
		token := entcache.Token(ctx)
		w.cut(errCut)
		a.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
		require.EqualValues(t, 11, a.Track.GetX(ctx, 1).UnitPrice, "own write")
		require.True(t, a.handle.Stats().Remote.Owing)
		require.NotZero(t, a.handle.Stats().Remote.Unannounced)
		require.Contains(t, log.String(), "level=ERROR")
		require.EqualValues(t, 11, b.Track.GetX(entcache.WithToken(ctx, entcache.Token(ctx)), 1).UnitPrice, "the token says that nobody was told")
		w.cut(nil)
		require.EqualValues(t, 11, a.Track.GetX(ctx, 1).UnitPrice, "own write, before the debt is settled")
		require.Eventually(t, func() bool { return !a.handle.Stats().Remote.Owing }, 20*time.Second, time.Millisecond)
		require.EqualValues(t, 11, b.Track.GetX(entcache.Consistent(ctx, entcache.Strict), 1).UnitPrice)
		require.Eventually(t, func() bool { return b.Track.GetX(ctx, 1).UnitPrice == 11 }, 20*time.Second, time.Millisecond)
		require.EqualValues(t, 11, b.Track.GetX(entcache.WithToken(ctx, token), 1).UnitPrice)
		require.NotZero(t, b.handle.Stats().Remote.Epochs)
	})
}

// A server that lost everything makes a new beginning and no stale hit.
func TestRestartOfTheRemote(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(), w.process()
		a.stored(t, func() { a.Track.GetX(entcache.Refresh(ctx), 1) })
		b.Track.GetX(ctx, 1)
		for price := int64(11); price < 14; price++ {
			a.Track.UpdateOneID(1).SetUnitPrice(price).ExecX(ctx)
			w.restart()
			require.EqualValues(t, price, a.Track.GetX(ctx, 1).UnitPrice)
			require.EqualValues(t, price, b.Track.GetX(entcache.Consistent(ctx, entcache.Strict), 1).UnitPrice)
			require.Eventually(t, func() bool { return b.Track.GetX(ctx, 1).UnitPrice == price }, 20*time.Second, time.Millisecond)
			b.stored(t, func() { b.Track.GetX(entcache.Refresh(ctx), 1) })
		}
		require.NotZero(t, a.handle.Stats().Remote.Epochs)
	})
}

// Whoever writes between the announcement and the end of another write keeps the
// other's facts announced.
func TestWritesOverlap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b, c := w.process(), w.process(), w.process()
		var wg sync.WaitGroup
		for i, p := range []*process{a, b} {
			wg.Go(func() {
				for range 40 {
					// SQLite may be busy.
					_ = p.Track.UpdateOneID(1 + i).AddUnitPrice(1).Exec(ctx)
					_ = p.Track.UpdateOneID(3).AddUnitPrice(1).Exec(ctx)
				}
			})
		}
		wg.Wait()
		exact := entcache.Consistent(ctx, entcache.Strict)
		for id := 1; id <= 3; id++ {
			require.Equal(t, w.plain.Track.GetX(ctx, id).UnitPrice, c.Track.GetX(exact, id).UnitPrice)
			require.Equal(t, w.plain.Track.GetX(ctx, id).UnitPrice, c.Track.GetX(entcache.WithToken(ctx, entcache.Token(ctx)), id).UnitPrice)
		}
	})
}

// Close records what was written: the others needn't wait for a lease to run out.
func TestCloseRecordsWrites(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(entcache.WithLease(500*time.Millisecond)), w.process()
		for range 20 {
			a.Track.UpdateOneID(1).AddUnitPrice(1).ExecX(ctx)
		}
		require.NoError(t, a.handle.Close())
		require.Zero(t, a.handle.Stats().Remote.Unrecorded)
		before := b.handle.Stats().Remote
		b.Track.GetX(entcache.Refresh(ctx), 1)
		require.Eventually(t, func() bool { return b.handle.Stats().Remote.Stored > before.Stored }, 20*time.Second, time.Millisecond)
		require.Equal(t, before.Refused[cache.FillPending], b.handle.Stats().Remote.Refused[cache.FillPending])
		require.ErrorIs(t, a.handle.Close(), entcache.ErrClosed)
	})
}

// A cache whose server never answers closes without hanging.
func TestCloseWithoutRemote(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.process()
		w.cut(errCut)
		defer w.cut(nil)
		p.Track.UpdateOneID(1).AddUnitPrice(1).ExecX(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = p.handle.Close() }()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("Close hangs")
		}
		require.EqualValues(t, 11, p.Track.GetX(context.Background(), 1).UnitPrice)
	})
}

// Writes through a closed cache can't be announced any more.
func TestWritesAfterClose(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var log lines
		goesOn := w.process(entcache.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		refuses := w.process(entcache.RefuseUnannouncedWrites())
		require.NoError(t, goesOn.handle.Close())
		require.NoError(t, refuses.handle.Close())
		require.ErrorIs(t, refuses.Track.UpdateOneID(1).SetUnitPrice(11).Exec(ctx), entcache.ErrUnannounced)
		require.EqualValues(t, 10, refuses.Track.GetX(ctx, 1).UnitPrice)
		goesOn.Track.UpdateOneID(1).SetUnitPrice(12).ExecX(ctx)
		require.EqualValues(t, 12, goesOn.Track.GetX(ctx, 1).UnitPrice)
		require.Contains(t, log.String(), "level=WARN")
	})
}

// hung is a remote level that doesn't answer reads.
type hung struct {
	cache.Remote
	hangs atomic.Bool
}

func (h *hung) Get(ctx context.Context, key cache.Key, lease time.Duration) (*cache.RemoteHit, *cache.RemoteMiss, error) {
	if h.hangs.Load() {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}
	return h.Remote.Get(ctx, key, lease)
}

// A read with little time isn't failed by a remote level that hangs, and after a
// few the others don't wait for it at all.
func TestHangingRemote(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var h *hung
		join := w.join
		w.join = func(t *testing.T) cache.Remote { h = &hung{Remote: join(t)}; return h }
		p := w.process()
		h.hangs.Store(true)
		gets := func() int64 { return p.calls.gets.Load() }
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
			began := gets()
			_, err := p.Track.Get(entcache.Refresh(ctx), 1)
			require.NoError(t, err)
			cancel()
			if gets() == began {
				return
			}
		}
		t.Fatal("every read waits")
	})
}
