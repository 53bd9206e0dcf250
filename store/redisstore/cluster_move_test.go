package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
	"github.com/entcache/ent-cache/store/redisstore"
	"github.com/entcache/ent-cache/store/storetest"
)

// TestRace_R18_SlotMoves: reads and writes go on while the namespace's slot moves
// from node to node, key by key, with the hash first, in the middle and last. A
// read never gets a value older than the one that was committed when it began.
func TestRace_R18_SlotMoves(t *testing.T) {
	t.Parallel()
	const (
		rows  = 8
		lease = time.Second
	)
	c := testdb.StartRedisCluster(t)
	slot := c.Slot(namespace)
	opts := []redisstore.Option{redisstore.WithQuarantine(lease / 5 * 6), redisstore.WithTimeouts(patient/5, patient/5)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var (
		database     [rows]atomic.Int64
		hits, errs   atomic.Int64
		wrong        atomic.Pointer[string]
		wg           sync.WaitGroup
		epochs       sync.Map
		stored, lost atomic.Int64
	)
	for w := range 2 {
		p := enter(t, c.Dial(t), namespace, opts...)
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				row := (w + i) % rows
				facts := []cache.Fact{cache.Fact(row)}
				id := cache.WriteID{byte(w), byte(i), byte(i >> 8), byte(i >> 16)}
				begun := time.Now()
				_, err := p.Begin(ctx, cache.RemoteWrite{ID: id, Touches: facts, Lease: lease})
				e := cache.RemoteEnd{ID: id, Held: facts}
				// What isn't announced isn't committed.
				if err == nil && time.Since(begun) < lease/2 {
					database[row].Add(1)
					e = cache.RemoteEnd{ID: id, Touched: facts}
				}
				if _, err2 := p.End(ctx, e); errors.Join(err, err2) != nil {
					lost.Add(1)
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	for r := range 3 {
		p := enter(t, c.Dial(t), namespace, opts...)
		wg.Go(func() {
			for i := r; ctx.Err() == nil; i++ {
				row := i % rows
				committed := database[row].Load()
				hit, miss, err := p.Get(ctx, storetest.Key(row), 0)
				switch {
				case err != nil:
					errs.Add(1)
				case hit != nil:
					hits.Add(1)
					epochs.Store(hit.Epoch, true)
					if got, _ := strconv.ParseInt(string(hit.Payload), 10, 64); got < committed {
						wrong.CompareAndSwap(nil, new(fmt.Sprintf("row %d: a hit of %d after %d was committed", row, got, committed)))
					}
				default:
					value := strconv.FormatInt(database[row].Load(), 10)
					if got, err := p.Fill(ctx, storetest.Key(row), fillOf(*miss, row, value)); err == nil && got.Outcome == cache.FillStored {
						stored.Add(1)
					}
				}
			}
		})
	}
	// hot waits until entries are found, whatever they say.
	hot := func(what string) {
		before := hits.Load()
		require.Eventually(t, func() bool { return hits.Load() >= before+50 }, 3*patient, time.Millisecond, what)
	}
	hot("at first")
	hash := key("c")
	for round, order := range []func(keys []string) []string{
		func(keys []string) []string { return append([]string{hash}, keys...) },
		func(keys []string) []string { return slices.Insert(keys, len(keys)/2, hash) },
		func(keys []string) []string { return append(keys, hash) },
	} {
		from := c.Owner(slot)
		to := (from + 1) % len(c.Nodes)
		c.OpenSlot(slot, from, to)
		time.Sleep(50 * time.Millisecond)
		keys := slices.DeleteFunc(c.KeysOf(slot, from), func(k string) bool { return k == hash })
		require.NotEmpty(t, keys)
		for _, k := range order(keys) {
			c.MoveKeys(from, to, k)
			time.Sleep(10 * time.Millisecond)
		}
		// What came meanwhile.
		for left := c.KeysOf(slot, from); len(left) > 0; left = c.KeysOf(slot, from) {
			c.MoveKeys(from, to, left...)
		}
		c.CloseSlot(slot, to)
		require.Nil(t, wrong.Load())
		hot(fmt.Sprint("after round ", round))
	}
	cancel()
	wg.Wait()
	if w := wrong.Load(); w != nil {
		t.Fatal(*w)
	}
	seen := 0
	epochs.Range(func(any, any) bool { seen++; return true })
	require.GreaterOrEqual(t, seen, 4, "each node began an epoch")
	t.Logf("%d hits in %d epochs, %d fills, %d reads and %d writes failed", hits.Load(), seen, stored.Load(), errs.Load(), lost.Load())
}

// TestRace_R04_SlotMovesHalfway: a slot's move is begun and taken back. The
// entry and what proves it valid were at the other node when a script met the
// cover of a writer that died after its commit, and couldn't drop them.
func TestRace_R04_SlotMovesHalfway(t *testing.T) {
	t.Parallel()
	c := testdb.StartRedisCluster(t)
	slot := c.Slot(namespace)
	from := c.Owner(slot)
	to := (from + 1) % len(c.Nodes)
	p := enter(t, c.Dial(t), namespace, redisstore.WithQuarantine(100*time.Millisecond))
	p.settle()
	time.Sleep(100 * time.Millisecond)
	w := cache.WriteID{7}
	for n, tc := range []struct {
		name string
		meet func(fact cache.Fact, key int, miss cache.RemoteMiss) error
	}{
		{"a fill", func(fact cache.Fact, key int, miss cache.RemoteMiss) error {
			return second(p.Fill(t.Context(), storetest.Key(key), cache.RemoteFill{Miss: miss, Facts: []cache.Fact{fact}, TTL: time.Hour}))
		}},
		{"an announcement", func(fact cache.Fact, _ int, _ cache.RemoteMiss) error {
			return second(p.Begin(t.Context(), cache.RemoteWrite{ID: w, Touches: []cache.Fact{fact}, Lease: 50 * time.Millisecond}))
		}},
		{"a write's end", func(fact cache.Fact, _ int, _ cache.RemoteMiss) error {
			return second(p.End(t.Context(), cache.RemoteEnd{ID: w, Touched: []cache.Fact{fact}}))
		}},
	} {
		covered := 10 * (n + 1) // a key, and the fact it depends on
		other, later := covered+1, covered+2
		near := cache.Fact(covered + 1<<32) // shares the covered fact's bucket
		// All keys that the script declares are there, so that it is begun.
		_, leased, err := p.Get(t.Context(), storetest.Key(other), time.Minute)
		require.NoError(t, err)
		require.NotZero(t, leased.Lease)
		got, err := p.Fill(t.Context(), storetest.Key(other), cache.RemoteFill{
			Miss: cache.RemoteMiss{RemotePosition: leased.RemotePosition}, Facts: []cache.Fact{near}, TTL: time.Hour,
		})
		require.NoError(t, err)
		require.Equal(t, cache.FillStored, got.Outcome)
		p.store(covered, "old")

		// A writer announces a write, commits it, and dies.
		require.NoError(t, second(p.Begin(t.Context(), cache.RemoteWrite{
			ID: cache.WriteID{9}, Covers: []cache.Fact{cache.Fact(covered)}, Lease: time.Millisecond,
		})))
		time.Sleep(10 * time.Millisecond)
		c.OpenSlot(slot, from, to)
		c.MoveKeys(from, to, key("q:"+keyText(covered)), key("v:"+factBytes(cache.Fact(covered))))
		require.ErrorContains(t, tc.meet(near, other, *leased), "non local key", tc.name)
		c.CancelSlot(slot, from, to)
		require.Empty(t, c.KeysOf(slot, to))
		require.NoError(t, second(p.End(t.Context(), cache.RemoteEnd{ID: w, Held: []cache.Fact{near}})), "the living writer gives up")

		// The entry may be served until a fill that depends on the cover is
		// stored, and no longer.
		cover := cache.RemoteFill{Facts: []cache.Fact{cache.Fact(covered)}, TTL: time.Hour}
		require.Eventually(t, func() bool {
			cover.Miss = p.miss(later)
			got, err := p.Fill(t.Context(), storetest.Key(later), cover)
			require.NoError(t, err)
			return got.Outcome == cache.FillStored
		}, patient, 10*time.Millisecond)
		hit, _ := p.get(covered)
		require.Nil(t, hit, "after %s: what the dead writer's commit made old", tc.name)
	}
}
