package cache

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestFlights(t *testing.T) {
	var fs flights
	k, l := Key{15: 1}, Key{0: 1, 15: 1} // in one shard
	f, leader := fs.join(k, new(flight))
	require.True(t, leader)
	g, leader := fs.join(l, new(flight))
	require.True(t, leader, "another key")
	require.NotSame(t, f, g)
	again, leader := fs.join(k, new(flight))
	require.False(t, leader)
	require.Same(t, f, again)

	e := &Entry{}
	fs.leave(k, f, e)
	<-again.done
	require.Same(t, e, again.entry)
	next, leader := fs.join(k, new(flight))
	require.True(t, leader, "a flight that has ended is nobody's")
	require.NotSame(t, f, next)
	fs.leave(k, next, nil)
	fs.leave(l, g, nil)
	require.Nil(t, g.entry)
	require.Empty(t, fs.shards[1].m)
}

// Of those who come while a flight is under way one leads, and all get what it
// read.
func TestFlightsOfManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			fs      flights
			leaders atomic.Int32
			wg      sync.WaitGroup
			land    = make(chan struct{})
			e       = &Entry{}
			key     = Key{15: 63}
		)
		for range 50 {
			wg.Go(func() {
				f, leader := fs.join(key, new(flight))
				if leader {
					leaders.Add(1)
					<-land
					fs.leave(key, f, e)
					return
				}
				<-f.done
				if f.entry != e {
					t.Error("a waiter got another entry")
				}
			})
		}
		synctest.Wait()
		require.EqualValues(t, 1, leaders.Load())
		close(land)
		wg.Wait()
	})
}
