package cache

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache/ledger"
)

// written returns a cache in whose ledger many facts were touched, and entries
// that depend on a hundred rows of one table each, none of them touched.
func written(entries int) (*Cache, []*Entry) {
	c := &Cache{ledger: ledger.New(0)}
	random := rand.New(rand.NewPCG(1, 2))
	for range ledger.DefaultFacts / 2 {
		c.ledger.Touch([]Fact{Fact(random.Uint64())})
	}
	list := make([]*Entry, entries)
	for i := range list {
		e := &Entry{Proof: &Proof{Tables: []Fact{1 << 40}, Position: c.ledger.Now()}}
		for range 100 {
			e.Facts = append(e.Facts, Fact(random.Uint64()))
		}
		list[i] = e
	}
	return c, list
}

func TestValidLooksAtFactsOnlyIfItMust(t *testing.T) {
	c, entries := written(1)
	e := entries[0]
	require.True(t, c.valid(e))
	require.Equal(t, c.ledger.Now(), e.valid.Load())

	c.ledger.Touch([]Fact{e.Tables[0], 7})
	require.True(t, c.valid(e), "another row of the table")
	require.Equal(t, c.ledger.Now(), e.valid.Load())

	// With its table untouched since, the facts aren't looked at.
	facts := e.Facts
	e.Facts = []Fact{7}
	c.ledger.Touch([]Fact{8})
	require.True(t, c.valid(e), "another table")
	e.Facts = facts

	c.ledger.Touch([]Fact{e.Tables[0], e.Facts[99]})
	require.False(t, c.valid(e), "a row of its own")
	require.False(t, c.valid(e), "and again")
	require.Zero(t, testing.AllocsPerRun(100, func() { c.valid(e) }))
}

// BenchmarkValid checks entries of a hundred facts: with no write since the last
// check, with one to another table, and with one elsewhere in the same table,
// where all facts are looked up. The latter is measured for one entry, whose
// part of the ledger is in the processor's cache, and for many, where it isn't.
func BenchmarkValid(b *testing.B) {
	run := func(entries int, write []Fact, behind bool) func(*testing.B) {
		return func(b *testing.B) {
			c, list := written(entries)
			for _, e := range list {
				e.valid.Store(c.ledger.Now())
			}
			if write != nil {
				c.ledger.Touch(write)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				e := list[i%len(list)]
				if behind {
					e.valid.Store(e.Position)
				}
				if !c.valid(e) {
					b.Fatal("touched")
				}
				i++
			}
		}
	}
	b.Run("nothing written", run(1, nil, false))
	b.Run("another table", run(1, []Fact{8}, true))
	b.Run("same table", run(1, []Fact{1 << 40, 7}, true))
	b.Run("same table, 2000 entries", run(2000, []Fact{1 << 40, 7}, true))
}
