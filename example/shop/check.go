package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/example/internal/music"
)

// numChecks is how often reads are compared: at equal intervals, and at the end.
const numChecks = 5

// comparison counts the reads that were compared at so many quiet points, and
// those that differed.
type comparison struct {
	points, reads, differed int
	// statements are the cached client's, hits those it got from the cache.
	statements, hits uint64
}

// compare waits until nothing writes, and then runs recent reads again on both
// clients. What they return must be equal, down to the last field.
func (s *shop) compare(ctx context.Context) error {
	s.quiet.Lock()
	defer s.quiet.Unlock()
	started := time.Now()
	s.checked.points++
	random := rand.New(rand.NewPCG(s.seed, 1000+uint64(s.checked.points)))
	before, was := s.cache.Stats().Total(), s.checked.differed
	// Rounded up.
	n := (s.compared + numChecks - 1) / numChecks
	for range n {
		r, ok := s.recent.Draw(random)
		if !ok {
			return errors.New("nothing was read yet: let the traffic last longer")
		}
		if err := s.compareOne(ctx, r); err != nil {
			return err
		}
	}
	after := s.cache.Stats().Total()
	s.checked.hits += after.Hits - before.Hits
	s.checked.statements += after.Hits + after.Misses - before.Hits - before.Misses
	fmt.Fprintf(s.out, "        quiet for %.2f s: %d reads compared with the database, %d differed\n",
		time.Since(started).Seconds(), n, s.checked.differed-was)
	return nil
}

func (s *shop) compareOne(ctx context.Context, r music.Read) error {
	want, err := r.On(ctx, s.plain)
	if err != nil {
		return err
	}
	var got any
	why, err := entcache.Explain(ctx, func(ctx context.Context) (err error) {
		got, err = r.On(ctx, s.cached)
		return err
	})
	if err != nil {
		return err
	}
	s.checked.reads++
	if music.Same(got, want) {
		return nil
	}
	s.checked.differed++
	if s.checked.differed > 3 {
		return nil
	}
	fmt.Fprintf(s.out, "DIFFERS: %s\n  cached:   %s\n  database: %s\n", r, spell(got), spell(want))
	for _, x := range why {
		fmt.Fprintf(s.out, "  %s\n", x)
	}
	return nil
}

func spell(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
