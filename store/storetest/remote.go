package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// RemoteServer is a remote level that a test has to itself. All functions are
// required.
type RemoteServer struct {
	// Open returns another process's access to it, which the test closes.
	Open func(t *testing.T, c RemoteConfig) cache.Remote
	// Wait lets that much time go by, on the server's clock.
	Wait func(time.Duration)
	// The server evicts what says which entries are valid, what proves the
	// entries of a fact valid, an entry, or the right to fill it.
	EvictState func()
	EvictFact  func(cache.Fact)
	EvictEntry func(cache.Key)
	EvictLease func(cache.Key)
}

// RemoteConfig is what the processes of a test differ in.
type RemoteConfig struct {
	Database   string
	Quarantine time.Duration
}

// The leases, lifetimes and quarantines that tests wait for, and those they
// don't.
const (
	brief      = 20 * time.Millisecond
	long       = time.Minute
	quarantine = 2 * time.Minute
	ages       = time.Hour
)

// RunRemote tests that a remote level does what cache.Remote promises. Open
// returns a server without any state.
func RunRemote(t *testing.T, open func(t *testing.T) RemoteServer) {
	for name, test := range map[string]func(*remoteTest){
		"FillGet":            (*remoteTest).fillGet,
		"Contents":           (*remoteTest).contents,
		"Peek":               (*remoteTest).peek,
		"Replace":            (*remoteTest).replace,
		"TTL":                (*remoteTest).ttl,
		"Lease":              (*remoteTest).lease,
		"LeaseEndsWithFill":  (*remoteTest).leaseEndsWithFill,
		"LeaseExpires":       (*remoteTest).leaseExpires,
		"Buckets":            (*remoteTest).facts,
		"MaxFacts":           (*remoteTest).maxFacts,
		"Arguments":          (*remoteTest).arguments,
		"Renew":              (*remoteTest).renew,
		"RenewExpired":       (*remoteTest).renewExpired,
		"Cover":              (*remoteTest).cover,
		"CoverBesideTouch":   (*remoteTest).coverBesideTouch,
		"CoverExpires":       (*remoteTest).coverExpires,
		"CoverExpiresUnder":  (*remoteTest).coverExpiresUnderWrites,
		"ExpiredIsCleared":   (*remoteTest).expiredIsCleared,
		"EndWithoutBegin":    (*remoteTest).endWithoutBegin,
		"EndTouchesOthers":   (*remoteTest).endTouchesOthers,
		"EndInAnotherEpoch":  (*remoteTest).endInAnotherEpoch,
		"Handshake":          (*remoteTest).handshake,
		"Retired":            (*remoteTest).retired,
		"EvictedEntry":       (*remoteTest).evictedEntry,
		"EvictedLease":       (*remoteTest).evictedLease,
		"Messages":           (*remoteTest).messages,
		"MessagesOfEpochs":   (*remoteTest).messagesOfEpochs,
		"SubscriptionCloses": (*remoteTest).subscriptionCloses,
		"Context":            (*remoteTest).context,
		"Close":              (*remoteTest).close,
		"Concurrent":         (*remoteTest).concurrent,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newRemoteTest(t, open(t)))
		})
	}
}

// remoteTest is a test with a server and one process, past the quarantine.
type remoteTest struct {
	*testing.T
	RemoteServer
	cache.Remote
	database string
	epoch    cache.Epoch
}

func newRemoteTest(t *testing.T, s RemoteServer) *remoteTest {
	rt := &remoteTest{T: t, RemoteServer: s}
	rt.Remote = rt.process()
	rt.settle()
	return rt
}

// process opens one more.
func (t *remoteTest) process() cache.Remote {
	t.Helper()
	return t.open(quarantine)
}

func (t *remoteTest) open(quarantine time.Duration) cache.Remote {
	t.Helper()
	r := t.Open(t.T, RemoteConfig{Database: t.database, Quarantine: quarantine})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			require.ErrorIs(t.T, err, cache.ErrClosed)
		}
	})
	return r
}

