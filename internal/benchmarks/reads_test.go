package benchmarks

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/entcache/ent-cache/ent"
)

// BenchmarkReads measures each read uncached, as a hit and as a miss, in one
// goroutine and in parallel. cpu-ns/op is processor time; ns/op of parallel
// runs is wall time, so it should halve where it has two processors.
func BenchmarkReads(b *testing.B) {
	for _, place := range []string{"file", "memory"} {
		b.Run(place, func(b *testing.B) {
			ctx := context.Background()
			s, err := Open(ctx, place == "memory")
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for _, r := range Reads() {
				if err := r.Warm(ctx, s.Hit); err != nil {
					b.Fatal(err)
				}
				b.Run(r.Name, func(b *testing.B) {
					for _, mode := range []struct {
						name   string
						client *ent.Client
					}{{"uncached", s.Uncached}, {"hit", s.Hit}, {"miss", s.Miss}} {
						b.Run(mode.name, func(b *testing.B) { single(b, r, mode.client) })
						b.Run(mode.name+"/parallel", func(b *testing.B) { parallel(b, r, mode.client) })
					}
				})
			}
		})
	}
}

func single(b *testing.B, r Read, client *ent.Client) {
	ctx := context.Background()
	b.ReportAllocs()
	cpu, i := CPUTime(), 0
	for b.Loop() {
		if err := r.Run(ctx, client, i%r.Variants); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(CPUTime()-cpu)/float64(b.N), "cpu-ns/op")
}

func parallel(b *testing.B, r Read, client *ent.Client) {
	ctx := context.Background()
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		// Each goroutine has a part of the variants to itself, as far as there
		// are enough.
		for i := int(next.Add(1)) * 17; pb.Next(); i++ {
			if err := r.Run(ctx, client, i%r.Variants); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
