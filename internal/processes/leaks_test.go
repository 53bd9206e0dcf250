package processes

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/entcache"
)

// settled waits until no more goroutines run than at the start.
func settled(t *testing.T, start int) {
	t.Helper()
	var n int
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if n = runtime.NumGoroutine(); n <= start {
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Fatalf("%d goroutines at the start, %d now:\n%s", start, n, buf[:runtime.Stack(buf, true)])
}

// A cache that is closed leaves no goroutine, whatever goes on meanwhile.
func TestCloseUnderLoad(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.early().Track.GetX(ctx, 1)
		r := w.join(t)
		round := func() {
			h, err := entcache.New(entcache.WithRemote(r, nil), entcache.WithLease(lease), entcache.WithLogger(quiet))
			require.NoError(t, err)
			p := w.client(h)
			var wg sync.WaitGroup
			stop := make(chan struct{})
			for i := range 4 {
				wg.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						if i == 0 {
							_ = p.Track.UpdateOneID(1 + n%3).AddUnitPrice(1).Exec(ctx)
						} else {
							p.Track.GetX(ctx, 1+n%3)
						}
					}
				})
			}
			time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Millisecond))))
			require.NoError(t, h.Close())
			close(stop)
			wg.Wait()
		}
		// The first makes what the clients keep: connections, and what empties them.
		round()
		start := runtime.NumGoroutine()
		for range 40 {
			round()
		}
		settled(t, start)
	})
}

// Reads that are given up leave nothing behind, and take nobody along.
func TestCancelledReads(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.process()
		start := runtime.NumGoroutine()
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(1, uint64(g)))
				for range 300 {
					short, cancel := context.WithTimeout(ctx, time.Duration(rng.Int64N(int64(400*time.Microsecond))))
					if rng.IntN(3) == 0 {
						short = entcache.Refresh(short)
					}
					if tr, err := p.Track.Get(short, 1+rng.IntN(3)); err == nil && tr.UnitPrice == 0 {
						t.Error("an entity without its values")
					} else if err != nil && short.Err() == nil {
						t.Errorf("nobody gave up: %v", err)
					}
					cancel()
					if tr, err := p.Track.Get(ctx, 1+rng.IntN(3)); err != nil || tr.UnitPrice == 0 {
						t.Errorf("another's context: %v", err)
					}
				}
			})
		}
		wg.Wait()
		settled(t, start+8) // connections that the pool opened
		require.Zero(t, p.handle.Stats().Remote.Corrupt)
	})
}
