package traps

import (
	"context"
	"regexp"
	"testing"

	"entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// cause reads once, lets something be written, and returns the explanation of the
// read after it, which missed.
func (w *world[C]) cause(read func(context.Context), write func(context.Context)) entcache.Explanation {
	w.t.Helper()
	ctx := w.t.Context()
	read(ctx)
	hits(w.t, ctx, read)
	write(ctx)
	list := explain(w.t, ctx, read)
	require.Len(w.t, list, 1)
	require.True(w.t, list[0].Invalidated, list[0])
	require.NotNil(w.t, list[0].Invalidation, list[0])
	return list[0]
}

var ago = regexp.MustCompile(` \S+ ago`)

// A miss after a write names the write and the facts it touched.
func TestExplainNamesTheWrite(t *testing.T) {
	type writes func(t *testing.T, ctx context.Context, w *world[*store.Client])
	one := func(ctx context.Context, c *store.Client) { _, _ = c.Track.Get(ctx, 1) }
	list := func(ctx context.Context, c *store.Client) { c.Track.Query().Where(track.StockGTE(0)).AllX(ctx) }
	count := func(ctx context.Context, c *store.Client) { c.Playlist.Query().CountX(ctx) }
	stock := func(ctx context.Context, c *store.Client) { c.Track.Query().Where(track.StockGTE(0)).CountX(ctx) }
	children := func(ctx context.Context, c *store.Client) { c.Playlist.Query().QueryTracks().CountX(ctx) }
	newTrack := func(c *store.Client, name string) *store.TrackCreate {
		return c.Track.Create().SetName(name).SetMilliseconds(1).SetMediaTypeID(1).SetUnitPrice(1)
	}
	for name, c := range map[string]struct {
		read  func(context.Context, *store.Client)
		write writes
		want  string // the write
		fact  string // one of those it touched
	}{
		"create": {list, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			newTrack(w.cached, "new").ExecX(ctx)
		}, "create of Track 4 (set name milliseconds unit_price stock status updated_at media_type_id)", ""},
		"bulk create": {list, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			var all []*store.TrackCreate
			for range 10 {
				all = append(all, newTrack(w.cached, "new"))
			}
			w.cached.Track.CreateBulk(all...).ExecX(ctx)
		}, "bulk create of Track 13, 12, 11, 10, 9, 8, 7, 6 and 2 more (set name milliseconds unit_price stock status updated_at media_type_id)", ""},
		"upsert": {one, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			require.NoError(t, w.cached.Genre.Create().SetName("jazz").OnConflict(sql.ConflictColumns("name")).UpdateNewValues().Exec(ctx))
			require.NoError(t, newTrack(w.cached, "x").SetStock(1).OnConflict(sql.ConflictColumns("id")).UpdateNewValues().Exec(ctx))
		}, "upsert of Track", "table(tracks)"},
		"update of one": {one, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			w.cached.Track.UpdateOneID(1).SetStock(3).ClearComposer().ExecX(ctx)
		}, "update of Track 1 (set stock updated_at composer)", "row(tracks,1)"},
		"update by predicate": {one, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			w.cached.Track.Update().Where(track.StockGTE(0)).SetStock(3).ExecX(ctx)
		}, "update by predicate of Track (set stock updated_at)", ""},
		"delete of one": {one, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			w.cached.Track.UpdateOneID(1).ClearPlaylists().ExecX(ctx)
			one(ctx, w.cached)
			w.cached.Track.DeleteOneID(1).ExecX(ctx)
		}, "delete of Track 1", "row(tracks,1)"},
		"delete by predicate": {stock, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			w.cached.Track.Delete().Where(track.UnitPriceGT(20)).ExecX(ctx)
		}, "delete by predicate of Track", ""},
		"edges": {children, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			w.cached.Playlist.UpdateOneID(1).AddTrackIDs(3).ExecX(ctx)
		}, "update of Playlist 1 (by edges playlist_tracks)", ""},
		"by hand, ids": {one, func(t *testing.T, ctx context.Context, w *world[*store.Client]) {
			require.NoError(t, w.handle.InvalidateIDs(ctx, "Track", 1, 9))
		}, "InvalidateIDs Track 1, 9", "row(tracks,1)"},
		"by hand, type": {one, func(t *testing.T, ctx context.Context, w *world[*store.Client]) {
			require.NoError(t, w.handle.InvalidateType(ctx, "Track"))
		}, "InvalidateType Track", "table(tracks)"},
		"by hand, all": {one, func(_ *testing.T, ctx context.Context, w *world[*store.Client]) {
			w.handle.InvalidateAll(ctx)
		}, "InvalidateAll", ""},
		"one write of a transaction": {one, func(t *testing.T, ctx context.Context, w *world[*store.Client]) {
			tx, err := w.cached.Tx(ctx)
			require.NoError(t, err)
			tx.Genre.UpdateOneID(1).SetName("blues").ExecX(ctx)
			tx.Track.UpdateOneID(1).SetStock(9).ExecX(ctx)
			tx.Playlist.UpdateOneID(1).SetName("worst").ExecX(ctx)
			require.NoError(t, tx.Commit())
		}, "update of Track 1 (set stock updated_at; in a transaction)", "row(tracks,1)"},
		"several of a transaction": {count, func(t *testing.T, ctx context.Context, w *world[*store.Client]) {
			tx, err := w.cached.Tx(ctx)
			require.NoError(t, err)
			tx.Playlist.Create().SetName("a").ExecX(ctx)
			tx.Playlist.DeleteOneID(2).ExecX(ctx)
			require.NoError(t, tx.Commit())
		}, "transaction of create of Playlist 3 (set name); delete of Playlist 2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			testdb.Each(t, func(t *testing.T, db string) {
				if name == "upsert" && db == "mysql" {
					t.Skip("MySQL names no conflict columns")
				}
				w := newStore(t, db, entcache.WithoutValues())
				w.cached.Playlist.Create().SetName("other").ExecX(t.Context())
				x := w.cause(func(ctx context.Context) { c.read(ctx, w.cached) }, func(ctx context.Context) { c.write(t, ctx, w) })
				i := x.Invalidation
				require.Contains(t, i.By.String(), c.want)
				require.Contains(t, ago.ReplaceAllString(x.String(), ""), "invalidated: "+i.By.String())
				if i.By.Op.String() == "InvalidateAll" {
					require.Empty(t, i.Facts)
					return
				}
				require.Positive(t, i.Ago)
				require.NotEmpty(t, i.Facts, x)
				require.Zero(t, i.MoreFacts, x)
				var facts []string
				for _, f := range i.Facts {
					facts = append(facts, f.String())
				}
				if c.fact != "" {
					require.Contains(t, facts, c.fact)
				}
				if i.By.Op.String() != "delete" {
					require.Subset(t, x.Facts, i.Facts, "the result depends on the same")
				}
			})
		})
	}
}

// A typed value has no rows of its own to name its facts by.
func TestExplainNamesTheWriteToAValue(t *testing.T) {
	w := newStore(t, "sqlite3")
	ctx := t.Context()
	read := func(ctx context.Context) { _, _ = w.cached.Track.Get(ctx, 3) }
	read(ctx)
	hits(t, ctx, read)
	w.cached.Track.UpdateOneID(3).SetStock(5).ExecX(ctx)
	x := explain(t, ctx, read)
	require.Len(t, x, 1)
	require.Contains(t, ago.ReplaceAllString(x[0].String(), ""), "miss, invalidated: update of Track 3 (set stock updated_at) touched row(tracks,3)")
	hits(t, ctx, read)
	w.cached.Track.DeleteOneID(3).ExecX(ctx)
	x = explain(t, ctx, read)
	require.Len(t, x, 1)
	require.Contains(t, ago.ReplaceAllString(x[0].String(), ""), "invalidated: delete of Track 3 touched row(tracks,3)")
}
