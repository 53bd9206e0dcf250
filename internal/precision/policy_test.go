package precision

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A log of fourteen operations, and what each policy makes of it, worked out by
// hand. Operations are 30 s apart, so "TTL only" keeps entries for ten of them.
func TestPolicies(t *testing.T) {
	one := func(hash uint64) *result {
		return &result{key: 1, hash: hash, tables: []string{"tracks"}, rows: []row{{"tracks", "1"}}}
	}
	list := func(hash uint64, rows ...row) *result {
		return &result{key: 2, hash: hash, tables: []string{"tracks"}, rows: rows}
	}
	track1, track2 := row{"tracks", "1"}, row{"tracks", "2"}
	log := []struct {
		read  *result
		write write
	}{
		1:  {read: one(1)},
		2:  {read: list(1, track1, track2)},
		3:  {write: write{tables: []string{"albums"}, rows: []row{{"albums", "1"}}}},
		4:  {read: one(1)},
		5:  {read: list(1, track1, track2)},
		6:  {write: write{tables: []string{"tracks"}, rows: []row{track2}}},
		7:  {read: one(1)},
		8:  {read: list(2, track1, track2)},
		9:  {write: write{tables: []string{"tracks"}}}, // an insert, which the list shows
		10: {read: list(3, track1, track2, row{"tracks", "3"})},
		11: {read: one(1)},
		12: {write: write{tables: []string{"tracks"}, bulk: []string{"tracks"}}}, // of no row
		13: {read: one(1)},
		14: {read: one(1)},
	}
	want := map[string]Score{
		// Misses 1, 2, 8 and 10.
		"oracle": {Reads: 10, Hits: 6, Evicted: 2},
		// Misses 1, 2, 8 and 13, which was needless; 10 is stale.
		"rows only": {Reads: 10, Hits: 6, Stale: 1, Evicted: 2, Needless: 1},
		// Hits 4, 5 and 14; 7, 11 and 13 were needless.
		"table level": {Reads: 10, Hits: 3, Evicted: 5, Needless: 3},
		// Hits 14; 4, 5, 7, 11 and 13 were needless.
		"whole cache": {Reads: 10, Hits: 1, Evicted: 7, Needless: 5},
		// Misses 1, 2 and 11, by which time 1 has expired; 8 and 10 are stale.
		"TTL only": {Reads: 10, Hits: 7, Stale: 2, Evicted: 1, Needless: 1},
	}
	got := make(map[string]Score)
	for _, p := range policies(30 * time.Second) {
		m := &model{policy: p, entries: make(map[uint64]entry)}
		for at, op := range log {
			switch {
			case op.read != nil:
				m.read(at, *op.read)
			case op.write.tables != nil:
				m.wrote(at, op.write)
			}
		}
		got[p.name()] = m.score
	}
	require.Equal(t, want, got)
}
