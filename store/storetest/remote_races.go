package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// races are the races between processes that a remote level decides. D is the
// database, x what it holds; the first fact is that of x.
var races = map[string]func(*remoteTest){
	"R01":  (*remoteTest).fillAfterInvalidation,
	"R02":  (*remoteTest).fillBeforeCommit,
	"R03":  (*remoteTest).readBetweenCommitAndEnd,
	"R04":  (*remoteTest).crashBeforeEnd,
	"R05":  (*remoteTest).leaseRunsOutUnderARead,
	"R08":  (*remoteTest).rolledBack,
	"R10":  (*remoteTest).twoWriters,
	"R13":  (*remoteTest).positionsAreContiguous,
	"R15":  (*remoteTest).repeatedAndLate,
	"R17":  (*remoteTest).positionComesAgain,
	"R17c": (*remoteTest).announcementLost,
	"R19":  (*remoteTest).evictedState,
	"R20":  (*remoteTest).evictedFact,
	"R25":  (*remoteTest).otherDatabase,
	"R38":  (*remoteTest).stampede,
}

// RaceNames returns the names that Race knows.
func RaceNames() []string {
	var names []string
	for name := range races {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Race plays one race on a remote level and requires that it is decided as
// cache.Remote promises.
func Race(t *testing.T, open func(t *testing.T) RemoteServer, name string) {
	race := races[name]
	if race == nil {
		t.Fatalf("no race %q; there are %q", name, RaceNames())
	}
	t.Parallel()
	race(newRemoteTest(t, open(t)))
}

func (t *remoteTest) fillAfterInvalidation() {
	miss := t.miss(Key(1)) // R misses
	old := "0"             // R reads D
	t.begin(1, long, 1)    // W commits 1
	t.commit(1, 1)
	t.fillAs(cache.FillRace, miss, Key(1), old, 1)
	t.miss(Key(1))
	t.store(Key(1), "1", 1)
}

func (t *remoteTest) fillBeforeCommit() {
	t.begin(1, long, 1)
	miss := t.miss(Key(1))
	old := "0"
	t.fillAs(cache.FillPending, miss, Key(1), old, 1)
	t.miss(Key(1))
	t.commit(1, 1) // W commits 1
	t.fillAs(cache.FillRace, miss, Key(1), old, 1)
	t.miss(Key(1))
}

func (t *remoteTest) readBetweenCommitAndEnd() {
	t.store(Key(1), "0", 1)
	t.begin(1, long, 1)
	// W commits 1.
	miss := t.miss(Key(1))
	t.fillAs(cache.FillPending, miss, Key(1), "1", 1)
	t.commit(1, 1)
	t.store(Key(1), "1", 1)
	t.hit(Key(1), "1")
}

func (t *remoteTest) crashBeforeEnd() {
	t.store(Key(1), "0", 1)
	t.begin(1, brief, 1)
	// W commits 1 and dies.
	t.miss(Key(1))
	t.Wait(2 * brief)
	miss := t.miss(Key(1))
	// The first fill can't tell on which side of the commit it read.
	t.fillAs(cache.FillExpired, miss, Key(1), "1", 1)
	t.store(Key(1), "1", 1)
	t.hit(Key(1), "1")
}

func (t *remoteTest) leaseRunsOutUnderARead() {
	t.begin(1, brief, 1)
	miss, other := t.miss(Key(1)), t.miss(Key(2))
	old := "0"
	// W commits 1 and dies.
	t.Wait(2 * brief)
	t.fillAs(cache.FillExpired, miss, Key(1), old, 1)
	t.fillAs(cache.FillRace, miss, Key(1), old, 1)
	t.fillAs(cache.FillRace, other, Key(2), old, 2, 1)
	t.miss(Key(1))
	t.store(Key(1), "1", 1)
}

func (t *remoteTest) rolledBack() {
	t.store(Key(1), "0", 1)
	before := t.miss(Key(2))
	t.begin(1, long, 1)
	t.miss(Key(1))
	t.rollback(1, 1)
	// Only a hit was lost: reads from before are as good as any.
	t.fillAs(cache.FillStored, before, Key(2), "0", 1)
	t.store(Key(1), "0", 1)
}

// twoWriters: whichever of them ends first, the other still writes.
func (t *remoteTest) twoWriters() {
	for i, order := range [][2]byte{{1, 2}, {2, 1}} {
		key, fact := Key(i), cache.Fact(i)
		t.begin(1, long, fact)
		t.begin(2, long, fact)
		first, last := order[0], order[1]
		t.commit(first, fact)
		miss := t.miss(key)
		old := "the first's"
		t.fillAs(cache.FillPending, miss, key, old, fact)
		// The last commits.
		t.miss(key)
		t.commit(last, fact)
		t.fillAs(cache.FillRace, miss, key, old, fact)
		t.store(key, "the last's", fact)
	}
}

func (t *remoteTest) positionsAreContiguous() {
	l := t.follow()
	at := l.attached(t)
	for i := range 20 {
		id := byte(i)
		t.begin(id, long, cache.Fact(i), 99)
		if i%3 == 0 {
			t.rollback(id, cache.Fact(i), 99)
		} else {
			t.commit(id, cache.Fact(i), 99)
		}
	}
	probed, err := t.Probe(t.ctx())
	require.NoError(t, err)
	messages := l.await(t, int(probed.Position-at.Position))
	for i, m := range messages {
		require.Equal(t, cache.RemotePosition{Epoch: at.Epoch, Position: at.Position + uint64(i) + 1}, m.RemotePosition)
	}
	require.Equal(t, probed, messages[len(messages)-1].RemotePosition, "a lost tail shows in the probe")
}

func (t *remoteTest) repeatedAndLate() {
	// A fill that is repeated after a write.
	miss := t.miss(Key(1))
	t.fillAs(cache.FillStored, miss, Key(1), "0", 1)
	t.fillAs(cache.FillStored, miss, Key(1), "0", 1)
	t.begin(1, long, 1)
	t.begin(1, long, 1)
	t.fillAs(cache.FillPending, miss, Key(1), "0", 1)
	t.commit(1, 1)
	t.commit(1, 1)
	t.fillAs(cache.FillRace, miss, Key(1), "0", 1)
	t.miss(Key(1))
	t.store(Key(1), "1", 1)
	// An End that is repeated after another's Begin leaves that alone.
	t.begin(2, long, 1)
	t.commit(1, 1)
	t.fillAs(cache.FillPending, t.miss(Key(1)), Key(1), "1", 1)
	t.commit(2, 1)
	// A Begin that comes after its End holds until it runs out.
	t.begin(2, 25*brief, 1)
	t.fillAs(cache.FillPending, t.miss(Key(1)), Key(1), "2", 1)
	t.Wait(26 * brief)
	t.fillAs(cache.FillExpired, t.miss(Key(1)), Key(1), "2", 1)
	t.store(Key(1), "2", 1)
}

// positionComesAgain: the positions of an epoch mean nothing in another.
func (t *remoteTest) positionComesAgain() {
	old := t.epoch
	miss := t.miss(Key(1))
	filled := t.store(Key(2), "0", 1)
	t.EvictState()
	t.settle()
	require.NotEqual(t, old, t.epoch)
	require.Equal(t, filled.Position, t.miss(Key(2)).Position, "the same number")
	t.fillAs(cache.FillOtherEpoch, miss, Key(1), "0", 1)
	t.miss(Key(1))
}

// announcementLost: W announces, the server loses it, R reads the old value in
// the new epoch, W commits and dies.
func (t *remoteTest) announcementLost() {
	const quarantine = 300 * time.Millisecond
	t.Remote = t.open(quarantine)
	t.begin(1, quarantine/2, 1)
	t.EvictState()
	miss := t.miss(Key(1))
	require.True(t, miss.Void)
	old := "0"
	t.fillAs(cache.FillQuarantine, miss, Key(1), old, 1)
	// What was read in the quarantine isn't stored after it either.
	t.Wait(quarantine + brief)
	// W may have committed just now.
	t.fillAs(cache.FillQuarantine, miss, Key(1), old, 1)
	again := t.miss(Key(1))
	require.False(t, again.Void)
	require.Equal(t, miss.RemotePosition, again.RemotePosition)
	t.fillAs(cache.FillStored, again, Key(1), "1", 1)
}

func (t *remoteTest) evictedState() {
	t.store(Key(1), "0", 1)
	miss := t.miss(Key(2))
	l := t.follow()
	t.EvictState()
	require.Equal(t, cache.RemotePosition{}, t.fillAs(cache.FillOtherEpoch, miss, Key(2), "0", 1).RemotePosition)
	t.EvictState()
	void := t.miss(Key(1))
	require.True(t, void.Void)
	require.NotEqual(t, t.epoch, void.Epoch)
	require.Equal(t, void.RemotePosition, l.await(t, 1)[0].RemotePosition)
	_, leased, err := t.Get(t.ctx(), Key(1), ages)
	require.NoError(t, err)
	require.Zero(t, leased.Lease, "nothing can be filled")
	require.False(t, leased.Leased)
	t.settle()
	t.miss(Key(1))
	t.store(Key(1), "0", 1)
}

// evictedFact: what proves an entry valid expired or was evicted before the
// entry; a write in between had nothing to drop.
func (t *remoteTest) evictedFact() {
	t.store(Key(1), "0", 1, 2)
	t.store(Key(2), "0", 2)
	t.EvictFact(1)
	t.miss(Key(1))
	t.hit(Key(2), "0")
	t.store(Key(1), "1", 1, 2)

	t.store(Key(3), "0", 3)
	t.store(Key(4), "0", 3, 4)
	t.EvictFact(3)
	t.commit(1, 3)
	// Another entry brings the fact back, with another content.
	t.store(Key(5), "1", 3)
	t.miss(Key(3))
	t.miss(Key(4))
	t.hit(Key(5), "1")
}

// otherDatabase: the database was replaced by one that lost commits.
func (t *remoteTest) otherDatabase() {
	t.store(Key(1), "0", 1)
	miss := t.miss(Key(2))
	first := t.Remote
	t.database = "another"
	t.Remote = t.process()
	t.fillAs(cache.FillOtherEpoch, miss, Key(2), "0", 1)
	require.True(t, t.miss(Key(1)).Void)
	t.settle()
	t.store(Key(1), "1", 1)
	t.Remote = first
	require.True(t, t.miss(Key(1)).Void)
}

func (t *remoteTest) stampede() {
	const readers = 20
	processes := make([]cache.Remote, readers)
	for i := range processes {
		processes[i] = t.process()
	}
	leases := make(chan cache.RemoteMiss, readers)
	for _, p := range processes {
		go func() {
			_, miss, err := p.Get(t.ctx(), Key(1), ages)
			if err != nil || miss == nil {
				miss = &cache.RemoteMiss{}
			}
			leases <- *miss
		}()
	}
	var leaders []cache.RemoteMiss
	for range readers {
		if m := <-leases; m.Lease != (cache.RemoteLease{}) {
			leaders = append(leaders, m)
		} else {
			require.True(t, m.Leased)
		}
	}
	require.Len(t, leaders, 1)
	t.fillAs(cache.FillStored, leaders[0], Key(1), "0", 1)
	for _, p := range processes {
		hit, _, err := p.Get(t.ctx(), Key(1), ages)
		require.NoError(t, err)
		require.NotNil(t, hit)
	}
}
