package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/entcache/ent-cache/entcache"
)

// numChecks is how often reads are compared: at equal intervals, and at the end.
const numChecks = 5

// recent remembers what was read lately. It is safe for concurrent use.
type recent struct {
	mu   sync.Mutex
	ring [4096]read
	n    int
}

func (r *recent) add(q read) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.n%len(r.ring)] = q
	r.n++
}

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
	known := min(s.recent.n, len(s.recent.ring))
	if known == 0 {
		return errors.New("nothing was read yet: let the traffic last longer")
	}
	before, was := s.cache.Stats().Total(), s.checked.differed
	// Rounded up.
	n := (s.compared + numChecks - 1) / numChecks
	for range n {
		if err := s.compareOne(ctx, s.recent.ring[random.IntN(known)]); err != nil {
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

func (s *shop) compareOne(ctx context.Context, r read) error {
	want, err := r.on(ctx, s.plain)
	if err != nil {
		return err
	}
	var got any
	why, err := entcache.Explain(ctx, func(ctx context.Context) (err error) {
		got, err = r.on(ctx, s.cached)
		return err
	})
	if err != nil {
		return err
	}
	s.checked.reads++
	if same(got, want) {
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

// same reports whether two results are equal, with their edges and unexported
// fields. The client that an entity came from doesn't count.
func same(a, b any) bool { return sameValue(reflect.ValueOf(a), reflect.ValueOf(b)) }

func sameValue(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Interface, reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return sameValue(a.Elem(), b.Elem())
	case reflect.Struct:
		if t, ok := a.Type(), a.CanInterface(); ok && t == reflect.TypeFor[time.Time]() {
			return a.Interface().(time.Time).Equal(b.Interface().(time.Time)) && fmt.Sprint(a) == fmt.Sprint(b)
		}
		for i := range a.NumField() {
			if a.Type().Field(i).Name != "config" && !sameValue(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() || a.Kind() == reflect.Slice && a.IsNil() != b.IsNil() {
			return false
		}
		for i := range a.Len() {
			if !sameValue(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); !v.IsValid() || !sameValue(a.MapIndex(k), v) {
				return false
			}
		}
		return true
	default:
		return a.Equal(b)
	}
}
