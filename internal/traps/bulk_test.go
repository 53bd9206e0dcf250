package traps

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/genre"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/internal/testdb"
)

func trackOf(id int) func(context.Context, *store.Client) string {
	return func(ctx context.Context, c *store.Client) string {
		t, err := c.Track.Get(ctx, id)
		if store.IsNotFound(err) {
			return "none"
		}
		return fmt.Sprint(must(t, err).Name, t.Status, t.UnitPrice, t.GenreID)
	}
}

func withStatus(s track.Status) func(context.Context, *store.Client) string {
	return func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Where(track.StatusEQ(s)).CountX(ctx))
	}
}

func tracksOfList(id int) func(context.Context, *store.Client) string {
	return func(ctx context.Context, c *store.Client) string {
		return sorted(c.Playlist.GetX(ctx, id).QueryTracks().IDsX(ctx))
	}
}

func tracksOfGenre(id int) func(context.Context, *store.Client) string {
	return func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(c.Track.Query().Where(track.GenreID(id)).CountX(ctx))
	}
}

// A write by predicate of a type with OldValues is one of the rows that it wrote, and
// not of all that its conditions might have meant.
func TestTrap_BulkWritesOfRowsThatWereRead(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		w.plain.Playlist.Create().SetName("other").AddTrackIDs(3).ExecX(ctx)
		var (
			first, second = w.watch("track 1", trackOf(1)), w.watch("track 2", trackOf(2))
			draft         = w.watch("drafts", withStatus(track.StatusDraft))
			available     = w.watch("available", withStatus(track.StatusAvailable))
			withdrawn     = w.watch("withdrawn", withStatus(track.StatusWithdrawn))
			best, other   = w.watch("list 1", tracksOfList(1)), w.watch("list 2", tracksOfList(2))
			jazz, rock    = w.watch("jazz", tracksOfGenre(1)), w.watch("rock", tracksOfGenre(2))
		)
		cheap := track.And(track.GenreID(1), track.UnitPriceLT(15))
		for _, inTx := range []bool{false, true} {
			write := func(f func(c *store.Client) error) {
				if !inTx {
					require.NoError(t, f(w.cached))
					return
				}
				tx, err := w.cached.Tx(ctx)
				require.NoError(t, err)
				require.NoError(t, f(tx.Client()))
				require.NoError(t, tx.Commit())
			}
			set := track.StatusWithdrawn
			if inTx {
				set = track.StatusAvailable
			}
			write(func(c *store.Client) error { return c.Track.Update().Where(cheap).SetStatus(set).Exec(ctx) })
			first.changed()
			available.changed()
			withdrawn.changed()
			jazz.right()
			if name == dialect.MySQL {
				// It counts the rows that changed, so it isn't known which were written.
				second.right()
				draft.right()
			} else {
				second.kept()
				draft.kept()
			}
			best.right()
			other.right()
		}
		n, err := w.cached.Track.Delete().Where(cheap).Exec(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		first.changed()
		second.kept()
		available.changed()
		jazz.changed()
		rock.kept()
		best.changed()
		other.right()
		if name != dialect.MySQL {
			withdrawn.kept()
		}

		// Conditions on other tables may meet other rows a moment later.
		w.cached.Track.Update().Where(track.HasGenreWith(genre.Name("jazz"))).SetStatus(track.StatusWithdrawn).ExecX(ctx)
		second.changed()
		withdrawn.changed()
		draft.right()
		// So many rows aren't read.
		for range 3 {
			var all []*store.TrackCreate
			for i := range 100 {
				all = append(all, w.plain.Track.Create().SetName(fmt.Sprint("many ", i)).SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(1).SetGenreID(2))
			}
			w.plain.Track.CreateBulk(all...).ExecX(ctx)
		}
		require.NoError(t, w.handle.InvalidateType(ctx, "Track"))
		rock.right()
		many := w.watch("one of many", trackOf(200))
		w.cached.Track.Update().Where(track.GenreID(2)).SetUnitPrice(2).ExecX(ctx)
		many.changed()
		w.cached.Track.Delete().Where(track.GenreID(2)).ExecX(ctx)
		many.changed()
		rock.changed()
		other.changed()
	})
}

