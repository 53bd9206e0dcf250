package traps

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// Clients of one database share a cache: what one writes the other sees.
func TestTrap_TwoClientsOneCache(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	other := openStore(w.drv)
	other.Intercept(w.handle.Interceptor())
	x := w.watch("price", priceOf(1))
	hits(t, ctx, func(ctx context.Context) { other.Track.GetX(ctx, 1) })
	other.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
	x.changed()
	other.Debug().Track.UpdateOneID(1).SetUnitPrice(12).ExecX(ctx)
	x.changed()
	tx, err := other.Tx(ctx)
	require.NoError(t, err)
	tx.Track.UpdateOneID(1).SetUnitPrice(13).ExecX(ctx)
	x.kept()
	require.NoError(t, tx.Commit())
	x.changed()
}

// A client's writes reach every cache that is attached to it, wherever it is.
func TestTrap_TwoCachesOneClient(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	second := newHandle(t)
	writer := openStore(w.drv)
	writer.Intercept(w.handle.Interceptor(), second.Interceptor())
	third := newHandle(t)
	writer.Artist.Intercept(third.Interceptor()) // on a type that isn't written
	clients := map[string]*store.Client{"first": w.cached}
	for name, h := range map[string]*entcache.Handle{"second": second, "third": third} {
		clients[name] = openStore(w.drv)
		clients[name].Intercept(h.Interceptor())
	}
	for i := range 3 {
		for name, c := range clients {
			for range 2 {
				require.EqualValues(t, 10+i, c.Track.GetX(ctx, 1).UnitPrice, name)
			}
			hits(t, ctx, func(ctx context.Context) { c.Track.GetX(ctx, 1) })
		}
		if i == 1 {
			tx, err := writer.Tx(ctx)
			require.NoError(t, err)
			tx.Track.UpdateOneID(1).SetUnitPrice(12).ExecX(ctx)
			require.NoError(t, tx.Commit())
			continue
		}
		writer.Track.UpdateOneID(1).SetUnitPrice(int64(11 + i)).ExecX(ctx)
	}
	// An entity of one client, read on by way of the other cache.
	got := writer.Track.GetX(ctx, 1)
	for range 2 {
		require.Equal(t, "first", got.QueryAlbum().OnlyX(ctx).Title)
	}
	writer.Album.UpdateOneID(1).SetTitle("renamed").ExecX(ctx)
	require.Equal(t, "renamed", got.QueryAlbum().OnlyX(ctx).Title)
}

// Clients of different databases that were given one cache don't share results.
func TestTrap_TwoDatabasesOneCache(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	v := newStore(t, dialect.SQLite)
	ctx := t.Context()
	v.plain.Track.UpdateOneID(1).SetUnitPrice(99).ExecX(ctx)
	c := openStore(v.drv)
	c.Intercept(w.handle.Interceptor())
	for range 2 {
		require.EqualValues(t, 10, w.cached.Track.GetX(ctx, 1).UnitPrice)
		require.EqualValues(t, 99, c.Track.GetX(ctx, 1).UnitPrice)
	}
	c.Track.UpdateOneID(1).SetUnitPrice(98).ExecX(ctx)
	require.EqualValues(t, 98, c.Track.GetX(ctx, 1).UnitPrice)
	require.EqualValues(t, 10, w.cached.Track.GetX(ctx, 1).UnitPrice)
}

// A closed cache leaves its clients without one, while they read and write.
func TestTrap_Close(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
					w.cached.Track.Query().WithPlaylists().AllX(ctx)
				}
			}
		}()
	}
	for i := range 20 {
		w.cached.Track.UpdateOneID(1).SetUnitPrice(int64(i)).ExecX(ctx)
	}
	require.NoError(t, w.handle.Close())
	require.ErrorIs(t, w.handle.Close(), entcache.ErrClosed)
	w.cached.Track.UpdateOneID(1).SetUnitPrice(77).ExecX(ctx)
	close(stop)
	wg.Wait()
	bypasses(t, ctx, cache.Closed, func(ctx context.Context) { require.EqualValues(t, 77, w.cached.Track.GetX(ctx, 1).UnitPrice) })
	tx, err := w.cached.Tx(ctx)
	require.NoError(t, err)
	tx.Track.UpdateOneID(1).SetUnitPrice(78).ExecX(ctx)
	require.NoError(t, tx.Commit())
	require.EqualValues(t, 78, w.cached.Track.GetX(ctx, 1).UnitPrice)
}

