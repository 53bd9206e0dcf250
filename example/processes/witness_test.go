package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/ent"
)

func TestJudge(t *testing.T) {
	const second = time.Second
	history := map[int][]seenPrice{1: {{10, 0}, {11, 5 * second}, {15, 8 * second}}}
	for name, test := range map[string]struct {
		sighting sighting
		beyond   uint64
		oldest   time.Duration
	}{
		"current":                  {sighting{1, 15, 1, 20 * second}, 0, 0},
		"newer than was seen":      {sighting{1, 16, 1, 7 * second}, 0, 0},
		"before it was written":    {sighting{1, 11, 1, 4 * second}, 0, 0},
		"old within the bound":     {sighting{1, 10, 1, 6 * second}, 0, second},
		"old beyond the bound":     {sighting{1, 10, 1, 6*second + 1}, 1, second + 1},
		"the first that was lower": {sighting{1, 10, 3, 20 * second}, 3, 15 * second},
		"between two prices":       {sighting{1, 12, 2, 9*second + 1}, 2, second + 1},
		"below all prices":         {sighting{1, 9, 1, 2 * second}, 1, 2 * second},
		"a track that wasn't seen": {sighting{2, 9, 1, 20 * second}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := &witness{bound: second, seen: history}
			w.judge(test.sighting)
			require.Equal(t, verdict{prices: test.sighting.Times, beyond: test.beyond, oldest: test.oldest}, w.result())
		})
	}
}

// TestSightings: prices are found wherever a result holds a track, and told once.
func TestSightings(t *testing.T) {
	a, b := &ent.Track{ID: 1, UnitPrice: 10}, &ent.Track{ID: 2, UnitPrice: 20}
	for name, test := range map[string]struct {
		result any
		want   []sighting
	}{
		"a track":         {a, []sighting{{1, 10, 1, 7}}},
		"tracks":          {[]*ent.Track{a, b, a}, []sighting{{1, 10, 2, 7}}},
		"an album":        {&ent.Album{Edges: ent.AlbumEdges{Tracks: []*ent.Track{b, a}}}, []sighting{{1, 10, 1, 7}}},
		"a playlist":      {&ent.Playlist{Edges: ent.PlaylistEdges{Tracks: []*ent.Track{a}}}, []sighting{{1, 10, 1, 7}}},
		"one not watched": {b, []sighting{}},
		"none":            {"not found", []sighting{}},
		"a customer": {&ent.Customer{Edges: ent.CustomerEdges{Invoices: []*ent.Invoice{{Edges: ent.InvoiceEdges{Lines: []*ent.InvoiceLine{
			{}, {Edges: ent.InvoiceLineEdges{Track: a}},
		}}}}}}, []sighting{{1, 10, 1, 7}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sightings{watched: []int{1}, seen: make(map[price]*sighting)}
			s.add(test.result, 7)
			require.Equal(t, test.want, s.take())
			require.Empty(t, s.take())
		})
	}
}
