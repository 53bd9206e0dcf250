package cache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The breaker opens after failures in a row, stays open for a while, and longer
// each time it opens again soon.
func TestBreaker(t *testing.T) {
	var b breaker
	now := time.Hour
	fail := func() (opened bool) {
		for range maxFailures {
			require.False(t, opened)
			opened = b.failed(now)
		}
		return opened
	}
	for range maxFailures - 1 {
		require.False(t, b.failed(now))
	}
	b.succeeded()
	require.False(t, b.close(now), "it isn't open")
	for pause := minOpen; ; pause = min(2*pause, maxOpen) {
		require.True(t, fail())
		require.False(t, b.failed(now), "once")
		now += pause - 1
		require.False(t, b.close(now), "too early")
		require.True(t, b.open.Load())
		now++
		require.True(t, b.close(now))
		require.False(t, b.open.Load())
		if pause == maxOpen {
			break
		}
	}
	now += time.Hour
	require.True(t, fail())
	require.True(t, b.close(now+minOpen), "it has been well for long")
}