// wrapper forwards everything and says what it wraps.
type wrapper struct{ *entsql.Driver }

func (w wrapper) Unwrap() dialect.Driver { return w.Driver }

// opaque doesn't say what it wraps.
type opaque struct{ dialect.Driver }

// The methods of a driver beside those of the interface are there under the
// cache, and say so where the driver hasn't got them.
func TestTrap_DriversKeepTheirMethods(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		var entity *store.Track
		for range 2 {
			entity = w.cached.Track.GetX(ctx, 1)
		}
		_, err := w.cached.ExecContext(ctx, "UPDATE genres SET name = 'raw' WHERE id = 1")
		require.NoError(t, err)
		rows, err := w.cached.QueryContext(ctx, "SELECT COUNT(*) FROM tracks")
		require.NoError(t, err)
		var n int
		n, err = entsql.ScanInt(rows)
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		require.Equal(t, 3, n)
		for _, drv := range []dialect.Driver{wrapper{w.drv}, dialect.Debug(w.drv, func(...any) {})} {
			c := openStore(drv)
			c.Intercept(w.handle.Interceptor())
			hits(t, ctx, func(ctx context.Context) { c.Track.GetX(ctx, 1) })
			tx, err := c.BeginTx(ctx, &sql.TxOptions{})
			require.NoError(t, err)
			_, err = tx.ExecContext(ctx, "UPDATE genres SET name = 'raw again' WHERE id = 1")
			require.NoError(t, err)
			tx.Track.UpdateOneID(2).SetUnitPrice(21).ExecX(ctx)
			_, err = tx.ExecContext(ctx, "UPDATE genres SET name = 'raw and again' WHERE id = 1")
			require.NoError(t, err, "after a write, too")
			rows, err := tx.QueryContext(ctx, "SELECT COUNT(*) FROM tracks WHERE unit_price = 21")
			require.NoError(t, err)
			n, err = entsql.ScanInt(rows)
			require.NoError(t, err)
			require.NoError(t, rows.Close())
			require.Equal(t, 1, n)
			require.NoError(t, tx.Commit())
		}
		entity.QueryAlbum().OnlyX(ctx)
	})
}

// A driver that doesn't say what it wraps may hide a transaction: what it reads
// isn't cached, what it writes isn't any more, and the log says why, once.
func TestTrap_OpaqueDrivers(t *testing.T) {
	var log bytes.Buffer
	w := newStore(t, dialect.SQLite, entcache.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	ctx := t.Context()
	genres := w.watch("genres", func(ctx context.Context, c *store.Client) string {
		return show(c.Genre.Query().AllX(ctx), func(g *store.Genre) string { return g.Name })
	})
	require.EqualValues(t, 10, w.cached.Track.GetX(ctx, 1).UnitPrice)
	tx, err := w.drv.Tx(ctx)
	require.NoError(t, err)
	c := openStore(opaque{txAsDriver{ExecQuerier: tx, drv: w.drv}})
	c.Intercept(w.handle.Interceptor())
	bypasses(t, ctx, cache.UnknownDriver, func(ctx context.Context) { c.Track.GetX(ctx, 1) })
	require.Contains(t, log.String(), "Unwrap() dialect.Driver")
	c.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
	for range 2 {
		require.EqualValues(t, 10, w.cached.Track.GetX(ctx, 1).UnitPrice)
	}
	require.NoError(t, tx.Commit())
	require.EqualValues(t, 11, w.cached.Track.GetX(ctx, 1).UnitPrice)
	require.Equal(t, []string{"Track: refused: overtaken by a write"}, outcomes(t, ctx, func(ctx context.Context) { w.cached.Track.GetX(ctx, 1) }))
	genres.kept()
}

// txAsDriver is a transaction in the guise of a driver, as some programs have one.
type txAsDriver struct {
	dialect.ExecQuerier
	drv dialect.Driver
}

func (d txAsDriver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }
func (d txAsDriver) Dialect() string                        { return d.drv.Dialect() }
func (d txAsDriver) Close() error                           { return nil }

// A client that is made anew for each request, as with Debug, is cached too, and
// the cache doesn't keep what it made.
func TestTrap_ManyDrivers(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	x := w.watch("price", priceOf(1))
	for i := range 200 {
		c := w.cached.Debug()
		if i < 3 || i > 197 {
			hits(t, ctx, func(ctx context.Context) { c.Track.GetX(ctx, 1) })
		} else {
			c.Track.Query().Where(track.ID(1)).ExistX(ctx)
		}
	}
	w.cached.Debug().Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
	x.changed()
}

// Many goroutines, with the race detector in CI: every read is of a state that
// was there.
func TestTrap_ReadersAndWriters(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var last int64
			for range 200 {
				got := w.cached.Track.GetX(ctx, 1).UnitPrice
				if got < last {
					t.Errorf("goroutine %d read %d after %d", g, got, last)
					return
				}
				last = got
			}
		}()
	}
	for i := range 100 {
		w.cached.Track.UpdateOneID(1).SetUnitPrice(int64(100 + i)).ExecX(ctx)
		require.EqualValues(t, 100+i, w.cached.Track.GetX(ctx, 1).UnitPrice, "a process reads its own writes")
	}
	wg.Wait()
	require.Equal(t, "199", fmt.Sprint(w.cached.Track.GetX(ctx, 1).UnitPrice))
}