// settle begins an epoch with a quarantine that can be waited for, and waits.
func (t *remoteTest) settle() {
	t.Helper()
	at, err := t.Handshake(t.ctx())
	require.NoError(t, err)
	at, err = t.open(brief).Handshake(t.ctx(), at.Epoch)
	require.NoError(t, err)
	t.Wait(2 * brief)
	t.epoch = at.Epoch
	require.False(t, t.miss(Key(1<<20)).Void, "the quarantine is over")
}

func (t *remoteTest) ctx() context.Context { return t.T.Context() }

// get is a read without a lease.
func (t *remoteTest) get(key cache.Key) (*cache.RemoteHit, *cache.RemoteMiss) {
	t.Helper()
	hit, miss, err := t.Get(t.ctx(), key, 0)
	require.NoError(t, err)
	require.True(t, (hit == nil) != (miss == nil))
	return hit, miss
}

func (t *remoteTest) miss(key cache.Key) cache.RemoteMiss {
	t.Helper()
	hit, miss := t.get(key)
	require.Nil(t, hit, "a hit")
	return *miss
}

func (t *remoteTest) hit(key cache.Key, payload string) *cache.RemoteHit {
	t.Helper()
	hit, _ := t.get(key)
	require.NotNil(t, hit, "a miss")
	require.Equal(t, payload, string(hit.Payload))
	return hit
}

// fillAs stores a result of a miss and requires the outcome.
func (t *remoteTest) fillAs(want cache.FillOutcome, miss cache.RemoteMiss, key cache.Key, payload string, facts ...cache.Fact) cache.RemoteFilled {
	t.Helper()
	got, err := t.Fill(t.ctx(), key, cache.RemoteFill{Miss: miss, Facts: facts, Payload: []byte(payload), TTL: ages})
	require.NoError(t, err)
	require.Equal(t, want, got.Outcome, "the fill: %v", got.Outcome)
	return got
}

// store reads and fills.
func (t *remoteTest) store(key cache.Key, payload string, facts ...cache.Fact) cache.RemoteFilled {
	t.Helper()
	return t.fillAs(cache.FillStored, t.miss(key), key, payload, facts...)
}

// begin announces a write that touches the facts.
func (t *remoteTest) begin(id byte, lease time.Duration, facts ...cache.Fact) cache.RemotePosition {
	t.Helper()
	at, err := t.Begin(t.ctx(), cache.RemoteWrite{ID: cache.WriteID{id}, Touches: facts, Lease: lease})
	require.NoError(t, err)
	return at
}

// commit ends a write that touched the facts, rollback one that touched none.
func (t *remoteTest) commit(id byte, facts ...cache.Fact) cache.RemotePosition {
	t.Helper()
	at, err := t.End(t.ctx(), cache.RemoteEnd{ID: cache.WriteID{id}, Touched: facts})
	require.NoError(t, err)
	return at
}

func (t *remoteTest) rollback(id byte, facts ...cache.Fact) cache.RemotePosition {
	t.Helper()
	at, err := t.End(t.ctx(), cache.RemoteEnd{ID: cache.WriteID{id}, Held: facts})
	require.NoError(t, err)
	return at
}

func (t *remoteTest) fillGet() {
	miss := t.miss(Key(1))
	require.Equal(t, t.epoch, miss.Epoch)
	filled := t.fillAs(cache.FillStored, miss, Key(1), "one", 7, 8)
	require.Equal(t, miss.RemotePosition, filled.RemotePosition, "a fill writes nothing to the log")
	hit := t.hit(Key(1), "one")
	require.Equal(t, filled.RemotePosition, hit.RemotePosition)
	require.Equal(t, []cache.Fact{7, 8}, hit.Facts)
	t.miss(Key(2))

	t.Remote = t.process()
	t.hit(Key(1), "one")
	at := t.commit(1, 9)
	require.Equal(t, at, t.hit(Key(1), "one").RemotePosition, "valid at the present position")
}

