// Package music is the example's music store: its data, and what visitors do
// with it.
package music

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/entcache/ent-cache/ent"
)

// A Visitor is one goroutine's way through the store.
type Visitor struct {
	*rand.Rand
	ids *IDs
	say []string

	artists, albums, tracks, genres, playlists, customers, words *rand.Zipf
}

// NewVisitor returns the n-th visitor of a seed, who searches for one of the
// words now and then.
func NewVisitor(seed, n uint64, ids *IDs, words []string) *Visitor {
	v := &Visitor{Rand: rand.New(rand.NewPCG(seed, 2+n)), ids: ids, say: words}
	// Few things are asked for often, and many rarely.
	zipf := func(n int) *rand.Zipf { return rand.NewZipf(v.Rand, 1.3, 2, uint64(n-1)) }
	v.artists, v.albums, v.tracks = zipf(len(ids.Artists)), zipf(len(ids.Albums)), zipf(len(ids.Tracks))
	v.genres, v.playlists, v.customers = zipf(len(ids.Genres)), zipf(len(ids.Playlists)), zipf(len(ids.Customers))
	v.words = zipf(len(words))
	return v
}

func (v *Visitor) artist() int   { return v.ids.Artists[v.artists.Uint64()] }
func (v *Visitor) album() int    { return v.ids.Albums[v.albums.Uint64()] }
func (v *Visitor) track() int    { return v.ids.Tracks[v.tracks.Uint64()] }
func (v *Visitor) genre() int    { return v.ids.Genres[v.genres.Uint64()] }
func (v *Visitor) playlist() int { return v.ids.Playlists[v.playlists.Uint64()] }
func (v *Visitor) customer() int { return v.ids.Customers[v.customers.Uint64()] }
func (v *Visitor) email() string { return v.ids.Emails[v.customers.Uint64()] }
func (v *Visitor) word() string  { return v.say[v.words.Uint64()] }
func (v *Visitor) employee() int { return v.ids.Employees[v.IntN(len(v.ids.Employees))] }

// page: most visitors look at the first one.
func (v *Visitor) page() int { return max(0, v.IntN(6)-3) }

// Read draws what the visitor looks at next.
func (v *Visitor) Read() Read {
	i := pick(v.Rand, Kinds, func(k Kind) int { return k.weight })
	r := Kinds[i].ask(v)
	r.kind = i
	return r
}

// Write draws an action, runs it, and returns its index in Actions. An order that
// came to nothing isn't an error: then rolledBack is set.
func (v *Visitor) Write(ctx context.Context, c *ent.Client) (action int, rolledBack bool, err error) {
	action = pick(v.Rand, Actions, func(a Action) int { return a.weight })
	err = Actions[action].run(ctx, c, v)
	if errors.Is(err, errChangedMind) || errors.Is(err, errOutOfStock) {
		return action, true, nil
	}
	return action, false, err
}

// pick draws an element by its weight.
func pick[T any](r *rand.Rand, from []T, weight func(T) int) int {
	sum := 0
	for _, t := range from {
		sum += weight(t)
	}
	n := r.IntN(sum)
	for i, t := range from {
		if n -= weight(t); n < 0 {
			return i
		}
	}
	return len(from) - 1
}
