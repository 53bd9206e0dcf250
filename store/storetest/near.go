// Package storetest holds the conformance tests of stores. A store's own tests
// run them with a function that opens it.
package storetest

import (
	"encoding/binary"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/codec"
)

// RunNear tests that a store does what cache.Near promises. Open returns an
// empty store of that bound; RunNear closes it.
func RunNear(t *testing.T, open func(t *testing.T, maxBytes int64) cache.Near) {
	n := nearTests(open)
	for name, test := range map[string]func(*testing.T){
		"SetGet":       n.setGet,
		"Replace":      n.replace,
		"Delete":       n.delete,
		"Purge":        n.purge,
		"Expiry":       n.expiry,
		"ExpiryRenew":  n.expiryRenewed,
		"LongTTL":      n.longTTL,
		"NoTTL":        n.noTTL,
		"Bound":        n.bound,
		"BoundOfMixed": n.boundOfMixed,
		"TooBig":       n.tooBig,
		"LenSize":      n.lenSize,
		"Concurrent":   n.concurrent,
		"Close":        n.close,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

type nearTests func(t *testing.T, maxBytes int64) cache.Near

// open opens a store of one megabyte unless told otherwise.
func (n nearTests) open(t *testing.T, maxBytes ...int64) cache.Near {
	t.Helper()
	bound := int64(1 << 20)
	if len(maxBytes) > 0 {
		bound = maxBytes[0]
	}
	s := n(t, bound)
	t.Cleanup(s.Close)
	return s
}

// Key returns the key of a number; keys of neighbours are far apart.
func Key(n int) (k cache.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(k[8:], uint64(n))
	return k
}

// Entry returns an entry of one row whose value is n and a text of size bytes.
func Entry(n, size int) *cache.Entry {
	return &cache.Entry{
		Rows:  codec.NewRows([]string{"n", "text"}, int64(n), strings.Repeat("x", size)),
		Proof: &cache.Proof{Position: uint64(n), Filled: time.Now()},
	}
}

// valueOf returns the number an entry was made of.
func valueOf(e *cache.Entry) int { return int(e.Rows.Int(0)) }

// requireEntry requires the very entry that was stored: entries are shared, not
// copied.
func requireEntry(t *testing.T, s cache.Near, key cache.Key, want *cache.Entry) {
	t.Helper()
	got, ok := s.Get(key)
	require.True(t, ok)
	require.Same(t, want, got)
}

func requireMiss(t *testing.T, s cache.Near, key cache.Key) {
	t.Helper()
	got, ok := s.Get(key)
	require.False(t, ok)
	require.Nil(t, got)
}

func (n nearTests) setGet(t *testing.T) {
	s := n.open(t)
	requireMiss(t, s, Key(1))
	requireMiss(t, s, cache.Key{})
	entries := make([]*cache.Entry, 100)
	for i := range entries {
		entries[i] = Entry(i, 10)
		s.Set(Key(i), entries[i], time.Hour)
		requireEntry(t, s, Key(i), entries[i])
	}
	for i, e := range entries {
		requireEntry(t, s, Key(i), e)
	}
	zero := Entry(7, 0)
	s.Set(cache.Key{}, zero, time.Hour)
	requireEntry(t, s, cache.Key{}, zero)
	requireMiss(t, s, Key(100))
}

func (n nearTests) replace(t *testing.T) {
	s := n.open(t)
	for i := range 100 {
		e := Entry(i, 10*i)
		s.Set(Key(1), e, time.Hour)
		requireEntry(t, s, Key(1), e)
	}
	require.Equal(t, 1, s.Len())
	require.Less(t, s.Size(), int64(4*Entry(0, 1000).Size()))
}

func (n nearTests) delete(t *testing.T) {
	s := n.open(t)
	a, b := Entry(1, 10), Entry(2, 10)
	s.Delete(Key(1))
	s.Set(Key(1), a, time.Hour)
	s.Set(Key(2), b, time.Hour)
	s.Delete(Key(1))
	requireMiss(t, s, Key(1))
	requireEntry(t, s, Key(2), b)
	s.Set(Key(1), a, time.Hour)
	requireEntry(t, s, Key(1), a)
}

func (n nearTests) purge(t *testing.T) {
	s := n.open(t)
	s.Purge()
	for i := range 1000 {
		s.Set(Key(i), Entry(i, 10), time.Hour)
	}
	s.Purge()
	for i := range 1000 {
		requireMiss(t, s, Key(i))
	}
	require.Zero(t, s.Len())
	require.Zero(t, s.Size())
	e := Entry(1, 10)
	s.Set(Key(1), e, time.Hour)
	requireEntry(t, s, Key(1), e)
}

// expiry: a lifetime counts from the write, and reads don't prolong it.
func (n nearTests) expiry(t *testing.T) {
	const ttl = 300 * time.Millisecond
	s := n.open(t)
	short, long := Entry(1, 10), Entry(2, 10)
	set := time.Now()
	s.Set(Key(1), short, ttl)
	s.Set(Key(2), long, time.Hour)
	for {
		before := time.Now()
		_, ok := s.Get(Key(1))
		if after := time.Since(set); after < ttl {
			require.True(t, ok, "gone after %v", after)
		}
		// The store may take some milliseconds to notice.
		if before.Sub(set) > ttl+100*time.Millisecond {
			require.False(t, ok, "alive after %v", before.Sub(set))
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	requireEntry(t, s, Key(2), long)
	require.Eventually(t, func() bool { return s.Len() == 1 }, 10*time.Second, 20*time.Millisecond, "what expired must leave without being asked for")
}

// expiryRenewed: a new write starts a new lifetime, longer or shorter.
func (n nearTests) expiryRenewed(t *testing.T) {
	s := n.open(t)
	s.Set(Key(1), Entry(1, 10), 100*time.Millisecond)
	s.Set(Key(2), Entry(2, 10), time.Hour)
	longer, shorter := Entry(3, 10), Entry(4, 10)
	s.Set(Key(1), longer, time.Hour)
	s.Set(Key(2), shorter, 100*time.Millisecond)
	time.Sleep(250 * time.Millisecond)
	requireEntry(t, s, Key(1), longer)
	requireMiss(t, s, Key(2))
}

func (n nearTests) longTTL(t *testing.T) {
	s := n.open(t)
	for i, ttl := range []time.Duration{365 * 24 * time.Hour, 200 * 365 * 24 * time.Hour, math.MaxInt64} {
		e := Entry(i, 10)
		s.Set(Key(i), e, ttl)
		requireEntry(t, s, Key(i), e)
	}
}

// noTTL: nothing is stored for no time, and what it would have replaced is
// gone.
func (n nearTests) noTTL(t *testing.T) {
	s := n.open(t)
	for i, ttl := range []time.Duration{0, -1, math.MinInt64} {
		s.Set(Key(i), Entry(i, 10), ttl)
		requireMiss(t, s, Key(i))
		s.Set(Key(i), Entry(i, 10), time.Hour)
		s.Set(Key(i), Entry(i, 10), ttl)
		requireMiss(t, s, Key(i))
	}
	require.Zero(t, s.Len())
}

// bound: ten times the bound is offered, from several goroutines; the bound
// holds all the time, and the room is used.
func (n nearTests) bound(t *testing.T) {
	const bound = 1 << 20
	const writers = 4
	s := n.open(t, bound)
	size := Entry(0, 1000).Size()
	each := 10 * bound / size / writers
	var wg sync.WaitGroup
	var most atomic.Int64
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				s.Set(Key(w*each+i), Entry(i, 1000), time.Hour)
				if held := int64(s.Len()) * int64(size); held > most.Load() {
					most.Store(held)
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, s.Size(), int64(bound))
	require.Greater(t, s.Size(), int64(bound/2), "room is left unused")
	require.Less(t, most.Load(), int64(bound*5/4), "the bound was passed meanwhile")
	require.LessOrEqual(t, int64(s.Len())*int64(size), int64(bound))
}

// boundOfMixed: entries of very different sizes.
func (n nearTests) boundOfMixed(t *testing.T) {
	const bound = 1 << 20
	s := n.open(t, bound)
	for offered, i := 0, 0; offered < 10*bound; i++ {
		e := Entry(i, 1<<(i%18))
		offered += e.Size()
		s.Set(Key(i), e, time.Hour)
		require.LessOrEqual(t, s.Size(), int64(bound))
	}
	held := int64(0)
	for i := range 10_000 {
		if e, ok := s.Get(Key(i)); ok {
			held += int64(e.Size())
			require.Equal(t, i, valueOf(e))
		}
	}
	require.LessOrEqual(t, held, int64(bound))
	require.Positive(t, held)
}

// tooBig: an entry past the bound isn't kept and costs no other its place; what
// it would have replaced is gone.
func (n nearTests) tooBig(t *testing.T) {
	s := n.open(t, 64<<10)
	small := Entry(1, 10)
	s.Set(Key(1), small, time.Hour)
	s.Set(Key(2), Entry(2, 10), time.Hour)
	for range 10 {
		s.Set(Key(2), Entry(2, 100<<10), time.Hour)
		requireMiss(t, s, Key(2))
	}
	requireEntry(t, s, Key(1), small)
	require.Equal(t, 1, s.Len())
}

func (n nearTests) lenSize(t *testing.T) {
	s := n.open(t)
	require.Zero(t, s.Len())
	require.Zero(t, s.Size())
	var size int64
	for i := range 100 {
		e := Entry(i, 100)
		size += int64(e.Size())
		s.Set(Key(i), e, time.Hour)
	}
	require.Equal(t, 100, s.Len())
	require.GreaterOrEqual(t, s.Size(), size)
	require.Less(t, s.Size(), 3*size)
	for i := range 50 {
		s.Delete(Key(i))
	}
	require.Equal(t, 50, s.Len())
	require.GreaterOrEqual(t, s.Size(), size/2)
	require.Less(t, s.Size(), 3*size/2)
}

// concurrent: every method at once. Each key only ever holds its own entries,
// and a goroutine that alone writes a key never reads an older entry than its
// last.
func (n nearTests) concurrent(t *testing.T) {
	const goroutines, rounds, keys = 8, 3000, 64
	s := n.open(t, 256<<10)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			last := make(map[int]int)
			for i := range rounds {
				own := g*keys + i%keys
				other := (i * 31) % (goroutines * keys)
				if e, ok := s.Get(Key(own)); ok && valueOf(e) != last[own] {
					t.Errorf("key %d holds %d after %d was stored", own, valueOf(e), last[own])
					return
				}
				last[own] = own + i*goroutines*keys
				s.Set(Key(own), Entry(last[own], i%500), time.Hour)
				if e, ok := s.Get(Key(other)); ok && valueOf(e)%(goroutines*keys) != other {
					t.Errorf("key %d holds an entry of key %d", other, valueOf(e)%(goroutines*keys))
					return
				}
				switch i % 100 {
				case 10:
					s.Delete(Key(other))
				case 20:
					_, _ = s.Len(), s.Size()
				case 30:
					if g == 0 {
						s.Purge()
					}
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, s.Size(), int64(256<<10))
}

func (n nearTests) close(t *testing.T) {
	s := n(t, 1<<20)
	for i := range 100 {
		s.Set(Key(i), Entry(i, 10), time.Hour)
	}
	s.Close()
	require.Zero(t, s.Len())
	requireMiss(t, s, Key(1))
}