// contents: any bytes come back as they were.
func (t *remoteTest) contents() {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, payload := range []string{"", "\x00", string(every), strings.Repeat("EQ\x01\x00", 3), strings.Repeat(string(every), 4096)} {
		t.store(Key(i), payload, cache.Fact(i+1), 0, 1<<64-1)
		hit := t.hit(Key(i), payload)
		require.Equal(t, []cache.Fact{cache.Fact(i + 1), 0, 1<<64 - 1}, hit.Facts)
	}
	// Facts of which the bytes look like anything.
	for _, f := range []cache.Fact{0, 0x0a0d, 0x3b3d3b3d3b3d3b3d, 1 << 63, 1<<64 - 1} {
		key := Key(int(f>>1) + 100)
		t.store(key, "x", f)
		t.begin(1, long, f)
		t.miss(key)
		t.fillAs(cache.FillPending, t.miss(key), key, "x", f)
		t.commit(1, f)
		t.store(key, "x", f)
	}
	t.store(cache.Key{}, "zero", 5)
	t.hit(cache.Key{}, "zero")
}

func (t *remoteTest) replace() {
	first, second := t.miss(Key(1)), t.miss(Key(1))
	t.fillAs(cache.FillStored, first, Key(1), "a", 1)
	t.fillAs(cache.FillStored, second, Key(1), "b", 2)
	t.hit(Key(1), "b")
	t.commit(1, 1)
	t.hit(Key(1), "b")
	t.commit(2, 2)
	t.miss(Key(1))
}

// ttl: an entry expires, and one that lives shorter doesn't end what proves
// another one valid.
func (t *remoteTest) ttl() {
	t.store(Key(1), "long", 1)
	_, err := t.Fill(t.ctx(), Key(2), cache.RemoteFill{Miss: t.miss(Key(2)), Facts: []cache.Fact{1}, Payload: []byte("short"), TTL: brief})
	require.NoError(t, err)
	t.Wait(2 * brief)
	t.miss(Key(2))
	hit := t.hit(Key(1), "long")
	require.LessOrEqual(t, hit.TTL, ages-2*brief)
	require.Greater(t, hit.TTL, ages-time.Minute)
}

func (t *remoteTest) lease() {
	other := t.process()
	_, first, err := t.Get(t.ctx(), Key(1), ages)
	require.NoError(t, err)
	require.NotZero(t, first.Lease)
	require.False(t, first.Leased)
	for range 2 {
		_, second, err := other.Get(t.ctx(), Key(1), ages)
		require.NoError(t, err)
		require.Zero(t, second.Lease)
		require.True(t, second.Leased)
	}
	third := t.miss(Key(1))
	require.Zero(t, third.Lease, "it wasn't asked for")
	require.False(t, third.Leased)
	_, another, err := other.Get(t.ctx(), Key(2), ages)
	require.NoError(t, err)
	require.NotZero(t, another.Lease)
	require.NotEqual(t, first.Lease, another.Lease)
	// A lease helps and forbids nothing.
	t.fillAs(cache.FillStored, third, Key(1), "x", 1)
}

// leaseEndsWithFill: also with one that is refused, and with the holder's only.
func (t *remoteTest) leaseEndsWithFill() {
	lease := func() cache.RemoteMiss {
		_, miss, err := t.Get(t.ctx(), Key(1), ages)
		require.NoError(t, err)
		return *miss
	}
	first := lease()
	require.NotZero(t, first.Lease)
	t.commit(1, 1)
	t.fillAs(cache.FillRace, t.withoutLease(first), Key(1), "x", 1)
	require.True(t, lease().Leased, "another's fill")
	t.fillAs(cache.FillRace, first, Key(1), "x", 1)
	second := lease()
	require.NotZero(t, second.Lease)
	t.fillAs(cache.FillStored, second, Key(1), "x", 1)
	t.commit(2, 1)
	require.NotZero(t, lease().Lease)
}

