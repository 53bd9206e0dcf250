package memstore_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/store/memstore"
	"github.com/entcache/ent-cache/store/storetest"
)

func TestNear(t *testing.T) {
	storetest.RunNear(t, func(_ *testing.T, maxBytes int64) cache.Near { return memstore.New(maxBytes) })
}

func TestDefaultBound(t *testing.T) {
	for _, maxBytes := range []int64{0, -1} {
		s := memstore.New(maxBytes)
		big := entry(1, []string{"id", "name"}, 150_000)
		require.Greater(t, big.Size(), memstore.DefaultMaxBytes/10)
		require.Less(t, big.Size(), memstore.DefaultMaxBytes/2)
		for i := range 12 {
			s.Set(key(uint64(i)), big, time.Hour)
		}
		require.LessOrEqual(t, s.Size(), int64(memstore.DefaultMaxBytes))
		require.Greater(t, s.Size(), int64(memstore.DefaultMaxBytes/2))
		s.Close()
	}
}

// Every Set has evicted when it returns: the bound isn't passed by a burst.
func TestBoundHoldsAfterEachSet(t *testing.T) {
	const bound = 1 << 20
	s := memstore.New(bound)
	defer s.Close()
	e := entry(1, []string{"id", "name"}, 300)
	for i := range 1000 {
		s.Set(key(uint64(i)), e, time.Hour)
		require.LessOrEqual(t, int64(s.Len())*int64(e.Size()), int64(bound))
	}
}

func TestCloseEndsGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	// Otter's goroutine also ends when its cache is collected: keep them all.
	var stores []*memstore.Store
	for range 20 {
		s := memstore.New(1 << 20)
		stores = append(stores, s)
		for i := range 2000 {
			s.Set(key(uint64(i)), entry(uint64(i), []string{"id"}, 1), time.Hour)
			s.Get(key(uint64(i / 2)))
		}
		s.Close()
		s.Close()
	}
	// A goroutine is counted until it has wholly returned.
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
	runtime.KeepAlive(stores)
}

// Entries that are read often outlive a scan of many that are read once.
func TestScanDoesNotEvictWhatIsRead(t *testing.T) {
	s := memstore.New(1 << 20)
	defer s.Close()
	e := entry(1, []string{"id", "name"}, 10)
	const hot = 50
	for range 20 {
		for i := range hot {
			if _, ok := s.Get(key(uint64(i))); !ok {
				s.Set(key(uint64(i)), e, time.Hour)
			}
		}
	}
	for i := range 20_000 {
		s.Set(key(uint64(1000+i)), e, time.Hour)
	}
	left := 0
	for i := range hot {
		if _, ok := s.Get(key(uint64(i))); ok {
			left++
		}
	}
	require.Greater(t, left, hot*3/4)
}

func BenchmarkGet(b *testing.B) {
	s := memstore.New(1 << 30)
	defer s.Close()
	const n = 10_000
	for i := range n {
		s.Set(key(uint64(i)), entry(uint64(i), []string{"id"}, 1), time.Hour)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := uint64(0); pb.Next(); i++ {
			if _, ok := s.Get(key(i % n)); !ok {
				b.Error("missed")
			}
		}
	})
}

func BenchmarkSet(b *testing.B) {
	s := memstore.New(8 << 20)
	defer s.Close()
	e := entry(1, []string{"id"}, 1)
	var n atomic.Uint64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.Set(key(n.Add(1)), e, time.Hour)
		}
	})
}
