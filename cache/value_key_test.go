package cache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// Queries whose keys were the same would not be served each other's values.
func TestValueKeyCollision(t *testing.T) {
	near := newMapNear()
	s := newShelf(t, schema.Policy{}, Options{Near: near})
	ctx := t.Context()
	s.read(ctx, s.query("User", "a"))
	s.write("users")
	require.Equal(t, []int64{2}, s.read(ctx, s.query("User", "a")))
	require.Equal(t, []int64{1}, s.read(ctx, s.query("Pet", "a")))

	var keys []Key
	var values []*Entry
	for k, e := range near.entries {
		if e.value != nil {
			require.EqualValues(t, ofValues, k[0]&ofValues)
			keys, values = append(keys, k), append(values, e)
			continue
		}
		require.Zero(t, k[0]&ofValues, "a key of rows")
	}
	require.Len(t, keys, 2)
	near.Set(keys[0], values[1], time.Hour)
	near.Set(keys[1], values[0], time.Hour)
	require.Equal(t, []int64{2}, s.read(ctx, s.query("User", "a")))
	require.Equal(t, []int64{1}, s.read(ctx, s.query("Pet", "a")))
	require.Zero(t, s.cache.Stats().Total().ValueHits)
	// They are stored anew.
	require.Equal(t, []int64{2}, s.read(ctx, s.query("User", "a")))
	require.EqualValues(t, 1, s.cache.Stats().Total().ValueHits)
}
