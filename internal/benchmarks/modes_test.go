package benchmarks

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// TestModes checks that each mode is what the table says it is.
func TestModes(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	require.NoError(t, err)
	defer s.Close()
	for _, r := range Reads() {
		for _, m := range s.Modes() {
			ctx := m.Context(ctx)
			// Twice: the second time the results come from the cache.
			require.NoError(t, r.Run(ctx, m.Client, 0), "%s, %s", r.Name, m.Name)
			var before uint64
			if m.hits != nil {
				before, _ = m.hits()
			}
			require.NoError(t, r.Run(ctx, m.Client, 0), "%s, %s", r.Name, m.Name)
			if m.hits != nil {
				after, _ := m.hits()
				require.Greater(t, after, before, "%s, %s: not a hit", r.Name, m.Name)
			}
		}
	}
	for _, c := range []*cache.Cache{s.Cache, s.cacheRows, s.cacheMiss} {
		total := c.Stats().Total()
		require.Empty(t, total.Refused)
		require.Empty(t, total.Bypasses)
	}
	require.Zero(t, s.cacheMiss.Stats().Total().Hits)
	require.Zero(t, s.cacheRows.Stats().Total().ValueHits)
	require.GreaterOrEqual(t, s.Cache.Stats().Total().ValueHits, uint64(len(statements)), "those with a floor are kept as values")

	for mode, same := range map[int]bool{RowsMode: false, ValueMode: false, SharedMode: true} {
		m := s.Modes()[mode]
		ctx := m.Context(ctx)
		a, err := m.Client.Track.Get(ctx, 7)
		require.NoError(t, err)
		b, err := m.Client.Track.Get(ctx, 7)
		require.NoError(t, err)
		c, err := m.Client.Track.Get(ctx, 7)
		require.NoError(t, err)
		require.Equal(t, same, b == c, m.Name)
		require.Equal(t, a.String(), c.String())
	}
}

// TestMeasure runs what the table's command runs, so that it can't rot.
func TestMeasure(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	require.NoError(t, err)
	defer s.Close()
	plan := Plan{Rounds: 1, Each: time.Millisecond}
	for _, set := range []Setting{{}, {Goroutines: 2}, {Writes: 10}, {Entries: 12_000}} {
		row, err := s.Measure(ctx, Reads()[0], set, plan)
		require.NoError(t, err, "%+v", set)
		require.Len(t, row.Comparison, len(s.Modes()))
		allocs := func(mode int) float64 { return Middle(row.Comparison[mode].Allocs) }
		require.Positive(t, allocs(RowsMode))
		require.Less(t, allocs(RowsMode), allocs(PeerMode))
		require.Less(t, allocs(PeerMode), allocs(UncachedMode))
		require.Less(t, allocs(RowsMode), allocs(MissMode))
		for _, m := range []int{PeerMode, RowsMode, ValueMode, SharedMode} {
			require.Greater(t, row.Hits[m], 0.9, "%+v: %s", set, row.Comparison[m].Name)
		}
	}
	require.GreaterOrEqual(t, s.Near.Len(), 12_000)
	require.GreaterOrEqual(t, s.nearRows.Len(), 12_000)
	require.GreaterOrEqual(t, len(s.peer.entries), 12_000)
}

// TestWritesInvalidateNothing checks that the writes between reads are to tracks
// that none of the reads returns.
func TestWritesInvalidateNothing(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	require.NoError(t, err)
	defer s.Close()
	write := s.writer(s.Rows)
	for _, r := range Reads() {
		require.NoError(t, r.Run(ctx, s.Rows, 0))
		require.NoError(t, write(ctx))
		before := s.cacheRows.Stats()
		require.NoError(t, r.Run(ctx, s.Rows, 0))
		require.Equal(t, before.Total().Misses, s.cacheRows.Stats().Total().Misses, r.Name)
		require.Positive(t, before.Invalidations)
	}
}

// TestPeer checks what the yardstick returns against the database, and that it
// is a cache.
func TestPeer(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	require.NoError(t, err)
	defer s.Close()
	fresh, err := s.Uncached.Album.Query().Limit(20).WithTracks().WithArtist().All(ctx)
	require.NoError(t, err)
	for range 2 {
		got, err := s.Peer.Album.Query().Limit(20).WithTracks().WithArtist().All(ctx)
		require.NoError(t, err)
		require.Len(t, got, 20)
		for i := range got {
			require.Equal(t, fresh[i].String(), got[i].String())
			require.Equal(t, len(fresh[i].Edges.Tracks), len(got[i].Edges.Tracks))
			for k := range got[i].Edges.Tracks {
				require.Equal(t, fresh[i].Edges.Tracks[k].String(), got[i].Edges.Tracks[k].String())
			}
			require.Equal(t, fresh[i].Edges.Artist.String(), got[i].Edges.Artist.String())
		}
	}
	hits, gets := s.peer.Hits()
	require.EqualValues(t, 3, hits)
	require.EqualValues(t, 6, gets)

	bounded := NewPeer(s.driver, 2, time.Hour)
	for _, key := range []string{"a", "b", "c"} {
		bounded.get("a")
		bounded.add(key, &recorded{})
	}
	require.NotNil(t, bounded.get("a"), "the one that was used last is kept")
	require.Nil(t, bounded.get("b"))
	expired := NewPeer(s.driver, 0, -time.Second)
	expired.add("a", &recorded{})
	require.Nil(t, expired.get("a"))
	require.Empty(t, expired.entries)
}
