package processes

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
)

// deaf is a remote level that tells its process nothing of the others' writes.
type deaf struct {
	cache.Remote
	mute func() bool
}

func (d *deaf) Subscribe(l cache.RemoteListener) (io.Closer, error) {
	return d.Remote.Subscribe(muted{RemoteListener: l, mute: d.mute})
}

type muted struct {
	cache.RemoteListener
	mute func() bool
}

func (m muted) Received(msg cache.RemoteMessage) {
	if !m.mute() {
		m.RemoteListener.Received(msg)
	}
}

// A process sees its own write also where another's, which it hasn't heard of,
// put it: a row that was moved onto a list and then written here is on the list.
func TestOwnWriteOnAnothersRow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var quiet atomic.Bool
		join := w.join
		w.join = func(t *testing.T) cache.Remote { return &deaf{Remote: join(t), mute: quiet.Load} }
		// Only probes would tell, and seldom.
		a := w.process(entcache.WithConsistency(entcache.Bounded(time.Minute)))
		w.join = join
		b := w.process()
		list := func() (n int) {
			for _, tr := range a.Track.Query().Where(track.GenreID(1)).AllX(ctx) {
				if tr.ID == 3 {
					n++
				}
			}
			return n
		}
		a.stored(t, func() { a.Track.Query().Where(track.GenreID(1)).AllX(entcache.Refresh(ctx)) })
		quiet.Store(true)
		b.Track.UpdateOneID(3).SetGenreID(1).ExecX(ctx)
		require.Zero(t, list(), "within the bound it needn't know")
		a.Track.UpdateOneID(3).AddUnitPrice(1).ExecX(ctx)
		require.Equal(t, 1, list(), "but its own write is on the list")
	})
}
