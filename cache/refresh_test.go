package cache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// timedNear is a near level that forgets by the clock.
type timedNear struct {
	*mapNear
	mu   sync.Mutex
	ends map[Key]time.Time
}

func (n *timedNear) Get(k Key) (*Entry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !time.Now().Before(n.ends[k]) {
		return nil, false
	}
	return n.mapNear.Get(k)
}

func (n *timedNear) Set(k Key, e *Entry, ttl time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends[k] = time.Now().Add(ttl)
	n.mapNear.Set(k, e, ttl)
}

// counter answers each query with its number, after some time.
type counter struct {
	t     *testing.T
	cache *Cache
	drv   dialect.Driver
	typ   *Type
	level Level
	took  time.Duration
	n     atomic.Int64
}

// eachLevel runs a test with the rows' level alone, and with that of values above
// it.
func eachLevel(t *testing.T, f func(t *testing.T, level Level)) {
	for _, level := range []Level{LevelRows, LevelValues} {
		t.Run(level.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, level) })
		})
	}
}

func (c *counter) Connect(context.Context) (driver.Conn, error) { return counterConn{counter: c}, nil }
func (c *counter) Driver() driver.Driver                        { return nil }

type counterConn struct {
	driver.Conn
	*counter
}

func (counterConn) Close() error { return nil }
func (c counterConn) QueryContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Rows, error) {
	n := c.n.Add(1)
	select {
	case <-time.After(c.took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s := oneSet([]string{"id", "age"}, []driver.Value{int64(1), n})
	s.ctx = ctx
	return &scriptRows{script: s}, nil
}

func newCounter(t *testing.T, level Level, p schema.Policy, took time.Duration) *counter {
	t.Helper()
	c := &counter{t: t, level: level, took: took, typ: typeWith(&p)}
	c.cache = newCache(t, Options{Near: &timedNear{mapNear: newMapNear(), ends: make(map[Key]time.Time)}})
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() })
	c.drv = entsql.OpenDB(dialect.SQLite, db)
	return c
}

// read returns the number of the query that the result is of.
func (c *counter) read(ctx context.Context) int64 {
	c.t.Helper()
	if c.level == LevelValues {
		q := &thingQuery{queryBuilder: queryBuilder{typ: c.typ, drv: c.drv, ctx: &ent.QueryContext{}}, s: &shelf{cache: c.cache}, print: "a"}
		list, err := q.all(ctx)
		require.NoError(c.t, err)
		return list[0].n
	}
	b := &queryBuilder{typ: c.typ, drv: c.drv}
	ctx, routed := c.cache.Route(ctx, b)
	defer routed.Done()
	var rows entsql.Rows
	require.NoError(c.t, b.drv.Query(ctx, "SELECT `users`.`id`, `users`.`age` FROM `users` WHERE `users`.`id` = ?", []any{1}, &rows))
	defer rows.Close()
	require.True(c.t, rows.Next())
	var id, n int64
	require.NoError(c.t, rows.Scan(&id, &n))
	return n
}

func (c *counter) write() {
	var f Facts
	f.Any(c.typ.Table)
	f.Row(c.typ.Table, 1)
	c.cache.Touch(c.t.Context(), nil, &f, Cause{Type: "User"})
}

// Past its TTL an entry is served while it is refreshed, no longer than
// MaxStaleness, and not after a write.
func TestStaleWhileRevalidate(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		ctx := t.Context()
		c := newCounter(t, level, schema.Policy{TTL: 10 * time.Second, MaxStaleness: 5 * time.Second}, time.Second)
		require.EqualValues(t, 1, c.read(ctx))
		time.Sleep(8 * time.Second)
		require.EqualValues(t, 1, c.read(ctx))
		synctest.Wait()
		require.EqualValues(t, 1, c.n.Load(), "it is fresh")

		time.Sleep(3 * time.Second)
		began := time.Now()
		for range 5 {
			require.EqualValues(t, 1, c.read(ctx))
		}
		require.Zero(t, time.Since(began), "nobody waits")
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 2, c.read(ctx))
		require.EqualValues(t, 2, c.n.Load(), "one refresh for all")
		s := c.cache.Stats().Total()
		require.EqualValues(t, 1, s.Misses)
		require.EqualValues(t, 1, s.Refreshed)

		time.Sleep(16 * time.Second)
		require.EqualValues(t, 3, c.read(ctx), "it is too old")
		time.Sleep(11 * time.Second)
		c.write()
		require.EqualValues(t, 4, c.read(ctx), "a write ends it")
		require.Zero(t, c.cache.Stats().Total().Stale)
	})
}