// A ledger with hardly any room forgets what was written, and then serves
// nothing that it isn't sure of.
func TestTrap_TinyLedger(t *testing.T) {
	w := newStore(t, dialect.SQLite, entcache.WithLedgerFacts(1))
	ctx := t.Context()
	read := func(c *store.Client) string {
		al := c.Album.Query().WithTracks(func(q *store.TrackQuery) { q.WithPlaylists().WithGenre() }).OnlyX(ctx)
		return show(al.Edges.Tracks, func(t *store.Track) string {
			return fmt.Sprint(t.ID, t.UnitPrice, len(t.Edges.Playlists), t.Edges.Genre.Name)
		}) + fmt.Sprint(c.Track.Query().Where(track.GenreID(1)).CountX(ctx), c.Track.GetX(ctx, 1).UnitPrice)
	}
	for i := range 40 {
		require.Equal(t, read(w.plain), read(w.cached))
		require.Equal(t, read(w.plain), read(w.cached))
		switch i % 4 {
		case 0:
			w.cached.Track.UpdateOneID(1).SetUnitPrice(int64(i)).ExecX(ctx)
		case 1:
			w.cached.Track.UpdateOneID(2).SetGenreID(1 + i/4%2).ExecX(ctx)
		case 2:
			w.cached.Playlist.UpdateOneID(1).AddTrackIDs(3).ExecX(ctx)
		case 3:
			w.cached.Playlist.UpdateOneID(1).RemoveTrackIDs(3).ExecX(ctx)
		}
		// Enough of other tables to push that out.
		for j := range 3 {
			w.cached.Employee.Create().SetFirstName("a").SetLastName("b").SetEmail(fmt.Sprint(i, "/", j)).ExecX(ctx)
			w.cached.Customer.Create().SetFirstName("a").SetLastName("b").SetEmail(fmt.Sprint(i, "/", j)).ExecX(ctx)
			w.cached.MediaType.UpdateOneID(1).SetName(fmt.Sprint(i, "/", j)).ExecX(ctx)
		}
	}
}

// A write costs the entries it touches, and no others.
func TestTrap_UnrelatedWritesCostNothing(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		one, two := w.watch("track 1", priceOf(1)), w.watch("track 2", priceOf(2))
		jazz := w.watch("ids of jazz", func(ctx context.Context, c *store.Client) string {
			return sorted(c.Track.Query().Where(track.GenreID(1)).IDsX(ctx))
		})
		count := w.watch("count", func(ctx context.Context, c *store.Client) string { return fmt.Sprint(c.Track.Query().CountX(ctx)) })
		genres := w.watch("genres", func(ctx context.Context, c *store.Client) string {
			return show(c.Genre.Query().AllX(ctx), func(g *store.Genre) string { return g.Name })
		})
		w.cached.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx)
		one.changed()
		two.kept()
		count.kept()
		genres.kept()
		jazz.right()
		w.cached.Track.Create().SetName("new").SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(1).SetGenreID(2).ExecX(ctx)
		one.kept()
		two.kept()
		jazz.kept()
		genres.kept()
		count.changed()
		w.cached.Customer.Create().SetFirstName("a").SetLastName("b").SetEmail("c").ExecX(ctx)
		count.kept()
		jazz.kept()
	})
}
