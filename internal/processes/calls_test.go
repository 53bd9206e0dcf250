package processes

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