// Hits refresh an entry before its end, the sooner the longer the query takes.
func TestRefreshAhead(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		ctx := t.Context()
		early := func(beta float64, took time.Duration) (n int) {
			c := newCounter(t, level, schema.Policy{TTL: 10 * time.Second, RefreshAhead: beta}, took)
			for range 100 {
				c.cache.near.Purge()
				first := c.read(ctx)
				require.EqualValues(t, first, c.n.Load())
				// Many reads, up to half a second before the earliest end.
				time.Sleep(8 * time.Second)
				for range 50 {
					require.EqualValues(t, first, c.read(ctx))
					time.Sleep(10 * time.Millisecond)
					if c.n.Load() > first {
						n++
						break
					}
				}
				time.Sleep(time.Minute)
			}
			return n
		}
		require.Zero(t, early(0, time.Second))
		slow, fast := early(1, time.Second), early(1, time.Millisecond)
		require.Greater(t, slow, 90, "of a hundred")
		require.Less(t, fast, 10)
		require.Greater(t, early(1000, time.Millisecond), 90)
	})
}

// Within its grace an entry that a write touched is served while it is
// refreshed; not to those who must see the write.
func TestGrace(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		ctx := t.Context()
		c := newCounter(t, level, schema.Policy{TTL: time.Hour, Grace: 2 * time.Second}, time.Second)
		require.EqualValues(t, 1, c.read(ctx))
		require.EqualValues(t, 1, c.read(ctx))
		time.Sleep(time.Second)
		c.write()
		require.EqualValues(t, 1, c.read(ctx))
		require.EqualValues(t, 1, c.cache.Stats().Total().Stale)
		require.EqualValues(t, 2, c.read(WithToken(ctx, Token(ctx))), "joins the refresh")
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 2, c.read(ctx))
		require.EqualValues(t, 2, c.n.Load())

		time.Sleep(3 * time.Second)
		c.write()
		require.EqualValues(t, 3, c.read(ctx), "nobody knows since when it is wrong")
		require.EqualValues(t, 3, c.read(ctx))
		c.write()
		require.EqualValues(t, 4, c.read(Refresh(ctx)))

		none := newCounter(t, level, schema.Policy{TTL: time.Hour}, time.Second)
		none.read(ctx)
		none.write()
		require.EqualValues(t, 2, none.read(ctx))
	})
}

// A refresh goes on when its caller's context has ended, and ends with the cache.
func TestRefreshOutlivesItsCaller(t *testing.T) {
	eachLevel(t, func(t *testing.T, level Level) {
		c := newCounter(t, level, schema.Policy{TTL: 10 * time.Second, MaxStaleness: time.Minute}, time.Second)
		c.read(t.Context())
		time.Sleep(11 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		require.EqualValues(t, 1, c.read(ctx))
		cancel()
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 2, c.read(t.Context()))

		c.took = time.Hour
		time.Sleep(11 * time.Second)
		c.read(t.Context())
		synctest.Wait()
		began := time.Now()
		require.NoError(t, c.cache.Close())
		require.Zero(t, time.Since(began))
	})
}

// A read that finds a value due gets its rows, which refresh: it isn't asked
// twice whether it is time.
func TestRefreshAheadOfValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		c := newCounter(t, LevelValues, schema.Policy{TTL: 10 * time.Second, RefreshAhead: 1}, time.Second)
		values := func() uint64 { return c.cache.Stats().Total().ValueHits }
		for range 30 {
			c.cache.near.Purge()
			first := c.read(ctx)
			time.Sleep(7 * time.Second)
			for before := values(); c.read(ctx) == first && values() > before; before = values() {
				time.Sleep(10 * time.Millisecond)
			}
			synctest.Wait()
			require.Equal(t, first+1, c.n.Load(), "it is refreshed")
			time.Sleep(2 * time.Second)
			before := values()
			require.Equal(t, first+1, c.read(ctx))
			require.Equal(t, first+1, c.read(ctx))
			require.Equal(t, before+1, values(), "there is a new value")
			time.Sleep(time.Minute)
		}
	})
}
