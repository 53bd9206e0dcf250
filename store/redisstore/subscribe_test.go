package redisstore_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
)

// follower is a listener that knows, as a process would, up to which position it
// knows every write.
type follower struct {
	mu       sync.Mutex
	applied  cache.RemotePosition
	seen     map[uint64]bool
	gaps     int
	attached int
	detached []error
}

func (f *follower) Attached(at cache.RemotePosition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached++
	f.applied = at
}

func (f *follower) Received(m cache.RemoteMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.Epoch == f.applied.Epoch && m.Position > f.applied.Position+1 {
		f.gaps++
	}
	if m.Epoch != f.applied.Epoch || m.Position > f.applied.Position {
		f.applied = m.RemotePosition
	}
	if f.seen == nil {
		f.seen = make(map[uint64]bool)
	}
	f.seen[m.Position] = true
}

func (f *follower) Detached(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.detached = append(f.detached, err)
}

// get reads what the follower knows.
func get[T any](f *follower, what func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return what()
}

func (f *follower) await(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, func() bool { return get(f, what) }, 2*patient, time.Millisecond)
}

func subscribe(t *testing.T, s cache.Remote) *follower {
	t.Helper()
	f := &follower{}
	_, err := s.Subscribe(f)
	require.NoError(t, err)
	f.await(t, func() bool { return f.attached >= 1 })
	return f
}

// TestRace_R13_SubscriptionKilled: what is lost while the connection is made
// anew is known to be lost.
func TestRace_R13_SubscriptionKilled(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	f := subscribe(t, p)
	for round := 1; round <= 5; round++ {
		p.write(1)
		require.NoError(t, p.client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err())
		last := p.write(2)
		f.await(t, func() bool {
			return len(f.detached) == round && f.attached == round+1 && f.applied.Position >= last.Position
		})
		require.Zero(t, get(f, func() int { return f.gaps }), "between two attachments messages are contiguous")
		last = p.write(3)
		f.await(t, func() bool { return f.applied == last && f.seen[last.Position] })
	}
}

func TestRace_R17_SubscriptionOverRestart(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	old := p.settle()
	f := subscribe(t, p)
	require.Equal(t, old, get(f, func() cache.RemotePosition { return f.applied }))
	s.Kill()
	f.await(t, func() bool { return len(f.detached) == 1 })
	s.Start()
	f.await(t, func() bool { return f.attached == 2 })
	at := p.settle()
	require.NotEqual(t, old.Epoch, at.Epoch)
	require.Equal(t, at, get(f, func() cache.RemotePosition { return f.applied }))
}

// TestRace_R14_SubscriptionStandsStill: a connection that is open and dead.
func TestRace_R14_SubscriptionStandsStill(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s, redisstore.WithHeartbeat(100*time.Millisecond))
	p.settle()
	f := subscribe(t, p)
	// Silence alone is no reason: the server answers.
	time.Sleep(500 * time.Millisecond)
	require.Empty(t, get(f, func() []error { return f.detached }))
	s.Pause()
	f.await(t, func() bool { return len(f.detached) == 1 })
	require.ErrorContains(t, get(f, func() error { return f.detached[0] }), "no answer for 200ms")
	s.Resume()
	f.await(t, func() bool { return f.attached == 2 })
	last := p.write(1)
	f.await(t, func() bool { return f.applied == last })
}

// TestSubscriptionStartsWithoutServer: and ends without one.
func TestSubscriptionStartsWithoutServer(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	s.Kill()
	f := &follower{}
	sub, err := p.Subscribe(f)
	require.NoError(t, err)
	time.Sleep(100 * time.Millisecond)
	require.Zero(t, get(f, func() int { return f.attached + len(f.detached) }))
	s.Start()
	f.await(t, func() bool { return f.attached == 1 })
	s.Kill()
	f.await(t, func() bool { return len(f.detached) == 1 })
	start := time.Now()
	require.NoError(t, sub.Close())
	require.Less(t, time.Since(start), patient)
}

// TestMessageOfOthers: what isn't a message may hide one.
func TestMessageOfOthers(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	f := subscribe(t, p)
	for i, payload := range []string{"", "x", fmt.Sprintf("%031d", 1)} {
		require.NoError(t, p.client.Publish(t.Context(), key("ch"), payload).Err())
		f.await(t, func() bool { return len(f.detached) == i+1 && f.attached == i+2 })
		require.ErrorIs(t, get(f, func() error { return f.detached[i] }), cache.ErrRemoteAnswer)
	}
}

// TestSubscriptionsEnd: no connection and no goroutine of a subscription is left.
func TestSubscriptionsEnd(t *testing.T) {
	t.Parallel()
	s := testdb.StartRedis(t)
	p := join(t, s)
	p.settle()
	subscribers := func() int64 {
		return p.client.PubSubNumSub(t.Context(), key("ch")).Val()[key("ch")]
	}
	for range 20 {
		f := &follower{}
		sub, err := p.Subscribe(f)
		require.NoError(t, err)
		f.await(t, func() bool { return f.attached == 1 })
		require.Equal(t, int64(1), subscribers())
		require.NoError(t, sub.Close())
		require.Eventually(t, func() bool { return subscribers() == 0 }, patient, time.Millisecond)
	}
	for range 5 {
		subscribe(t, p)
	}
	require.Equal(t, int64(5), subscribers())
	require.NoError(t, p.Close())
	require.Eventually(t, func() bool { return subscribers() == 0 }, patient, time.Millisecond)
	require.NoError(t, p.client.Ping(t.Context()).Err(), "the client is the program's")
}