// A statement that the database says wrote nothing touches nothing.
func TestTrap_WritesOfNoRows(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx, c := t.Context(), w.cached
		w.plain.Playlist.Create().SetName("empty").ExecX(ctx)
		w.plain.Album.Create().SetTitle("empty").SetArtistID(1).ExecX(ctx)
		watches := []*watch[*store.Client]{
			w.watch("track 1", trackOf(1)), w.watch("jazz", tracksOfGenre(1)),
			w.watch("list 1", tracksOfList(1)), w.watch("list 2", tracksOfList(2)),
			w.watch("genres", func(ctx context.Context, c *store.Client) string { return sorted(c.Genre.Query().IDsX(ctx)) }),
			w.watch("genre 1", func(ctx context.Context, c *store.Client) string { return c.Genre.GetX(ctx, 1).Name }),
			w.watch("tracks of album 1", func(ctx context.Context, c *store.Client) string {
				return sorted(c.Album.GetX(ctx, 1).QueryTracks().IDsX(ctx))
			}),
		}
		right := func() {
			t.Helper()
			for _, x := range watches {
				x.right()
			}
		}
		kept := func() {
			t.Helper()
			for _, x := range watches {
				x.kept()
			}
		}
		require.Zero(t, c.Track.Update().Where(track.GenreID(1), track.UnitPriceGT(1000)).SetUnitPrice(1).SaveX(ctx))
		if name == dialect.MySQL {
			// It runs outside of a transaction, where it may have run twice.
			right()
		}
		kept()
		require.Zero(t, c.Track.Delete().Where(track.GenreID(1), track.UnitPriceGT(1000)).ExecX(ctx))
		kept()
		c.Playlist.UpdateOneID(1).RemoveTrackIDs(3).ExecX(ctx)
		kept()
		c.Playlist.UpdateOneID(2).ClearTracks().ExecX(ctx)
		kept()
		c.Album.UpdateOneID(2).ClearTracks().ExecX(ctx)
		kept()
		c.Playlist.UpdateOneID(1).AddTrackIDs(2).ExecX(ctx)
		if name == dialect.Postgres {
			// Behind the table may be a trigger that puts its rows elsewhere.
			right()
		}
		kept()
		tx, err := c.Tx(ctx)
		require.NoError(t, err)
		tx.Genre.Update().Where(genre.Name("none")).SetName("some").ExecX(ctx)
		tx.Genre.Delete().Where(genre.Name("none")).ExecX(ctx)
		_, err = tx.Genre.UpdateOneID(1).Where(genre.Name("none")).SetName("some").Save(ctx)
		require.True(t, store.IsNotFound(err), err)
		require.NoError(t, tx.Commit())
		kept()

		// Some of it is something.
		c.Playlist.UpdateOneID(1).RemoveTrackIDs(1, 3).ExecX(ctx)
		watches[2].changed()
		c.Playlist.UpdateOneID(1).AddTrackIDs(1, 2).ExecX(ctx)
		watches[2].changed()
		c.Playlist.UpdateOneID(1).ClearTracks().AddTrackIDs(1).ExecX(ctx)
		watches[2].changed()
		c.Album.UpdateOneID(1).ClearTracks().ExecX(ctx)
		watches[6].changed()
	})
}

// between runs f in the transaction of a mutation before a statement, and a driver
// that does so can be looked through.
type between struct {
	dialect.Driver
	statement string
	f         func()
}

func (d *between) Unwrap() dialect.Driver { return d.Driver }

func (d *between) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := d.Driver.Tx(ctx)
	return &betweenTx{tx, d}, err
}

type betweenTx struct {
	dialect.Tx
	d *between
}

func (t *betweenTx) Unwrap() dialect.Tx { return t.Tx }

func (t *betweenTx) Exec(ctx context.Context, query string, args, v any) error {
	t.run(query)
	return t.Tx.Exec(ctx, query, args, v)
}

func (t *betweenTx) Query(ctx context.Context, query string, args, v any) error {
	t.run(query)
	return t.Tx.Query(ctx, query, args, v)
}

