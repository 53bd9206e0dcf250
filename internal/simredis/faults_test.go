package simredis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/simredis"
	"github.com/entcache/ent-cache/store/storetest"
)

// listener keeps what it is told, in order.
type listener struct{ events []any }

func (l *listener) Attached(at cache.RemotePosition) { l.events = append(l.events, at) }
func (l *listener) Received(m cache.RemoteMessage)   { l.events = append(l.events, m.Position) }
func (l *listener) Detached(err error)               { l.events = append(l.events, err) }

// bench is a server with one process, past the quarantine.
type bench struct {
	*testing.T
	*simredis.Server
	*simredis.Client
	clock clock
}

func newBench(t *testing.T, deliver func(int, cache.RemoteMessage) []time.Duration) *bench {
	b := &bench{T: t}
	b.Server = simredis.New(simredis.Options{Now: b.clock.now, Seed: 1, Deliver: deliver})
	b.Client = b.Server.Client(simredis.Config{Quarantine: time.Second})
	_, err := b.Handshake(t.Context())
	require.NoError(t, err)
	b.clock.wait(2 * time.Second)
	return b
}

func (b *bench) get() (*cache.RemoteHit, *cache.RemoteMiss) {
	b.Helper()
	hit, miss, err := b.Get(b.Context(), storetest.Key(1), 0)
	require.NoError(b, err)
	return hit, miss
}

func (b *bench) fill(miss *cache.RemoteMiss) cache.FillOutcome {
	b.Helper()
	filled, err := b.Fill(b.Context(), storetest.Key(1), cache.RemoteFill{Miss: *miss, Facts: []cache.Fact{1}, TTL: time.Hour})
	require.NoError(b, err)
	return filled.Outcome
}

func (b *bench) store() {
	b.Helper()
	_, miss := b.get()
	require.Equal(b, cache.FillStored, b.fill(miss))
	hit, _ := b.get()
	require.NotNil(b, hit)
}

func (b *bench) write() uint64 {
	b.Helper()
	at, err := b.End(b.Context(), cache.RemoteEnd{Touched: []cache.Fact{1}})
	require.NoError(b, err)
	return at.Position
}

func TestRestartEmpty(t *testing.T) {
	b := newBench(t, nil)
	b.store()
	b.Restart(nil)
	hit, miss := b.get()
	require.Nil(t, hit)
	require.True(t, miss.Void)
}

func TestRestartWithRollback(t *testing.T) {
	b := newBench(t, nil)
	_, old := b.get()
	b.store()
	saved := b.Snapshot()
	b.write()
	_, miss := b.get()
	b.Restart(saved)
	require.Equal(t, cache.FillOtherEpoch, b.fill(miss))
	hit, miss := b.get()
	require.Nil(t, hit)
	require.True(t, miss.Void)
	require.NotEqual(t, old.Epoch, miss.Epoch)
	// A snapshot can be used again: nothing done since is in it.
	b.Restart(saved)
	_, again := b.get()
	require.Equal(t, uint64(1), again.Position)
}

func TestFlushAll(t *testing.T) {
	b := newBench(t, nil)
	b.store()
	b.FlushAll()
	hit, miss := b.get()
	require.Nil(t, hit)
	require.True(t, miss.Void)
}

func TestRefuse(t *testing.T) {
	b := newBench(t, nil)
	b.store()
	down := errors.New("down")
	b.Refuse(down)
	_, _, err := b.Get(t.Context(), storetest.Key(1), 0)
	require.ErrorIs(t, err, down)
	_, err = b.Probe(t.Context())
	require.ErrorIs(t, err, down)
	b.Refuse(nil)
	hit, _ := b.get()
	require.NotNil(t, hit)
}

// An isolated primary serves hits and proves nothing.
func TestIsolate(t *testing.T) {
	b := newBench(t, nil)
	b.store()
	alone := errors.New("alone")
	b.Isolate(alone)
	hit, _ := b.get()
	require.NotNil(t, hit)
	_, err := b.Probe(t.Context())
	require.ErrorIs(t, err, alone)
	_, err = b.End(t.Context(), cache.RemoteEnd{Touched: []cache.Fact{1}})
	require.ErrorIs(t, err, alone)
	b.EvictState()
	_, _, err = b.Get(t.Context(), storetest.Key(1), 0)
	require.ErrorIs(t, err, alone, "it would have to begin an epoch")
}

// Messages are lost, doubled and late as the test says.
func TestDeliver(t *testing.T) {
	fate := map[uint64][]time.Duration{2: {0}, 3: {}, 4: {0, 0}, 5: {time.Second}, 6: {0}}
	b := newBench(t, func(listener int, m cache.RemoteMessage) []time.Duration {
		require.Zero(t, listener)
		return fate[m.Position]
	})
	l := &listener{}
	_, err := b.Subscribe(l)
	require.NoError(t, err)
	for want := uint64(2); want <= 6; want++ {
		require.Equal(t, want, b.write())
	}
	require.Equal(t, []any{uint64(2), uint64(4), uint64(4), uint64(6)}, l.events[1:])
	b.clock.wait(999 * time.Millisecond)
	b.Deliver()
	require.Len(t, l.events, 5)
	b.clock.wait(time.Millisecond)
	b.Deliver()
	require.Equal(t, uint64(5), l.events[5])
}

func TestDisconnect(t *testing.T) {
	b := newBench(t, func(_ int, m cache.RemoteMessage) []time.Duration { return []time.Duration{time.Second} })
	l := &listener{}
	sub, err := b.Subscribe(l)
	require.NoError(t, err)
	first := l.events[0].(cache.RemotePosition)
	n := b.write()
	b.Disconnect()
	require.Equal(t, []any{first, simredis.ErrInterrupted, cache.RemotePosition{Epoch: first.Epoch, Position: n}}, l.events)
	b.clock.wait(2 * time.Second)
	b.Deliver()
	require.Len(t, l.events, 3, "what was on its way is lost")

	down := errors.New("down")
	b.Refuse(down)
	b.Disconnect()
	b.clock.wait(time.Second)
	b.Deliver()
	require.Equal(t, []any{simredis.ErrInterrupted}, l.events[3:])
	b.Refuse(nil)
	b.clock.wait(time.Second)
	b.Deliver()
	require.Len(t, l.events, 5)
	require.NoError(t, sub.Close())
	b.Disconnect()
	require.Len(t, l.events, 5)
}

// A listener may use the level from within a call.
func TestListenerCalls(t *testing.T) {
	b := newBench(t, nil)
	var got []uint64
	_, err := b.Subscribe(&calling{bench: b, got: &got})
	require.NoError(t, err)
	b.write()
	require.Equal(t, []uint64{2, 3, 4}, got)
}

type calling struct {
	*bench
	got *[]uint64
}

func (c *calling) Attached(cache.RemotePosition) {}
func (c *calling) Detached(error)                {}
func (c *calling) Received(m cache.RemoteMessage) {
	*c.got = append(*c.got, m.Position)
	if m.Position < 4 {
		c.write()
	}
}

func TestSeed(t *testing.T) {
	epoch := func(seed uint64) cache.Epoch {
		at, err := simredis.New(simredis.Options{Seed: seed}).Client(simredis.Config{}).Handshake(t.Context())
		require.NoError(t, err)
		return at.Epoch
	}
	require.Equal(t, epoch(1), epoch(1))
	require.NotEqual(t, epoch(1), epoch(2))
}