func (t *remoteTest) withoutLease(m cache.RemoteMiss) cache.RemoteMiss {
	m.Lease = cache.RemoteLease{}
	return m
}

func (t *remoteTest) leaseExpires() {
	for range 2 {
		_, miss, err := t.Get(t.ctx(), Key(1), brief)
		require.NoError(t, err)
		require.NotZero(t, miss.Lease)
		t.Wait(2 * brief)
	}
	_, miss, err := t.Get(t.ctx(), Key(2), 1) // the shortest is still one
	require.NoError(t, err)
	require.NotZero(t, miss.Lease)
}

// facts: entries are dropped by their facts and no others, and facts that share
// what is kept of them at worst refuse each other's fills.
func (t *remoteTest) facts() {
	for i := range 100 {
		t.store(Key(i), "x", cache.Fact(i), cache.Fact(i+100))
	}
	misses := make([]cache.RemoteMiss, 200)
	for i := range misses {
		misses[i] = t.miss(Key(1000 + i))
	}
	t.commit(1, 50, 175)
	for i := range 100 {
		if i == 50 || i == 75 {
			t.miss(Key(i))
		} else {
			t.hit(Key(i), "x")
		}
	}
	refused := 0
	for i, miss := range misses {
		got, err := t.Fill(t.ctx(), Key(1000+i), cache.RemoteFill{Miss: miss, Facts: []cache.Fact{cache.Fact(i)}, TTL: ages})
		require.NoError(t, err)
		if got.Outcome == cache.FillRace {
			refused++
		} else if i == 50 || i == 175 {
			t.Fatalf("fact %d: %v", i, got.Outcome)
		}
	}
	require.Less(t, refused, 20)
}

func (t *remoteTest) maxFacts() {
	facts := make([]cache.Fact, cache.MaxRemoteFacts)
	for i := range facts {
		facts[i] = cache.Fact(i) * 0x9e3779b97f4a7c15
	}
	more := make([]cache.Fact, cache.MaxRemoteFacts)
	for i := range more {
		more[i] = facts[i] + 1
	}
	t.store(Key(1), "x", facts...)
	require.Equal(t, facts, t.hit(Key(1), "x").Facts)
	_, err := t.Begin(t.ctx(), cache.RemoteWrite{ID: cache.WriteID{1}, Touches: facts, Covers: more, Lease: long})
	require.NoError(t, err)
	miss := t.miss(Key(1))
	t.fillAs(cache.FillPending, miss, Key(1), "x", facts[255])
	t.fillAs(cache.FillPending, miss, Key(1), "x", more[255])
	_, err = t.End(t.ctx(), cache.RemoteEnd{ID: cache.WriteID{1}, Touched: facts, Held: more})
	require.NoError(t, err)
	t.fillAs(cache.FillRace, miss, Key(1), "x", facts[255])
	t.store(Key(1), "x", facts[255], more[255])
}

func (t *remoteTest) arguments() {
	many := make([]cache.Fact, cache.MaxRemoteFacts+1)
	miss := t.miss(Key(1))
	for name, f := range map[string]cache.RemoteFill{
		"no facts": {TTL: ages}, "no TTL": {Facts: many[:1]}, "a TTL below a millisecond": {Facts: many[:1], TTL: 999 * time.Microsecond},
		"too many facts": {Facts: many, TTL: ages},
	} {
		f.Miss = miss
		_, err := t.Fill(t.ctx(), Key(1), f)
		require.ErrorIs(t, err, cache.ErrRemoteArgument, name)
	}
	for name, w := range map[string]cache.RemoteWrite{
		"no facts": {Lease: long}, "no lease": {Touches: many[:1]}, "too many touched": {Touches: many, Lease: long},
		"too many covers": {Covers: many, Lease: long}, "a lease as long as the quarantine": {Touches: many[:1], Lease: quarantine},
	} {
		_, err := t.Begin(t.ctx(), w)
		require.ErrorIs(t, err, cache.ErrRemoteArgument, name)
	}
	for name, e := range map[string]cache.RemoteEnd{"no facts": {}, "too many touched": {Touched: many}, "too many held": {Held: many}} {
		_, err := t.End(t.ctx(), e)
		require.ErrorIs(t, err, cache.ErrRemoteArgument, name)
	}
	require.Equal(t, miss, t.miss(Key(1)), "nothing has happened")
}

