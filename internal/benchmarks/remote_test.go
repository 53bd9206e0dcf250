package benchmarks

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	Process()
	os.Exit(m.Run())
}

// openRemote skips the test where redis-server isn't installed, or fails it if
// CI=true.
func openRemote(t *testing.T) *Remote {
	t.Helper()
	needRedis(t)
	r, err := OpenRemote(t.Context(), true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

const short = 2 * time.Millisecond

// TestRemote runs what the table's command runs, and looks at how often the
// server was asked: that is what tells whether the right thing was measured.
func TestRemote(t *testing.T) {
	r := openRemote(t)
	ctx := context.Background()
	for _, read := range RemoteReads() {
		h, err := r.Hits(ctx, read, 1, short)
		require.NoError(t, err)
		for i, s := range h.Comparison {
			trips := 1.0
			if i == NearRead || i == UncachedRead {
				trips = 0
			}
			assert.InDelta(t, trips, Middle(s.Trips), 0.5, "%s: %s", read.Name, s.Name)
		}
		assert.Positive(t, h.Payload)
		assert.Greater(t, Middle(h.Comparison[StrictRead].Allocs), Middle(h.Comparison[NearRead].Allocs))
	}

	w, facts, err := r.Writes(ctx, 1, short)
	require.NoError(t, err)
	assert.Greater(t, facts, 1)
	assert.InDelta(t, 1, Middle(w[BareScript].Trips), 0.5)
	assert.InDelta(t, 1, Middle(w[BeginAgain].Trips), 0.5)
	assert.InDelta(t, 2, Middle(w[BeginEnd].Trips), 0.5)
	assert.InDelta(t, 0, Middle(w[LocalWrite].Trips), 0.5)

	n, err := r.Near(ctx, Reads()[0], 1, short)
	require.NoError(t, err)
	for _, s := range n {
		assert.InDelta(t, 0, Middle(s.Trips), 0.5, s.Name)
	}

	m, stats, err := r.Misses(ctx, Reads()[0], 1, short)
	require.NoError(t, err)
	assert.Len(t, m, 5)
	assert.NotZero(t, stats.Misses)
	assert.Zero(t, stats.Hits)
}

// TestDown checks that hits in the process go on without a server.
func TestDown(t *testing.T) {
	d, err := openRemote(t).Down(context.Background(), Reads()[0], 1, short)
	require.NoError(t, err)
	assert.Positive(t, d.Hung.Reads)
	assert.Positive(t, d.Killed.Reads)
	require.Len(t, d.Comparison, 6)
	assert.Less(t, Middle(d.Comparison[2].Allocs), Middle(d.Comparison[5].Allocs))
}

func TestInvalidation(t *testing.T) {
	needRedis(t)
	bare, writes, err := Invalidation(t.Context(), 3, 60, 1, 200*time.Millisecond)
	require.NoError(t, err)
	for _, d := range []*Delivery{bare, writes} {
		assert.NotEmpty(t, d.Called)
		assert.Len(t, d.Answered, len(d.Called))
		// Nothing is received before it was sent.
		assert.Positive(t, d.Called[0])
		for i := range d.Answered {
			assert.Less(t, d.Answered[i], d.Called[i])
		}
	}
}

func TestRatioOf(t *testing.T) {
	var a, b []time.Duration
	for i := range 15 {
		a = append(a, time.Duration(100+i))
		b = append(b, 100)
	}
	// For 15 values the third from each end bounds the interval that holds the
	// median in 99 %, the fourth that in 96 %.
	assert.Equal(t, Ratio{Median: 1.07, Low: 1.03, High: 1.11}, RatioOf(a, b))
	assert.Equal(t, "–", RatioOf([]time.Duration{1}, []time.Duration{0}).String())
}
