package benchmarks

import (
	"context"
	"testing"
	"time"

	"github.com/entcache/ent-cache/ent"
)

// TestMeasure runs what the table's command runs, so that it can't rot.
func TestMeasure(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, r := range Reads() {
		// Twice: the second time the results come from the cache.
		for range 2 {
			for _, client := range []*ent.Client{s.Uncached, s.Hit, s.Miss} {
				if err := r.Run(ctx, client, 0); err != nil {
					t.Fatal(r.Name, err)
				}
			}
		}
	}
	total := s.Cache.Stats().Total()
	if n := uint64(len(Reads())); total.Hits < n || total.Misses > n+1 || len(total.Refused) > 0 || len(total.Bypasses) > 0 {
		t.Errorf("the reads aren't served from the cache: %+v", total)
	}
	row, err := Measure(ctx, s, Reads()[0], 1, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if row.Hit.Allocs <= 0 || row.Uncached.Allocs <= row.Hit.Allocs || row.Miss.Allocs <= row.Hit.Allocs {
		t.Errorf("%+v", row)
	}
	if _, err := Parallel(ctx, s, Reads()[0], 2, 1, 100); err != nil {
		t.Error(err)
	}
	if _, err := Crowd(ctx, s, 2000, 1, 100); err != nil {
		t.Error(err)
	}
}
