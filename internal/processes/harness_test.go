// Package processes tests what caches promise that share a remote level, with
// generated code, on a simulated server and on a real one.
package processes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/simredis"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
)

// The times of the tests: long enough that a slow machine doesn't pass them by
// chance where a test wants nothing to happen.
const (
	lease      = 500 * time.Millisecond
	quarantine = 600 * time.Millisecond
)

// process is one cache with a client of its own.
type process struct {
	*store.Client
	handle *entcache.Handle
	calls  *calls
}

// calls counts the calls of a remote level.
type calls struct {
	cache.Remote
	gets, begins, ends atomic.Int64
	givenUp            atomic.Int64 // leases
}

func (c *calls) Get(ctx context.Context, key cache.Key, lease time.Duration) (*cache.RemoteHit, *cache.RemoteMiss, error) {
	c.gets.Add(1)
	return c.Remote.Get(ctx, key, lease)
}

// Fill counts those that store nothing.
func (c *calls) Fill(ctx context.Context, key cache.Key, f cache.RemoteFill) (cache.RemoteFilled, error) {
	filled, err := c.Remote.Fill(ctx, key, f)
	if f.Miss.Void {
		c.givenUp.Add(1)
	}
	return filled, err
}

func (c *calls) Begin(ctx context.Context, w cache.RemoteWrite) (cache.RemotePosition, error) {
	c.begins.Add(1)
	return c.Remote.Begin(ctx, w)
}

func (c *calls) End(ctx context.Context, e cache.RemoteEnd) (cache.RemotePosition, error) {
	c.ends.Add(1)
	return c.Remote.End(ctx, e)
}

// world is a database that several processes use.
type world struct {
	t     *testing.T
	drv   *entsql.Driver
	plain *store.Client
	join  func(t *testing.T) cache.Remote
	// cut makes the server unreachable for all, until it is called with nil.
	cut func(error)
	// restart ends the server and starts it empty.
	restart func()
}

// each runs a test on every kind of remote level.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Run("simulated", func(t *testing.T) {
		s := simredis.New(simredis.Options{Seed: 1})
		w := newWorld(t)
		w.cut = s.Refuse
		w.restart = func() { s.Restart(nil) }
		w.join = func(t *testing.T) cache.Remote {
			c := s.Client(simredis.Config{Quarantine: quarantine})
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		// What waits for a listener is handed over by whoever calls.
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				s.Deliver()
				time.Sleep(time.Millisecond)
			}
		}()
		t.Cleanup(func() { cancel(); <-done })
		f(t, w)
	})
	t.Run("redis", func(t *testing.T) {
		s := testdb.StartRedis(t)
		w := newWorld(t)
		w.cut = func(err error) {
			if err != nil {
				s.Pause()
			} else {
				s.Resume()
			}
		}
		w.restart = func() { s.Kill(); s.Start() }
		w.join = func(t *testing.T) cache.Remote {
			o, err := redis.ParseURL(s.URL)
			require.NoError(t, err)
			o.ContextTimeoutEnabled, o.MaxRetries = true, -1
			client := redis.NewClient(o)
			r, err := redisstore.New(client, "test", redisstore.WithQuarantine(quarantine), redisstore.WithTimeouts(time.Second, time.Second))
			require.NoError(t, err)
			t.Cleanup(func() { _ = r.Close(); _ = client.Close() })
			return r
		}
		f(t, w)
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	drv := testdb.Driver(t, dialect.SQLite)
	w := &world{t: t, drv: drv, plain: store.NewClient(store.Driver(drv))}
	ctx, c := t.Context(), w.plain
	require.NoError(t, c.Schema.Create(ctx))
	c.MediaType.Create().SetName("file").ExecX(ctx)
	c.Genre.CreateBulk(c.Genre.Create().SetName("jazz"), c.Genre.Create().SetName("rock")).ExecX(ctx)
	ar := c.Artist.Create().SetName("somebody").SaveX(ctx)
	c.Album.Create().SetTitle("first").SetArtistID(ar.ID).ExecX(ctx)
	for i, genre := range []int{1, 1, 2} {
		c.Track.Create().SetName(fmt.Sprint("track ", i+1)).SetMilliseconds(1000).SetMediaTypeID(1).SetAlbumID(1).
			SetGenreID(genre).SetUnitPrice(int64(i+1) * 10).ExecX(ctx)
	}
	return w
}

// process joins the others, and waits until it uses the remote level and that
// stores.
func (w *world) process(opts ...entcache.Option) *process {
	p := w.early(opts...)
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		r := p.handle.Stats().Remote
		if !r.Usable {
			return false
		}
		before := r.Stored
		p.Genre.Query().CountX(entcache.Refresh(w.t.Context()))
		time.Sleep(10 * time.Millisecond)
		return p.handle.Stats().Remote.Stored > before
	}, 30*time.Second, 10*time.Millisecond, "the remote level stores")
	return p
}

// quiet is a logger for caches whose warnings the test makes.
var quiet = func() *slog.Logger {
	if os.Getenv("ENTCACHE_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}()

// early joins the others.
func (w *world) early(opts ...entcache.Option) *process {
	w.t.Helper()
	r := &calls{Remote: w.join(w.t)}
	opts = append([]entcache.Option{entcache.WithRemote(r, nil), entcache.WithLease(lease), entcache.WithLogger(quiet)}, opts...)
	h, err := entcache.New(opts...)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = h.Close() })
	return &process{Client: w.client(h), handle: h, calls: r}
}

// client returns a client that uses a cache.
func (w *world) client(h *entcache.Handle) *store.Client {
	c := store.NewClient(store.Driver(w.drv), store.Log(func(...any) {}))
	c.Intercept(h.Interceptor())
	return c
}

// outcome runs a read and returns what became of its only statement.
func outcome(t *testing.T, ctx context.Context, read func(context.Context) error) cache.Outcome {
	t.Helper()
	xs, err := entcache.Explain(ctx, read)
	require.NoError(t, err)
	require.Len(t, xs, 1)
	return xs[0].Outcome
}

// price reads the price of track 1.
func (p *process) price(t *testing.T, ctx context.Context) (int64, cache.Outcome) {
	t.Helper()
	var price int64
	o := outcome(t, ctx, func(ctx context.Context) error {
		tr, err := p.Track.Get(ctx, 1)
		if err == nil {
			price = tr.UnitPrice
		}
		return err
	})
	return price, o
}

// stored waits until what the process read is at the remote level.
func (p *process) stored(t *testing.T, read func()) {
	t.Helper()
	require.Eventually(t, func() bool {
		before := p.handle.Stats().Remote.Stored
		read()
		deadline := time.Now().Add(200 * time.Millisecond)
		for time.Now().Before(deadline) {
			if p.handle.Stats().Remote.Stored > before {
				return true
			}
			time.Sleep(time.Millisecond)
		}
		return false
	}, 20*time.Second, time.Millisecond, "it is stored")
}

var errCut = errors.New("cut off")
