package schemas_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	shop "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/enttest"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/internal/testdb"
)

// results are results to copy, and the builders they came from.
func results(tb testing.TB) map[string]func() (cache.ValueBuilder, ent.Value) {
	ctx := tb.Context()
	client := enttest.NewClient(tb, enttest.WithOptions(shop.Driver(testdb.Driver(tb, dialect.SQLite))))
	kind := client.MediaType.Create().SetName("kind").SaveX(ctx)
	genre := client.Genre.Create().SetName("genre").SaveX(ctx)
	artist := client.Artist.Create().SetName("artist").SaveX(ctx)
	n := 0
	for range 50 {
		a := client.Album.Create().SetTitle("an album with a title").SetArtist(artist).SaveX(ctx)
		var rows []*shop.TrackCreate
		for range 4 {
			n++
			rows = append(rows, client.Track.Create().SetName(fmt.Sprintf("track number %d", n)).SetComposer("somebody with a name").
				SetMilliseconds(n).SetBytes(n).SetUnitPrice(99).SetAlbum(a).SetGenre(genre).SetMediaType(kind))
		}
		client.Track.CreateBulk(rows...).SaveX(ctx)
	}
	tracks := func(n int) func() (cache.ValueBuilder, ent.Value) {
		return func() (cache.ValueBuilder, ent.Value) {
			q := client.Track.Query().Limit(n)
			return q, q.AllX(ctx)
		}
	}
	return map[string]func() (cache.ValueBuilder, ent.Value){
		"1 row":    tracks(1),
		"20 rows":  tracks(20),
		"100 rows": tracks(100),
		"50 rows with 4 children each": func() (cache.ValueBuilder, ent.Value) {
			q := client.Album.Query().WithTracks()
			return q, q.AllX(ctx)
		},
		"100 rows with the parent": func() (cache.ValueBuilder, ent.Value) {
			q := client.Track.Query().WithAlbum().Limit(100)
			return q, q.AllX(ctx)
		},
		"100 ids": func() (cache.ValueBuilder, ent.Value) {
			q := client.Track.Query().Limit(100)
			return q, q.IDsX(ctx)
		},
	}
}

// A copy takes a few allocations, not some for each entity.
func TestCopiesAllocate(t *testing.T) {
	most := map[string]float64{
		"1 row": 6, "20 rows": 12, "100 rows": 40, "50 rows with 4 children each": 80, "100 rows with the parent": 70, "100 ids": 3,
	}
	for name, get := range results(t) {
		b, v := get()
		require.LessOrEqual(t, testing.AllocsPerRun(20, func() { _, _ = b.EntcacheClone(v) }), most[name], name)
	}
}

func TestValueSizes(t *testing.T) {
	for name, get := range results(t) {
		t.Run(name, func(t *testing.T) {
			const n = 40
			kept := make([]ent.Value, n)
			estimate := 0
			before := heap()
			for i := range kept {
				b, v := get()
				kept[i], _ = b.EntcacheClone(v)
				estimate += b.EntcacheValueSize(kept[i])
			}
			took := heap() - before
			runtime.KeepAlive(kept)
			t.Logf("estimated %d bytes, took %d", estimate/n, took/n)
			// What else the process does takes memory too.
			require.InEpsilon(t, took+n*256, estimate+n*256, 0.3)
		})
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func BenchmarkCopy(b *testing.B) {
	for name, get := range results(b) {
		b.Run(name, func(b *testing.B) {
			q, v := get()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = q.EntcacheClone(v)
			}
		})
	}
}

func BenchmarkFingerprint(b *testing.B) {
	l := &look{cache: newLook(b).cache}
	client := shop.NewClient(shop.Driver(sql.OpenDB(dialect.SQLite, nil)))
	client.Intercept(l)
	for name, build := range map[string]func() *shop.TrackQuery{
		"get": func() *shop.TrackQuery { return client.Track.Query().Where(track.ID(1)) },
		"filter and sort": func() *shop.TrackQuery {
			return client.Track.Query().Where(track.Stock(1)).Order(track.ByName()).Limit(10)
		},
		"edge": func() *shop.TrackQuery { return client.Track.Query().Where(track.ID(1)).WithAlbum() },
		"path": func() *shop.TrackQuery { return client.Album.Query().QueryTracks() },
	} {
		b.Run(name, func(b *testing.B) {
			var q cache.ValueBuilder
			var ctx context.Context
			l.with = func(c context.Context, vb cache.ValueBuilder) { ctx, q = c, vb }
			_, _ = build().All(b.Context())
			l.with = nil
			b.ReportAllocs()
			for b.Loop() {
				_, _ = l.cache.Fingerprint(ctx, q)
			}
		})
	}
}
