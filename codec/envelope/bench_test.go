package envelope

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAllocations: what reuses its slices costs nothing without keys.
func TestAllocations(t *testing.T) {
	e := newTest(t, Uncompressed())
	payload := rows(4000)
	sealed, err := e.Seal(nil, payload, aad)
	require.NoError(t, err)
	dst := make([]byte, 0, 8000)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = e.Seal(dst, payload, aad) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = e.Open(dst, sealed, aad) }))
}

func benchmark(b *testing.B, run func(b *testing.B, e *Envelope, payload []byte)) {
	for _, kind := range kinds {
		for _, n := range []int{256, 8 << 10, 256 << 10} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(n))
				run(b, newTest(b, kind.opts...), rows(n))
			})
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	benchmark(b, func(b *testing.B, e *Envelope, payload []byte) {
		var dst []byte
		for b.Loop() {
			var err error
			if dst, err = e.Seal(dst[:0], payload, aad); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(dst)), "sealed-bytes")
	})
}

func BenchmarkOpen(b *testing.B) {
	benchmark(b, func(b *testing.B, e *Envelope, payload []byte) {
		sealed, err := e.Seal(nil, payload, aad)
		require.NoError(b, err)
		var dst []byte
		for b.Loop() {
			if dst, err = e.Open(dst[:0], sealed, aad); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpenParallel(b *testing.B) {
	benchmark(b, func(b *testing.B, e *Envelope, payload []byte) {
		sealed, err := e.Seal(nil, payload, aad)
		require.NoError(b, err)
		b.RunParallel(func(pb *testing.PB) {
			var dst []byte
			for pb.Next() {
				var err error
				if dst, err = e.Open(dst[:0], sealed, aad); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
