package processes

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// However many rows and mutations a commit has, the others are told twice.
func TestOneAnnouncement(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.process()
		for name, write := range map[string]func(){
			"one row":   func() { p.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(ctx) },
			"an insert": func() { p.Genre.Create().SetName("new").ExecX(ctx) },
			"a bulk": func() {
				var rows []*ent.GenreCreate
				for i := range 20 {
					rows = append(rows, p.Genre.Create().SetName(fmt.Sprint("many ", i)))
				}
				p.Genre.CreateBulk(rows...).ExecX(ctx)
			},
			"a predicate": func() { p.Track.Update().AddUnitPrice(1).ExecX(ctx) },
			"edges":       func() { p.Playlist.Create().SetName("list").AddTrackIDs(1, 2, 3).ExecX(ctx) },
			"a transaction": func() {
				tx, err := p.Tx(ctx)
				require.NoError(t, err)
				tx.Track.UpdateOneID(1).SetUnitPrice(12).ExecX(ctx)
				tx.Genre.Create().SetName("in a transaction").ExecX(ctx)
				tx.Track.UpdateOneID(2).SetUnitPrice(12).ExecX(ctx)
				require.NoError(t, tx.Commit())
			},
		} {
			begins, ends := p.calls.begins.Load(), p.calls.ends.Load()
			write()
			require.EqualValues(t, 1, p.calls.begins.Load()-begins, name)
			require.Eventually(t, func() bool { return p.calls.ends.Load()-ends == 1 }, 20*time.Second, time.Millisecond, name)
		}
		tx, err := p.Tx(ctx)
		require.NoError(t, err)
		begins, ends := p.calls.begins.Load(), p.calls.ends.Load()
		tx.Track.UpdateOneID(1).SetUnitPrice(99).ExecX(ctx)
		require.NoError(t, tx.Rollback())
		require.Equal(t, []int64{begins, ends}, []int64{p.calls.begins.Load(), p.calls.ends.Load()}, "a rollback tells nobody")
	})
}

// A hit of the process asks nobody; one of the remote level asks it once.
func TestRoundTripsOfReads(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(), w.process()
		a.stored(t, func() { a.Track.GetX(entcache.Refresh(ctx), 1) })
		gets := b.calls.gets.Load()
		b.Track.GetX(ctx, 1)
		require.EqualValues(t, 1, b.calls.gets.Load()-gets)
		b.Track.GetX(ctx, 1)
		require.EqualValues(t, 1, b.calls.gets.Load()-gets)
		b.Track.GetX(entcache.Consistent(ctx, entcache.Strict), 1)
		require.EqualValues(t, 2, b.calls.gets.Load()-gets)
	})
}

// late is a remote level that is far away.
type late struct {
	cache.Remote
	delay atomic.Int64
}

func (l *late) Get(ctx context.Context, key cache.Key, lease time.Duration) (*cache.RemoteHit, *cache.RemoteMiss, error) {
	time.Sleep(time.Duration(l.delay.Load()))
	return l.Remote.Get(ctx, key, lease)
}

// The statements of an eager load are asked for together.
func TestRoundTripsOfEagerLoads(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var far *late
		join := w.join
		w.join = func(t *testing.T) cache.Remote { far = &late{Remote: join(t)}; return far }
		a, b := w.process(), w.process()
		load := func(p *process, ctx context.Context) *ent.Album {
			return p.Album.Query().WithArtist().WithTracks(func(q *ent.TrackQuery) { q.WithGenre().WithMediaType() }).OnlyX(ctx)
		}
		const statements = 5
		outcomes := func(ctx context.Context) (n map[cache.Outcome]int) {
			n = make(map[cache.Outcome]int)
			xs, err := entcache.Explain(ctx, func(ctx context.Context) error {
				al := load(b, ctx)
				require.Len(t, al.Edges.Tracks, 3)
				require.NotNil(t, al.Edges.Tracks[0].Edges.Genre)
				return nil
			})
			require.NoError(t, err)
			for _, x := range xs {
				n[x.Outcome]++
			}
			return n
		}
		require.Eventually(t, func() bool {
			before := a.handle.Stats().Remote.Stored
			load(a, entcache.Refresh(ctx))
			time.Sleep(50 * time.Millisecond)
			return a.handle.Stats().Remote.Stored == before+statements
		}, 20*time.Second, time.Millisecond)
		const delay = 200 * time.Millisecond
		far.delay.Store(int64(delay))
		gets, began := b.calls.gets.Load(), time.Now()
		require.Equal(t, map[cache.Outcome]int{cache.HitRemote: statements}, outcomes(ctx))
		require.Less(t, time.Since(began), 4*delay, "one after the other it takes five times as long as one")
		require.EqualValues(t, statements, b.calls.gets.Load()-gets)

		// Strict reads too, and what was written since is seen.
		far.delay.Store(0)
		a.Genre.UpdateOneID(1).SetName("blues").ExecX(ctx)
		al := load(b, entcache.Consistent(ctx, entcache.Strict))
		require.Equal(t, "blues", al.Edges.Tracks[0].Edges.Genre.Name)
	})
}

// A process that has the right to fill and nothing to store gives it up, so that
// the others don't wait for it.
func TestLeasesAreGivenUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		a, b := w.process(), w.process()
		tracks := func(p *process, ctx context.Context) error {
			// More rows than the policy allows would do as well.
			_, err := p.Track.Query().Where(func(s *sql.Selector) { s.Where(sql.ExprP("unit_price > abs(-9223372036854775807 - 1)")) }).IDs(ctx)
			return err
		}
		before := a.calls.givenUp.Load()
		require.Error(t, tracks(a, ctx), "the database refuses it")
		require.Eventually(t, func() bool { return a.calls.givenUp.Load() > before }, 20*time.Second, time.Millisecond, "it says so")
		gets := b.calls.gets.Load()
		require.Error(t, tracks(b, ctx))
		require.EqualValues(t, 1, b.calls.gets.Load()-gets, "one look, and no wait until the lease is over")
	})
}
