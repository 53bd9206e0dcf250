package storetest

import (
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

func (t *remoteTest) renew() {
	t.begin(1, 5*brief, 1)
	miss := t.miss(Key(1))
	at := t.begin(1, long, 1)
	require.Greater(t, at.Position, miss.Position)
	t.Wait(6 * brief)
	t.fillAs(cache.FillPending, t.miss(Key(1)), Key(1), "x", 1)
	t.commit(1, 1)
	t.fillAs(cache.FillRace, miss, Key(1), "x", 1)
	t.store(Key(1), "x", 1)
}

// renewExpired: an announcement that ran out and is renewed holds again.
func (t *remoteTest) renewExpired() {
	t.begin(1, brief, 1)
	t.Wait(2 * brief)
	t.begin(1, long, 1)
	t.fillAs(cache.FillPending, t.miss(Key(1)), Key(1), "x", 1)
	t.rollback(1, 1)
	t.store(Key(1), "x", 1)
}

// cover: fills are refused while it lasts and entries stay.
func (t *remoteTest) cover() {
	t.store(Key(1), "old", 1)
	before := t.miss(Key(2))
	_, err := t.Begin(t.ctx(), cache.RemoteWrite{ID: cache.WriteID{1}, Touches: []cache.Fact{9}, Covers: []cache.Fact{1}, Lease: long})
	require.NoError(t, err)
	t.hit(Key(1), "old")
	t.fillAs(cache.FillPending, before, Key(2), "x", 2, 1)
	t.fillAs(cache.FillPending, t.miss(Key(2)), Key(2), "x", 1)
	_, err = t.End(t.ctx(), cache.RemoteEnd{ID: cache.WriteID{1}, Touched: []cache.Fact{9}, Held: []cache.Fact{1}})
	require.NoError(t, err)
	t.hit(Key(1), "old")
	t.fillAs(cache.FillStored, before, Key(2), "x", 1)
	t.fillAs(cache.FillRace, before, Key(3), "x", 9)
}

// coverBesideTouch: a fact to touch and a cover that share what is kept of them.
func (t *remoteTest) coverBesideTouch() {
	const touched, covered = 1, 1 + 1<<32
	t.store(Key(1), "x", covered)
	_, err := t.Begin(t.ctx(), cache.RemoteWrite{ID: cache.WriteID{1}, Touches: []cache.Fact{touched}, Covers: []cache.Fact{covered}, Lease: brief})
	require.NoError(t, err)
	t.hit(Key(1), "x")
	t.Wait(2 * brief)
	t.fillAs(cache.FillExpired, t.miss(Key(2)), Key(2), "x", touched)
	t.miss(Key(1))
}

// coverExpires: it isn't known what the writer that died has touched, so the
// entries of the cover go with the first fill that meets it.
func (t *remoteTest) coverExpires() {
	t.store(Key(1), "x", 1)
	t.store(Key(2), "x", 1+1<<32)
	l := t.follow()
	_, err := t.Begin(t.ctx(), cache.RemoteWrite{ID: cache.WriteID{1}, Covers: []cache.Fact{1}, Lease: brief})
	require.NoError(t, err)
	t.Wait(2 * brief)
	miss := t.miss(Key(3))
	t.fillAs(cache.FillExpired, miss, Key(3), "x", 2, 1)
	t.fillAs(cache.FillRace, miss, Key(3), "x", 2, 1)
	t.miss(Key(1))
	t.hit(Key(2), "x")
	t.store(Key(3), "x", 2, 1)
	messages := l.await(t, 2)
	require.Empty(t, messages[0].Facts)
	require.Contains(t, messages[1].Facts, cache.Fact(1))
}

// coverExpiresUnderWrites: with another write, where no fill comes.
func (t *remoteTest) coverExpiresUnderWrites() {
	for i, write := range []func(){
		func() { t.begin(2, long, 3) },
		func() { t.commit(2, 3) },
	} {
		covered := cache.Fact(3 + (i+1)<<32) // shares what is kept of it with 3
		t.store(Key(1), "x", covered)
		l := t.follow()
		before := t.miss(Key(2))
		_, err := t.Begin(t.ctx(), cache.RemoteWrite{ID: cache.WriteID{1}, Covers: []cache.Fact{covered}, Lease: brief})
		require.NoError(t, err)
		t.Wait(2 * brief)
		t.hit(Key(1), "x")
		write()
		t.miss(Key(1))
		require.Equal(t, []cache.Fact{covered, 3}, l.await(t, 2)[1].Facts)
		t.rollback(2, 3)
		t.fillAs(cache.FillRace, before, Key(2), "x", covered)
	}
}

// expiredIsCleared: one writer that died and one that lives.
func (t *remoteTest) expiredIsCleared() {
	before := t.miss(Key(1))
	t.begin(1, brief, 1)
	t.begin(2, long, 1)
	t.Wait(2 * brief)
	t.fillAs(cache.FillPending, before, Key(1), "x", 1)
	t.rollback(2, 1)
	// The dead one's announcement is still met by the first fill.
	t.fillAs(cache.FillExpired, before, Key(1), "x", 1)
	t.fillAs(cache.FillRace, before, Key(1), "x", 1)
	t.store(Key(1), "x", 1)

	// A write clears it and refuses what came before.
	before = t.miss(Key(2))
	t.begin(3, brief, 2)
	t.Wait(2 * brief)
	t.begin(4, long, 2)
	t.rollback(4, 2)
	t.fillAs(cache.FillRace, before, Key(2), "x", 2)
	t.store(Key(2), "x", 2)
}

func (t *remoteTest) endWithoutBegin() {
	t.store(Key(1), "x", 1)
	before := t.miss(Key(2))
	at := t.commit(1, 1)
	require.Equal(t, before.Position+1, at.Position)
	t.miss(Key(1))
	t.fillAs(cache.FillRace, before, Key(2), "x", 1)
	t.store(Key(1), "x", 1)

	require.Equal(t, at, t.rollback(2, 1), "a rollback writes nothing")
	t.hit(Key(1), "x")
}

// endTouchesOthers: what is touched needn't have been announced, and what was
// announced needn't be touched.
func (t *remoteTest) endTouchesOthers() {
	t.store(Key(1), "x", 1)
	t.store(Key(2), "x", 2)
	t.begin(1, long, 1)
	t.miss(Key(1))
	miss := t.miss(Key(3))
	_, err := t.End(t.ctx(), cache.RemoteEnd{ID: cache.WriteID{1}, Held: []cache.Fact{1}, Touched: []cache.Fact{2}})
	require.NoError(t, err)
	t.fillAs(cache.FillStored, miss, Key(3), "x", 1)
	t.fillAs(cache.FillRace, miss, Key(4), "x", 2)
	t.miss(Key(2))
}

func (t *remoteTest) endInAnotherEpoch() {
	t.begin(1, long, 1)
	t.EvictState()
	t.settle()
	before := t.miss(Key(1))
	at := t.commit(1, 1)
	require.Equal(t, t.epoch, at.Epoch)
	t.fillAs(cache.FillRace, before, Key(1), "x", 1)
	t.store(Key(1), "x", 1)
}

// handshake: one that finds an epoch changes nothing.
func (t *remoteTest) handshake() {
	t.store(Key(1), "x", 1)
	at := t.commit(1, 2)
	for range 2 {
		got, err := t.process().Handshake(t.ctx(), cache.Epoch{1}, cache.Epoch{2})
		require.NoError(t, err)
		require.Equal(t, at, got)
	}
	got, err := t.Probe(t.ctx())
	require.NoError(t, err)
	require.Equal(t, at, got)
	t.hit(Key(1), "x")
}

// retired: an epoch that the caller saw replaced doesn't come back.
func (t *remoteTest) retired() {
	t.store(Key(1), "x", 1)
	old, miss := t.epoch, t.miss(Key(2))
	at, err := t.Handshake(t.ctx(), cache.Epoch{1}, old)
	require.NoError(t, err)
	require.NotEqual(t, old, at.Epoch)
	require.Equal(t, uint64(1), at.Position)
	again, err := t.Handshake(t.ctx(), cache.Epoch{1}, old)
	require.NoError(t, err)
	require.Equal(t, at, again)
	require.True(t, t.miss(Key(1)).Void)
	require.Equal(t, at, t.fillAs(cache.FillOtherEpoch, miss, Key(2), "x", 1).RemotePosition)
}

func (t *remoteTest) evictedEntry() {
	t.store(Key(1), "x", 1)
	t.store(Key(2), "x", 1)
	t.EvictEntry(Key(1))
	t.miss(Key(1))
	t.hit(Key(2), "x")
}

func (t *remoteTest) evictedLease() {
	_, first, err := t.Get(t.ctx(), Key(1), ages)
	require.NoError(t, err)
	t.EvictLease(Key(1))
	_, second, err := t.Get(t.ctx(), Key(1), ages)
	require.NoError(t, err)
	require.NotZero(t, second.Lease)
	t.fillAs(cache.FillStored, *first, Key(1), "x", 1)
	_, third, err := t.Get(t.ctx(), Key(3), 0)
	require.NoError(t, err)
	require.False(t, third.Leased)
}

// messages: their order and contents.
func (t *remoteTest) messages() {
	before := t.commit(9, 9)
	l := t.follow()
	at := l.attached(t)
	require.Equal(t, before, at)
	t.store(Key(1), "x", 1)
	var want []cache.RemoteMessage
	expect := func(at cache.RemotePosition, facts ...cache.Fact) {
		want = append(want, cache.RemoteMessage{RemotePosition: at, Facts: facts})
	}
	expect(t.begin(1, long, 1, 1<<63), 1, 1<<63)
	expect(t.begin(2, brief, 3), 3)
	t.rollback(7, 1)
	expect(t.commit(1, 1, 1<<63), 1, 1<<63)
	t.Wait(2 * brief)
	expect(t.fillAs(cache.FillExpired, t.miss(Key(2)), Key(2), "x", 1, 3).RemotePosition, 3)
	expect(t.begin(3, long, 5), 5)
	t.rollback(3, 5)
	expect(t.commit(4, 6), 6)
	_, err := t.Probe(t.ctx())
	require.NoError(t, err)
	require.Equal(t, want, l.await(t, len(want)))
	for i, m := range want {
		require.Equal(t, at.Position+uint64(i)+1, m.Position, "positions are contiguous")
	}
}

func (t *remoteTest) messagesOfEpochs() {
	l := t.follow()
	l.attached(t)
	t.EvictState()
	at, err := t.Probe(t.ctx())
	require.NoError(t, err)
	require.NotEqual(t, t.epoch, at.Epoch)
	require.Equal(t, uint64(1), at.Position)
	next := t.begin(1, long, 1)
	require.Equal(t, []cache.RemoteMessage{{RemotePosition: at}, {RemotePosition: next, Facts: []cache.Fact{1}}}, l.await(t, 2))
}

// subscriptionCloses: a listener isn't called afterwards; others are.
func (t *remoteTest) subscriptionCloses() {
	other := t.follow()
	l := &recorder{}
	sub, err := t.Subscribe(l)
	require.NoError(t, err)
	l.attached(t)
	other.attached(t)
	t.commit(1, 1)
	l.await(t, 1)
	require.NoError(t, sub.Close())
	require.NoError(t, sub.Close())
	calls := l.count()
	t.commit(2, 1)
	other.await(t, 2)
	require.Equal(t, calls, l.count())

	require.NoError(t, t.Close())
	calls = other.count()
	t.Remote = t.process()
	t.commit(3, 1)
	third := t.follow()
	third.attached(t)
	require.Equal(t, calls, other.count())
}

// recorder is a listener that keeps what it is told.
type recorder struct {
	mu       sync.Mutex
	at       []cache.RemotePosition
	messages []cache.RemoteMessage
	detached int
}

func (r *recorder) Attached(at cache.RemotePosition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = append(r.at, at)
}

func (r *recorder) Received(m cache.RemoteMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
}

func (r *recorder) Detached(error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.detached++
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.at) + len(r.messages) + r.detached
}

// follow attaches a recorder.
func (t *remoteTest) follow() *recorder {
	t.Helper()
	r := &recorder{}
	_, err := t.Subscribe(r)
	require.NoError(t, err)
	r.attached(t)
	return r
}

// attached waits until the recorder is and returns where.
func (r *recorder) attached(t *remoteTest) cache.RemotePosition {
	t.Helper()
	require.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.at) > 0 }, 10*time.Second, time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at[0]
}

// await waits for n messages and returns all there are.
func (r *recorder) await(t require.TestingT, n int) []cache.RemoteMessage {
	var all []cache.RemoteMessage
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		all = append(all[:0], r.messages...)
		return len(all) >= n
	}, 10*time.Second, time.Millisecond)
	return all
}

func (r *recorder) all() []cache.RemoteMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]cache.RemoteMessage(nil), r.messages...)
}