func (t *remoteTest) context() {
	ctx, cancel := context.WithCancel(t.ctx())
	cancel()
	for name, call := range t.calls() {
		require.ErrorIs(t, call(ctx), context.Canceled, name)
	}
	require.Equal(t, uint64(1), t.miss(Key(1)).Position)
}

func (t *remoteTest) close() {
	require.NoError(t, t.Close())
	require.ErrorIs(t, t.Close(), cache.ErrClosed)
	for name, call := range t.calls() {
		require.ErrorIs(t, call(t.ctx()), cache.ErrClosed, name)
	}
	_, err := t.Subscribe(&recorder{})
	require.ErrorIs(t, err, cache.ErrClosed)
}

// calls is one of each operation.
func (t *remoteTest) calls() map[string]func(context.Context) error {
	fact := []cache.Fact{1}
	return map[string]func(context.Context) error{
		"Get": func(ctx context.Context) error { _, _, err := t.Get(ctx, Key(1), 0); return err },
		"Fill": func(ctx context.Context) error {
			_, err := t.Fill(ctx, Key(1), cache.RemoteFill{Facts: fact, TTL: ages})
			return err
		},
		"Begin": func(ctx context.Context) error {
			_, err := t.Begin(ctx, cache.RemoteWrite{Touches: fact, Lease: long})
			return err
		},
		"End":       func(ctx context.Context) error { _, err := t.End(ctx, cache.RemoteEnd{Touched: fact}); return err },
		"Probe":     func(ctx context.Context) error { _, err := t.Probe(ctx); return err },
		"Handshake": func(ctx context.Context) error { _, err := t.Handshake(ctx); return err },
	}
}

// concurrent: writers raise a value and readers cache it. A read that begins
// after a write ended never gets an older value.
func (t *remoteTest) concurrent() {
	const writers, readers, rounds = 3, 4, 60
	var database [4]atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		c := t.process()
		wg.Go(func() {
			for i := range rounds {
				row := (w + i) % len(database)
				facts := []cache.Fact{cache.Fact(row)}
				id := cache.WriteID{byte(w), byte(i)}
				_, err := c.Begin(t.ctx(), cache.RemoteWrite{ID: id, Touches: facts, Lease: long})
				database[row].Add(1)
				_, err2 := c.End(t.ctx(), cache.RemoteEnd{ID: id, Touched: facts})
				if err = errors.Join(err, err2); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var hits atomic.Int64
	for range readers {
		c := t.process()
		wg.Go(func() {
			for i := range 4 * rounds {
				row := i % len(database)
				committed := database[row].Load()
				hit, miss, err := c.Get(t.ctx(), Key(row), 0)
				if err != nil {
					t.Error(err)
					return
				}
				if hit == nil {
					value := fmt.Sprint(database[row].Load())
					_, err = c.Fill(t.ctx(), Key(row), cache.RemoteFill{Miss: *miss, Facts: []cache.Fact{cache.Fact(row)}, Payload: []byte(value), TTL: ages})
					if err != nil {
						t.Error(err)
					}
					continue
				}
				hits.Add(1)
				var got int64
				if _, err := fmt.Sscan(string(hit.Payload), &got); err != nil || got < committed {
					t.Errorf("row %d: read %q after %d was committed", row, hit.Payload, committed)
				}
			}
		})
	}
	wg.Wait()
	for row := range database {
		hit, miss := t.get(Key(row))
		if hit == nil {
			t.fillAs(cache.FillStored, *miss, Key(row), fmt.Sprint(database[row].Load()), cache.Fact(row))
		}
		t.hit(Key(row), fmt.Sprint(database[row].Load()))
	}
	require.Positive(t, hits.Load())
}
