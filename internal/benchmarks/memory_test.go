package benchmarks

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"entgo.io/ent"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	generated "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/store/memstore"
)

// off is how far an estimate of memory may be from what the heap says.
const off = 0.25

// TestValueSize compares the estimated size of values with the heap. The values
// are copies, as the cache keeps them.
func TestValueSize(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	require.NoError(t, err)
	defer s.Close()
	for _, r := range Reads() {
		entities := 1
		switch r.Name {
		case "100 rows", "IDs, 100":
			entities = 100
		case "50 albums with 4 tracks each":
			entities = 250
		case "20 of 10k, by index":
			entities = 20
		case byID:
		default:
			continue
		}
		k := &kept{values: make([]ent.Value, 0, 10_000/entities)}
		client := generated.NewClient(generated.Driver(s.driver))
		client.Intercept(k)
		require.NoError(t, r.Run(ctx, client, 0))
		k.values, k.size = k.values[:0], 0
		before := int(heap())
		for i := range cap(k.values) {
			require.NoError(t, r.Run(ctx, client, i%r.Variants))
		}
		held := int(heap()) - before
		require.Len(t, k.values, cap(k.values), r.Name)
		t.Logf("%s: %d bytes each, estimated at %d (%.2f)", r.Name, held/cap(k.values), k.size/len(k.values), float64(k.size)/float64(held))
		require.InDelta(t, 1, float64(k.size)/float64(held), off, r.Name)
		runtime.KeepAlive(k)
	}
}

// kept is an interceptor that keeps a copy of each root's result.
type kept struct {
	values []ent.Value
	size   int
}

// Intercept implements ent.Interceptor.
func (k *kept) Intercept(next ent.Querier) ent.Querier {
	return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		v, err := next.Query(ctx, q)
		if b, ok := q.(cache.ValueBuilder); ok && err == nil && ent.QueryFromContext(ctx) == b.EntcacheContext() {
			if v, ok := b.EntcacheClone(v); ok {
				k.values = append(k.values, v)
				k.size += b.EntcacheValueSize(v)
			}
		}
		return v, err
	})
}

// TestCacheSize compares what a near level full of values says it holds with the
// heap: proofs, keys and the table included, and rows not, which leave once there
// is a value.
func TestCacheSize(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	require.NoError(t, err)
	defer s.Close()
	near := memstore.New(1 << 30)
	client, c, err := s.Client(cache.Options{Near: near, VaryBy: func(ctx context.Context) string {
		return strconv.Itoa(ctx.Value(reader{}).(int))
	}})
	require.NoError(t, err)
	const entries = 10_000
	before := int(heap())
	for i := range entries {
		_, err := client.Track.Get(context.WithValue(ctx, reader{}, i), 1+i%Tracks)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return near.Len() == entries }, time.Minute, 10*time.Millisecond, "rows stay beside values")
	held := int(heap()) - before
	t.Logf("%d bytes an entry, estimated at %d (%.2f)", held/entries, near.Size()/entries, float64(near.Size())/float64(held))
	require.InDelta(t, 1, float64(near.Size())/float64(held), off)
	_, err = client.Track.Get(context.WithValue(ctx, reader{}, 7), 8)
	require.NoError(t, err)
	require.EqualValues(t, 1, c.Stats().Total().ValueHits)
}

// reader is the context key of what results vary by.
type reader struct{}
