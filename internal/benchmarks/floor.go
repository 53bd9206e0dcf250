package benchmarks

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"time"

	"entgo.io/ent"

	"github.com/entcache/ent-cache/cache"
	generated "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/album"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/store/memstore"
)

// WholeHit is the first case of a Floor; the others are its parts.
const WholeHit = 0

// Floor is what a hit of values can't do without, measured in turns with the
// hit: Ent's builder and its interceptors, with one that has the result at hand;
// what the predicates and the order say, written down; a hash of it; a look-up; a
// copy of the result.
type Floor struct {
	Read string
	Comparison
}

// Sum returns what the parts took together in each round.
func (f Floor) Sum() []time.Duration {
	sum := make([]time.Duration, len(f.Comparison[WholeHit].Client))
	for _, s := range f.Comparison[WholeHit+1:] {
		for i, d := range s.Client {
			sum[i] += d
		}
	}
	return sum
}

// Allocs returns the allocations of the parts together.
func (f Floor) Allocs() (sum float64) {
	for _, s := range f.Comparison[WholeHit+1:] {
		sum += Middle(s.Allocs)
	}
	return sum
}

// Floor measures the floor of a read; the second result is false if the read has
// none, because its results aren't kept as values.
func (s *Store) Floor(ctx context.Context, r Read, p Plan) (Floor, bool, error) {
	of, ok := statements[r.Name]
	if !ok {
		return Floor{}, false, nil
	}
	// Made before, since who builds the query makes its conditions.
	made := make([][]statement, r.Variants)
	for i := range made {
		made[i] = of(i)
	}
	if err := r.Warm(ctx, s.Hit); err != nil {
		return Floor{}, false, err
	}
	given := &given{results: make([]ent.Value, r.Variants)}
	client := generated.NewClient(generated.Driver(s.driver))
	client.Intercept(given)
	for given.i = range r.Variants {
		if err := r.Run(ctx, client, given.i); err != nil {
			return Floor{}, false, err
		}
	}
	keys, near, err := s.keys(ctx, r.Variants)
	if err != nil {
		return Floor{}, false, err
	}
	defer near.Close()
	var (
		fingerprint []byte
		buf         = make([]byte, 0, 4096)
	)
	c, err := p.Measure(ctx,
		Case{Name: "hit", Variants: r.Variants, Run: func(ctx context.Context, i int) error { return r.Run(ctx, s.Hit, i) }},
		Case{Name: "builder", Variants: r.Variants, Run: func(ctx context.Context, i int) error {
			given.i = i
			return r.Run(ctx, client, i)
		}},
		Case{Name: "fingerprint", Variants: r.Variants, Run: func(_ context.Context, i int) error {
			fingerprint = lean(buf[:0], made[i])
			return nil
		}},
		Case{Name: "hash", Variants: r.Variants, Run: func(_ context.Context, i int) error {
			binary.BigEndian.PutUint64(fingerprint, uint64(i))
			hashed = [2]uint64{maphash.Bytes(seeds[0], fingerprint), maphash.Bytes(seeds[1], fingerprint)}
			return nil
		}},
		Case{Name: "look-up", Variants: r.Variants, Run: func(_ context.Context, i int) error {
			if _, ok := near.Get(keys[i]); !ok {
				return fmt.Errorf("entry %d is gone", i)
			}
			return nil
		}},
		Case{Name: "clone", Variants: r.Variants, Run: func(_ context.Context, i int) error {
			if _, ok := given.builder.EntcacheClone(given.results[i]); !ok {
				return fmt.Errorf("%T can't be cloned", given.results[i])
			}
			return nil
		}},
	)
	if err != nil {
		return Floor{}, false, fmt.Errorf("%s: %w", r.Name, err)
	}
	return Floor{Read: r.Name, Comparison: c}, true, nil
}

// hashed keeps the compiler from leaving the hash out.
var (
	hashed [2]uint64
	seeds  = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
)

// given is an interceptor that has the results at hand, once it has seen them.
type given struct {
	i       int
	results []ent.Value
	builder cache.ValueBuilder
}

// Intercept implements ent.Interceptor.
func (g *given) Intercept(next ent.Querier) ent.Querier {
	return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		if v := g.results[g.i]; v != nil {
			return v, nil
		}
		v, err := next.Query(ctx, q)
		// Not the statement of an edge.
		if b, ok := q.(cache.ValueBuilder); ok && err == nil && ent.QueryFromContext(ctx) == b.EntcacheContext() {
			// As the cache keeps it: a copy's entities lie side by side.
			g.results[g.i], _ = b.EntcacheClone(v)
			g.builder = b
		}
		return v, err
	})
}

// keys returns a near level of so many entries, and their keys.
func (s *Store) keys(ctx context.Context, entries int) ([]cache.Key, cache.Near, error) {
	e, err := s.sample(ctx)
	if err != nil {
		return nil, nil, err
	}
	near := memstore.New(crowdedBytes)
	if err := crowd(near, e, entries); err != nil {
		return nil, nil, err
	}
	keys := make([]cache.Key, entries)
	for i := range keys {
		keys[i] = crowdKey(i)
	}
	return keys, near, nil
}

// statement is what a lean fingerprint of one statement is made from.
type statement struct {
	table string
	where []condition
	order []string
}

// condition compares a column with a value.
type condition struct {
	column, op string
	value      any
}

// statements are the statements of the reads.
var statements = map[string]func(i int) []statement{
	byID: func(i int) []statement { return tracks(condition{track.FieldID, "=", i + 1}) },
	"20 of 10k, scan and sort": func(i int) []statement {
		return tracks(condition{track.FieldGenreID, "=", i + 1}, condition{track.FieldUnitPrice, ">", int64(100)}).by(track.FieldName, track.FieldID)
	},
	"20 of 10k, by index": func(int) []statement {
		return tracks(condition{track.FieldStatus, "=", track.StatusAvailable}).by(track.FieldName, track.FieldID)
	},
	"100 rows": func(i int) []statement { return tracks(condition{track.FieldID, ">", i * 100}).by(track.FieldID) },
	"50 albums with 4 tracks each": func(i int) []statement {
		return []statement{
			{album.Table, []condition{{album.FieldID, ">", i * 50}}, []string{album.FieldID}},
			{table: track.Table},
		}
	},
	"Count":    func(i int) []statement { return tracks(condition{track.FieldGenreID, "=", i + 1}) },
	"Exist":    func(i int) []statement { return tracks(condition{track.FieldID, "=", i + 1}) },
	"IDs, 100": func(i int) []statement { return tracks(condition{track.FieldID, ">", i * 100}).by(track.FieldID) },
}

type one []statement

func tracks(where ...condition) one { return one{{table: track.Table, where: where}} }

func (o one) by(order ...string) []statement {
	o[0].order = order
	return o
}

// lean appends what the predicates and the order of statements say, which are at hand
// here: of a query they are functions.
func lean(buf []byte, list []statement) []byte {
	for _, st := range list {
		buf = append(buf, st.table...)
		for _, c := range st.where {
			buf = append(append(buf, c.column...), c.op...)
			switch v := c.value.(type) {
			case int:
				buf = binary.BigEndian.AppendUint64(buf, uint64(v))
			case int64:
				buf = binary.BigEndian.AppendUint64(buf, uint64(v))
			case string:
				buf = append(buf, v...)
			case fmt.Stringer:
				buf = append(buf, v.String()...)
			}
		}
		for _, column := range st.order {
			buf = append(buf, column...)
		}
	}
	return buf
}
