package benchmarks

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFloor checks that each read whose results are kept as values has a floor,
// and that what is said to be a part of a hit is one: it allocates no more.
func TestFloor(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	require.NoError(t, err)
	defer s.Close()
	for _, r := range Reads() {
		before := s.Cache.Stats().Total().ValueHits
		require.NoError(t, r.Run(ctx, s.Hit, 0))
		require.NoError(t, r.Run(ctx, s.Hit, 0))
		valued := s.Cache.Stats().Total().ValueHits > before
		f, ok, err := s.Floor(ctx, r, Plan{Rounds: 3, Each: time.Millisecond})
		require.NoError(t, err)
		require.Equal(t, valued, ok, r.Name)
		if !ok {
			continue
		}
		hit := Middle(f.Comparison[WholeHit].Allocs)
		for _, part := range f.Comparison[WholeHit+1:] {
			require.LessOrEqual(t, Middle(part.Allocs), hit, "%s: %s", r.Name, part.Name)
		}
		require.Positive(t, f.Allocs())
		require.Len(t, f.Sum(), 3)
	}
}
