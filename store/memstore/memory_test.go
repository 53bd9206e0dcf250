package memstore_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/store/memstore"
)

func key(n uint64) (k cache.Key) {
	binary.BigEndian.PutUint64(k[:], n*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(k[8:], n)
	return k
}

// entry is a result as the engine stores it: fresh values, nothing shared but
// the columns' names.
func entry(seed uint64, columns []string, rows int) *cache.Entry {
	var values []any
	facts := []cache.Fact{1, 2}
	for i := range rows {
		for c := range columns {
			n := int64(seed)*1000 + int64(i)
			switch c % 5 {
			case 0:
				values = append(values, n+1<<20)
			case 1, 2:
				values = append(values, fmt.Sprintf("a text of column %d, %d", c, n))
			case 3:
				values = append(values, time.Unix(n, 0).UTC())
			case 4:
				values = append(values, n%2 == 0)
			}
		}
		facts = append(facts, cache.Fact(i))
	}
	r := codec.NewRows(append([]string{}, columns...), values...)
	return &cache.Entry{Rows: r, Proof: &cache.Proof{Facts: append(make([]cache.Fact, 0, len(facts)), facts...), Tables: []cache.Fact{1}, Filled: time.Now()}}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The bytes a store counts are about those of the heap.
func TestSizeIsHeap(t *testing.T) {
	columns := make([]string, 13)
	for i := range columns {
		columns[i] = fmt.Sprintf("column_%d", i)
	}
	for name, shape := range map[string]struct{ entries, columns, rows int }{
		"no rows":          {8000, 4, 0},
		"a count":          {8000, 1, 1},
		"a row":            {8000, 4, 1},
		"a wide row":       {5000, 13, 1},
		"a page of rows":   {1000, 5, 20},
		"a hundred rows":   {300, 13, 100},
		"thousands of ids": {30, 1, 5000},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			s := memstore.New(1 << 30)
			for i := range shape.entries {
				s.Set(key(uint64(i)), entry(uint64(i), columns[:shape.columns], shape.rows), time.Hour)
			}
			took := heap() - before
			require.Equal(t, shape.entries, s.Len())
			counted := s.Size()
			t.Logf("%d bytes of heap and %d counted for an entry: %.2f", took/int64(shape.entries), counted/int64(shape.entries), float64(counted)/float64(took))
			require.InEpsilon(t, took, counted, 0.25)
			runtime.KeepAlive(s)
			s.Close()
		})
	}
}

// A store that is full, and was overrun, holds about its bound.
func TestFullStoreIsItsBound(t *testing.T) {
	const bound = 8 << 20
	before := heap()
	s := memstore.New(bound)
	for i := range 30_000 {
		s.Set(key(uint64(i)), entry(uint64(i), []string{"id", "name", "email"}, 2), time.Hour)
	}
	took := heap() - before
	t.Logf("%d bytes of heap, %d counted, %d entries", took, s.Size(), s.Len())
	require.InEpsilon(t, bound, took, 0.25)
	require.InEpsilon(t, bound, s.Size(), 0.05)
	s.Close()
	require.Zero(t, s.Len())
	require.Less(t, heap()-before, int64(bound/4))
	runtime.KeepAlive(s)
}
