// Package traps holds a named test for each trap in Ent that a cache can fall
// into, with real generated code. T01 to T17 are the traps of Ent's own making.
package traps

import (
	"context"
	"database/sql"
	"fmt"
	"sort"
	"strings"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// client is what every generated client can do.
type client interface {
	Intercept(...ent.Interceptor)
}

// world is one database with two clients, one of which is cached.
type world[C client] struct {
	t       *testing.T
	dialect string
	db      *sql.DB
	drv     *entsql.Driver
	handle  *entcache.Handle
	cached  C
	plain   C
	open    func(dialect.Driver) C
}

// newWorld opens an empty database. create makes the tables.
func newWorld[C client](t *testing.T, name string, open func(dialect.Driver) C, create func(C) error, opts ...entcache.Option) *world[C] {
	t.Helper()
	db := testdb.Open(t, name)
	drv := entsql.OpenDB(name, db)
	w := &world[C]{t: t, dialect: name, db: db, drv: drv, open: open, cached: open(drv), plain: open(drv), handle: newHandle(t, opts...)}
	w.cached.Intercept(w.handle.Interceptor())
	require.NoError(t, create(w.plain))
	return w
}

func newHandle(t *testing.T, opts ...entcache.Option) *entcache.Handle {
	t.Helper()
	h, err := entcache.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// newStore is the demo domain, with little in it: genre 1 and 2, album 1 with
// the tracks 1 and 2 of genre 1 and 3 of genre 2, playlist 1 with track 1 and 2.
func newStore(t *testing.T, name string, opts ...entcache.Option) *world[*store.Client] {
	t.Helper()
	w := newWorld(t, name, openStore, func(c *store.Client) error { return c.Schema.Create(t.Context()) }, opts...)
	ctx, c := t.Context(), w.plain
	c.MediaType.Create().SetName("file").ExecX(ctx)
	c.Genre.CreateBulk(c.Genre.Create().SetName("jazz"), c.Genre.Create().SetName("rock")).ExecX(ctx)
	ar := c.Artist.Create().SetName("somebody").SaveX(ctx)
	c.Album.Create().SetTitle("first").SetArtistID(ar.ID).ExecX(ctx)
	for i, genre := range []int{1, 1, 2} {
		c.Track.Create().SetName(fmt.Sprint("track ", i+1)).SetMilliseconds(1000).SetMediaTypeID(1).SetAlbumID(1).
			SetGenreID(genre).SetUnitPrice(int64(i+1) * 10).ExecX(ctx)
	}
	c.Playlist.Create().SetName("best").AddTrackIDs(1, 2).ExecX(ctx)
	return w
}

func openStore(drv dialect.Driver) *store.Client {
	return store.NewClient(store.Driver(drv), store.Log(func(...any) {}))
}

// explain returns what the cache made of the statements of f.
func explain(t *testing.T, ctx context.Context, f func(context.Context)) []entcache.Explanation {
	t.Helper()
	list, err := entcache.Explain(ctx, func(ctx context.Context) error {
		f(ctx)
		return nil
	})
	require.NoError(t, err)
	return list
}

// outcomes returns the outcomes of the statements of f, as in "Track: hit".
func outcomes(t *testing.T, ctx context.Context, f func(context.Context)) []string {
	t.Helper()
	var out []string
	for _, x := range explain(t, ctx, f) {
		s := x.Type + ": " + x.Outcome.String()
		if x.Reason != cache.Cacheable {
			s += ": " + x.Reason.String()
		}
		out = append(out, s)
	}
	return out
}

// bypasses fails the test unless f runs one statement or more that all bypass
// the cache for the reason.
func bypasses(t *testing.T, ctx context.Context, want entcache.Reason, f func(context.Context)) {
	t.Helper()
	for range 2 { // a second time, lest the first one stored something
		list := explain(t, ctx, f)
		require.NotEmpty(t, list)
		for _, x := range list {
			require.Equal(t, cache.Bypass, x.Outcome, x)
			require.Equal(t, want, x.Reason, x)
		}
	}
}

// hits fails the test unless every statement of f is served from the cache.
func hits(t *testing.T, ctx context.Context, f func(context.Context)) {
	t.Helper()
	list := explain(t, ctx, f)
	require.NotEmpty(t, list)
	for _, x := range list {
		require.Equal(t, cache.Hit, x.Outcome, x)
	}
}

// watch is a read that is cached and must follow the database.
type watch[C client] struct {
	w    *world[C]
	ctx  context.Context
	name string
	read func(context.Context, C) string
	last string
}

// watch reads twice; the second time is a hit.
func (w *world[C]) watch(name string, read func(context.Context, C) string) *watch[C] {
	w.t.Helper()
	return w.watchAs(w.t.Context(), name, read)
}

func (w *world[C]) watchAs(ctx context.Context, name string, read func(context.Context, C) string) *watch[C] {
	w.t.Helper()
	x := &watch[C]{w: w, ctx: ctx, name: name, read: read}
	x.warm()
	return x
}

func (x *watch[C]) warm() {
	t := x.w.t
	t.Helper()
	first := x.read(x.ctx, x.w.cached)
	hits(t, x.ctx, func(ctx context.Context) { x.last = x.read(ctx, x.w.cached) })
	require.Equal(t, first, x.last, "%s: the hit differs from the miss", x.name)
	require.Equal(t, x.read(x.ctx, x.w.plain), x.last, "%s: the hit differs from the database", x.name)
}

// changed is called after a write that changes the read's result.
func (x *watch[C]) changed() {
	t := x.w.t
	t.Helper()
	before := x.last
	require.NotEqual(t, before, x.read(x.ctx, x.w.plain), "%s: the write changed nothing, so the test can't fail", x.name)
	x.right()
	require.NotEqual(t, before, x.last)
}

// right is called after a write that may have changed the read's result.
func (x *watch[C]) right() {
	t := x.w.t
	t.Helper()
	require.Equal(t, x.read(x.ctx, x.w.plain), x.read(x.ctx, x.w.cached), "%s: stale", x.name)
	x.warm()
}

// kept is called after a write that must not have cost the entry.
func (x *watch[C]) kept() {
	t := x.w.t
	t.Helper()
	hits(t, x.ctx, func(ctx context.Context) { require.Equal(t, x.last, x.read(ctx, x.w.cached), x.name) })
	require.Equal(t, x.read(x.ctx, x.w.plain), x.last, "%s: stale", x.name)
}

// exec runs raw SQL, of which the cache doesn't know.
func (w *world[C]) exec(query string, args ...any) {
	w.t.Helper()
	if w.dialect == dialect.Postgres {
		for i := range args {
			query = strings.Replace(query, "?", fmt.Sprintf("$%d", i+1), 1)
		}
	}
	_, err := w.db.ExecContext(w.t.Context(), query, args...)
	require.NoError(w.t, err, query)
}

// show renders a list of entities in a fixed order.
func show[E any](list []E, f func(E) string) string {
	words := make([]string, 0, len(list))
	for _, e := range list {
		words = append(words, f(e))
	}
	sort.Strings(words)
	return "[" + strings.Join(words, " ") + "]"
}

// must is for reads that don't fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func deref[T any](p *T) string {
	if p == nil {
		return "nil"
	}
	return fmt.Sprint(*p)
}

func sorted[T any](list []T) string { return show(list, func(v T) string { return fmt.Sprint(v) }) }
