package benchmarks

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/entcache/ent-cache/internal/testdb"
)

// BenchmarkReads measures each read in each mode, in one goroutine and in
// parallel. cpu-ns/op is processor time; ns/op of parallel runs is wall time, so
// it should halve where it has two processors.
func BenchmarkReads(b *testing.B) {
	for _, d := range []struct {
		name string
		in   Database
	}{{"sqlite", SQLite}, {"memory", SQLiteMemory}, {"pgx", PGX}, {"pq", PQ}} {
		b.Run(d.name, func(b *testing.B) {
			ctx := context.Background()
			s, err := OpenIn(ctx, d.in)
			if errors.Is(err, testdb.ErrUnavailable) {
				b.Skip(err)
			}
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for _, r := range Reads() {
				b.Run(r.Name, func(b *testing.B) {
					for _, m := range s.Modes() {
						if err := r.Warm(ctx, m.Client); err != nil {
							b.Fatal(err)
						}
						b.Run(m.Name, func(b *testing.B) { single(b, r, m) })
						b.Run(m.Name+"/parallel", func(b *testing.B) { parallel(b, r, m) })
					}
				})
			}
		})
	}
}

func single(b *testing.B, r Read, m Mode) {
	ctx := m.Context(context.Background())
	b.ReportAllocs()
	cpu, i := CPUTime(), 0
	for b.Loop() {
		if err := r.Run(ctx, m.Client, i%r.Variants); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(CPUTime()-cpu)/float64(b.N), "cpu-ns/op")
}

func parallel(b *testing.B, r Read, m Mode) {
	ctx := m.Context(context.Background())
	var next atomic.Int64
	b.ReportAllocs()
	cpu := CPUTime()
	b.RunParallel(func(pb *testing.PB) {
		// Each goroutine has a part of the variants to itself, as far as there
		// are enough.
		for i := int(next.Add(1)) * 17; pb.Next(); i++ {
			if err := r.Run(ctx, m.Client, i%r.Variants); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(CPUTime()-cpu)/float64(b.N), "cpu-ns/op")
}