func (t *betweenTx) run(query string) {
	if f := t.d.f; f != nil && strings.HasPrefix(query, t.d.statement) {
		t.d.f = nil
		f()
	}
}

// phantom reads a track that comes to meet the conditions of a write by predicate
// after those that do were read and locked, and returns what is cached of it after
// that write, and what it is.
func phantom(t *testing.T, statement string, write func(context.Context, *store.Client)) (cached, real string) {
	w := newStore(t, dialect.Postgres)
	ctx := t.Context()
	drv := &between{Driver: w.drv, statement: statement}
	c := openStore(drv)
	c.Intercept(w.handle.Interceptor())
	x := w.watch("track 3", trackOf(3))
	drv.f = func() {
		w.exec("UPDATE tracks SET genre_id = 1 WHERE id = 3")
		require.NoError(t, w.handle.InvalidateIDs(ctx, "Track", 3))
		x.right()
	}
	write(ctx, c)
	require.Nil(t, drv.f, "nothing ran between")
	require.NotEqual(t, x.last, x.read(ctx, w.plain), "the write wrote something else")
	return x.read(ctx, w.cached), x.read(ctx, w.plain)
}

var phantoms = map[string]func(context.Context, *store.Client){
	"UPDATE": func(ctx context.Context, c *store.Client) {
		c.Track.Update().Where(track.GenreID(1)).SetUnitPrice(7).ExecX(ctx)
	},
	"DELETE": func(ctx context.Context, c *store.Client) { c.Track.Delete().Where(track.GenreID(1)).ExecX(ctx) },
}

// Under READ COMMITTED a statement writes rows that weren't there to be locked.
func TestTrap_RowsThatCameAfterTheLock(t *testing.T) {
	for statement, write := range phantoms {
		t.Run(statement, func(t *testing.T) {
			cached, real := phantom(t, statement, write)
			require.Equal(t, real, cached, "stale")
		})
	}
}

// A mutation that fails has the rows as they were.
func TestTrap_BulkWritesThatFail(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		x, jazz := w.watch("track 1", trackOf(1)), w.watch("jazz", tracksOfGenre(1))
		require.Error(t, w.cached.Track.Update().Where(track.GenreID(1)).SetGenreID(99).Exec(ctx))
		x.right()
		jazz.right()
		tx, err := w.cached.Tx(ctx)
		require.NoError(t, err)
		tx.Track.Update().Where(track.GenreID(1)).SetUnitPrice(5).ExecX(ctx)
		tx.Track.Delete().Where(track.GenreID(1)).ExecX(ctx)
		require.NoError(t, tx.Rollback())
		x.kept()
		jazz.kept()
	})
}

// Locks don't keep statements off that run in the same transaction meanwhile.
func TestTrap_BulkWritesBesideOthersInATransaction(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		drv := &between{Driver: w.drv, statement: "DELETE FROM"}
		if name != dialect.MySQL {
			drv.statement = "UPDATE"
		}
		c := openStore(drv)
		c.Intercept(w.handle.Interceptor())
		w.plain.Album.Create().SetTitle("second").SetArtistID(1).ExecX(ctx)
		w.plain.Track.UpdateOneID(3).SetAlbumID(2).ExecX(ctx)
		x := w.watch("dear tracks of album 2", func(ctx context.Context, c *store.Client) string {
			return sorted(c.Track.Query().Where(track.AlbumID(2), track.UnitPriceGT(8)).IDsX(ctx))
		})
		tx, err := c.Tx(ctx)
		require.NoError(t, err)
		drv.f = func() {
			// One row goes, and another one comes.
			tx.Track.UpdateOneID(1).SetGenreID(2).ExecX(ctx)
			tx.Track.UpdateOneID(3).SetGenreID(1).ExecX(ctx)
		}
		if name == dialect.MySQL {
			require.Equal(t, 2, tx.Track.Delete().Where(track.GenreID(1)).ExecX(ctx))
		} else {
			require.Equal(t, 2, tx.Track.Update().Where(track.GenreID(1)).SetUnitPrice(7).SaveX(ctx))
		}
		require.Nil(t, drv.f)
		require.NoError(t, tx.Commit())
		x.changed()
	})
}
