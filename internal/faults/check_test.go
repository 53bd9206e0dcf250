package faults

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	testShelf = 1
	testItem  = firstItem
	testOther = firstItem + 1
)

// past is a history under construction: two items on shelf 1, versions of which
// are written at given times.
type past struct {
	*History
	t   *testing.T
	log map[int][]LogRow
}

func newPast(t *testing.T) *past {
	p := &past{History: NewHistory(Size{Shelves: 2, Items: 2}), t: t, log: make(map[int][]LogRow)}
	for _, key := range []int{1, 2, testItem, testOther} {
		shelf := testShelf
		if key < firstItem {
			shelf = 0
		}
		p.log[key] = []LogRow{{Key: key, Ver: 1, Nonce: nonce(0, key), Shelf: shelf, Present: true}}
	}
	return p
}

// write adds a version that worker 1 wrote, with a commit sent at from and known
// at to; to < 0 is a writer that died.
func (p *past) write(op uint64, key int, from, to int64, change ...func(*LogRow)) {
	w := p.Write(op, 1)
	w.Began, w.Committing = from, from
	if to >= 0 {
		w.Ended, w.Outcome = to, Committed
	}
	rows := p.log[key]
	r := rows[len(rows)-1]
	r.Ver, r.Nonce = r.Ver+1, nonce(op, len(rows))
	for _, f := range change {
		f(&r)
	}
	p.log[key] = append(rows, r)
}

func (p *past) settle() *past {
	for _, rows := range p.log {
		require.Empty(p.t, p.Append(rows))
	}
	p.Settle()
	return p
}

// row is what a read returns that sees the version of the key.
func (p *past) row(key, ver int) Row {
	r := p.log[key][ver-1]
	return Row{Key: key, Ver: ver, Nonce: r.Nonce}
}

func (p *past) read(worker int, q Query, s, e int64, rows ...Row) *Read {
	return &Read{Worker: worker, Event: Event{Kind: Seen, Query: q, Start: s, End: e, Rows: rows, Sum: len(rows)}}
}

func whats(vs []Violation) string {
	var names []string
	for _, v := range vs {
		names = append(names, string(v.What))
	}
	return strings.Join(names, ",")
}

func TestCheckOneRow(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110) // version 2
	p.write(11, testItem, 200, 210) // version 3
	p.write(12, testItem, 300, -1)  // version 4: nobody knows when
	p.settle()
	one := Query{Of: One, Key: testItem}
	for _, tc := range []struct {
		name   string
		worker int
		ver    int
		s, e   int64
		bound  int64
		want   string
	}{
		{"the old one before the commit", 2, 1, 50, 60, 0, ""},
		{"the old one while the commit runs", 2, 1, 105, 108, 0, ""},
		{"the new one while the commit runs", 2, 2, 90, 101, 0, ""},
		{"the old one after the commit", 2, 1, 111, 112, 0, "stale"},
		{"the old one after the commit within the bound", 2, 1, 119, 120, 10, ""},
		{"the old one after the bound", 2, 1, 121, 122, 10, "stale"},
		{"two old within the bound of the second", 2, 1, 215, 216, 10, "stale"},
		{"a long read that began before", 2, 1, 109, 900, 0, ""},
		{"the new one before its commit was sent", 2, 2, 90, 99, 0, "future"},
		{"of the writer, within the bound", 1, 1, 111, 112, 10, "own write lost"},
		{"of the writer, before it knew", 1, 1, 109, 112, 10, ""},
		{"not known whether yet", 2, 3, 900, 901, 0, ""},
		{"not known whether already", 2, 4, 900, 901, 0, ""},
	} {
		r := p.read(tc.worker, one, tc.s, tc.e, p.row(testItem, tc.ver))
		require.Equal(t, tc.want, whats(p.Check(r, tc.bound)), tc.name)
	}
	require.EqualValues(t, 11, p.Check(p.read(2, one, 131, 132, p.row(testItem, 1)), 10)[0].By)

	nonces := p.read(2, one, 220, 221, Row{Key: testItem, Ver: 3, Nonce: nonce(99, 1)})
	require.Equal(t, "dirty", whats(p.Check(nonces, 0)), "another nonce")
	nonces.Rows[0] = Row{Key: testItem, Ver: 9, Nonce: nonce(99, 1)}
	require.Equal(t, "dirty", whats(p.Check(nonces, 0)), "a version that isn't there")
	nonces.Rows[0] = p.row(testOther, 1)
	require.Equal(t, "dirty", whats(p.Check(nonces, 0)), "another row")
	require.Equal(t, "dirty", whats(p.Check(p.read(2, one, 220, 221), 0)), "no row, and it was always there")
}

// What somebody has seen is known from then on, though its writer died.
func TestCheckSightings(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, -1)
	p.Sighted(p.row(testItem, 2), 150)
	p.settle()
	one := Query{Of: One, Key: testItem}
	require.Empty(t, p.Check(p.read(2, one, 149, 160, p.row(testItem, 1)), 0))
	require.Equal(t, "stale", whats(p.Check(p.read(2, one, 151, 160, p.row(testItem, 1)), 0)))
}

// A later version proves the earlier ones.
func TestCheckVersionsFollowEachOther(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, -1)
	p.write(11, testItem, 90, 200)
	p.settle()
	one := Query{Of: One, Key: testItem}
	require.Equal(t, "stale", whats(p.Check(p.read(2, one, 201, 202, p.row(testItem, 1)), 0)))
	require.Equal(t, "future", whats(p.Check(p.read(2, one, 91, 99, p.row(testItem, 3)), 0)), "not before the version that it follows")
}

func TestCheckTokens(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.settle()
	r := p.read(2, Query{Of: One, Key: testItem}, 111, 112, p.row(testItem, 1))
	require.Empty(t, p.Check(r, 10))
	r.After = 10
	require.Equal(t, "token missed", whats(p.Check(r, 10)))
	r.Rows[0] = p.row(testItem, 2)
	require.Empty(t, p.Check(r, 10))
}

func TestCheckWithinATransaction(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.write(10, testItem, 100, 110)
	p.settle()
	one := Query{Of: One, Key: testItem}
	require.Equal(t, "dirty", whats(p.Check(p.read(2, one, 105, 106, p.row(testItem, 2)), 1000)))
	require.Empty(t, p.Check(p.read(2, one, 105, 106, p.row(testItem, 3)), 0))
}

func TestCheckPausedWriter(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.Write(10, 1).Late = 50
	p.settle()
	one := Query{Of: One, Key: testItem}
	require.Empty(t, p.Check(p.read(2, one, 160, 161, p.row(testItem, 1)), 0))
	require.Equal(t, "stale", whats(p.Check(p.read(2, one, 161, 162, p.row(testItem, 1)), 0)))
	require.Equal(t, "own write lost", whats(p.Check(p.read(1, one, 111, 162, p.row(testItem, 1)), 0)))
	p.Write(10, 1).Settled = 130
	p.Settle()
	require.Empty(t, p.Check(p.read(2, one, 130, 131, p.row(testItem, 1)), 0))
	require.Equal(t, "stale", whats(p.Check(p.read(2, one, 131, 132, p.row(testItem, 1)), 0)))
}

func TestCheckLists(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.write(11, testOther, 120, 130, func(r *LogRow) { r.Shelf = 2 })
	p.write(12, testItem, 140, 150, func(r *LogRow) { r.Present = false })
	p.settle()
	a, b := Query{Of: OnShelf, Key: 1}, Query{Of: OnShelf, Key: 2}
	all := Query{Of: AllItems}
	for _, tc := range []struct {
		name string
		q    Query
		s, e int64
		want string
		rows []Row
	}{
		{"both at first", a, 50, 51, "", []Row{p.row(testItem, 1), p.row(testOther, 1)}},
		{"one is missing", a, 50, 51, "dirty", []Row{p.row(testItem, 1)}},
		{"one twice", a, 50, 51, "dirty", []Row{p.row(testItem, 1), p.row(testItem, 1)}},
		{"the moved one is still there", a, 131, 132, "stale", []Row{p.row(testItem, 2), p.row(testOther, 1)}},
		{"the moved one has gone", a, 131, 132, "", []Row{p.row(testItem, 2)}},
		{"the moved one hasn't arrived", b, 131, 132, "stale", nil},
		{"the moved one has arrived", b, 131, 132, "", []Row{p.row(testOther, 2)}},
		{"the moved one is in the wrong list", a, 131, 132, "dirty", []Row{p.row(testItem, 2), p.row(testOther, 2)}},
		{"neither there nor here", all, 131, 132, "dirty", []Row{p.row(testItem, 2)}},
		{"the deleted one is still there", all, 151, 152, "stale", []Row{p.row(testItem, 2), p.row(testOther, 2)}},
		{"the deleted one has gone", all, 151, 152, "", []Row{p.row(testOther, 2)}},
		{"the deleted one has gone too early", all, 131, 132, "dirty", []Row{p.row(testOther, 2)}},
		// Each row may be seen in that time; the first had been replaced when
		// the second was written.
		{"never there together", all, 50, 152, "torn", []Row{p.row(testItem, 1), p.row(testOther, 2)}},
		{"together", all, 50, 152, "", []Row{p.row(testItem, 2), p.row(testOther, 2)}},
		{"missing beside what was gone by then", all, 50, 152, "torn", []Row{p.row(testOther, 1)}},
	} {
		require.Equal(t, tc.want, whats(p.Check(p.read(2, tc.q, tc.s, tc.e, tc.rows...), 0)), tc.name)
	}
}

// A result may be older than a write of the reader's own that doesn't change it.
func TestCheckOwnWriteElsewhere(t *testing.T) {
	p := newPast(t)
	p.write(10, testOther, 100, 110, func(r *LogRow) { r.Shelf = 2 })
	p.write(11, testItem, 200, 210)
	p.write(12, testOther, 250, 260)
	p.settle()
	a := Query{Of: OnShelf, Key: 1}
	require.Empty(t, p.Check(p.read(2, a, 300, 301, p.row(testItem, 1)), 100))
	require.Equal(t, "own write lost", whats(p.Check(p.read(1, a, 300, 301, p.row(testItem, 1)), 100)))
	p.Write(11, 1).Worker = 3
	p.Settle()
	require.Empty(t, p.Check(p.read(1, a, 300, 301, p.row(testItem, 1)), 100))
}

// Another process moves a row to a shelf, the reader writes it there, and must not
// have the list from before: its own write isn't on it.
func TestCheckOwnWriteOnAnothersMove(t *testing.T) {
	for _, tc := range []struct {
		name          string
		mover, bound  int
		want, counted string
	}{
		{"another's move within the bound", 2, 200, "own write lost", "stale"},
		{"another's move beyond the bound", 2, 50, "stale", "stale"},
		{"its own move", 1, 200, "own write lost", "stale"},
	} {
		p := newPast(t)
		p.write(10, testItem, 100, 110, func(r *LogRow) { r.Shelf = 2 })
		p.write(11, testItem, 200, 210)
		p.settle()
		p.Write(10, 1).Worker = tc.mover
		p.Settle()
		r := p.read(1, Query{Of: OnShelf, Key: 2}, 300, 301)
		require.Equal(t, tc.want, whats(p.Check(r, int64(tc.bound))), tc.name)
		r.Query.Of = CountOnShelf
		require.Equal(t, tc.counted, whats(p.Check(r, int64(tc.bound))), tc.name)
	}
}

// A move that others weren't told of may be missing from lists though a later write
// of the row, which leaves it there, was announced: that doesn't touch the lists.
func TestCheckMoveOthersWerentToldOf(t *testing.T) {
	const mover, writer, reader = 1, 2, 3
	for _, tc := range []struct {
		name          string
		reader        int
		s             int64
		after         uint64
		want, counted string
		change        func(*past)
	}{
		{name: "of somebody else", reader: reader, s: 250},
		{name: "of who wrote it since", reader: writer, s: 250},
		{name: "of who moved it", reader: mover, s: 250, want: "stale", counted: "stale"},
		{name: "with the mover's token", reader: reader, s: 250, after: 10, want: "stale", counted: "stale"},
		{name: "with the token of who wrote it since", reader: reader, s: 250, after: 11},
		{name: "when entries have expired", reader: reader, s: 311, want: "stale", counted: "stale"},
		{name: "but it was announced", reader: reader, s: 250, want: "stale", counted: "stale", change: func(p *past) { p.Write(10, mover).Late = 0 }},
		{name: "but it was moved again since", reader: reader, s: 250, want: "stale", counted: "stale", change: func(p *past) {
			p.write(12, testItem, 220, 222, func(r *LogRow) { r.Shelf = 1 })
			p.write(13, testItem, 224, 226, func(r *LogRow) { r.Shelf = 2 })
		}},
	} {
		p := newPast(t)
		p.write(10, testItem, 100, 110, func(r *LogRow) { r.Shelf = 2 })
		p.write(11, testItem, 200, 210)
		p.Write(10, mover).Late, p.Write(11, writer).Worker = 200, writer
		if tc.change != nil {
			tc.change(p)
		}
		p.settle()
		r := p.read(tc.reader, Query{Of: OnShelf, Key: 2}, tc.s, tc.s+1)
		r.After = tc.after
		require.Equal(t, tc.want, whats(p.Check(r, 0)), tc.name)
		r.Query.Of = CountOnShelf
		require.Equal(t, tc.counted, whats(p.Check(r, 0)), tc.name)
		// The list it left has it with its old version, which the later write
		// replaced; a number doesn't say.
		r.Query.Key = 1
		r.Rows, r.Sum = []Row{p.row(testItem, 1), p.row(testOther, 1)}, 2
		require.Equal(t, tc.counted, whats(p.Check(r, 0)), tc.name)
		if tc.want == "" {
			r.Query.Of = OnShelf
			require.NotEmpty(t, p.Check(r, 0), tc.name)
		}
	}
}

func TestCheckNumbers(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.write(11, testOther, 120, 130, func(r *LogRow) { r.Shelf = 2 })
	p.settle()
	check := func(q Query, s, e int64, n int) string {
		r := p.read(2, q, s, e)
		r.Sum = n
		return whats(p.Check(r, 0))
	}
	count, sum := Query{Of: CountOnShelf, Key: 1}, Query{Of: SumItems}
	require.Equal(t, "", check(count, 50, 51, 2))
	require.Equal(t, "stale", check(count, 50, 51, 1))
	require.Equal(t, "", check(count, 125, 126, 1))
	require.Equal(t, "", check(count, 125, 126, 2))
	require.Equal(t, "stale", check(count, 131, 132, 2))
	require.Equal(t, "", check(sum, 50, 51, 2))
	require.Equal(t, "", check(sum, 105, 106, 3))
	require.Equal(t, "stale", check(sum, 111, 112, 2))
	require.Equal(t, "stale", check(sum, 50, 51, 3), "of the future")
}

func TestCheckLog(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.Write(10, 1).Outcome = Refused
	require.Equal(t, "undead write", whats(p.Append(p.log[testItem])))

	require.Equal(t, "broken log", whats(p.Append([]LogRow{{Key: testOther, Ver: 1, Nonce: nonce(77, 1)}})), "nobody reported it")
	require.Equal(t, "broken log", whats(p.Append([]LogRow{{Key: testOther, Ver: 3, Nonce: nonce(10, 1)}}))[:10], "a version is missing")
	require.Equal(t, "broken log", whats(p.Append([]LogRow{{Key: testOther, Ver: 4, Nonce: deleted + "x"}})), "an unknown deletion")
}

func TestCheckFinal(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.write(11, testOther, 120, 130, func(r *LogRow) { r.Present = false })
	p.settle()
	final := func(q Query, rows ...Row) string { return whats(p.CheckFinal(p.read(2, q, 900, 901, rows...))) }
	all, one := Query{Of: AllItems}, Query{Of: One, Key: testOther}
	require.Equal(t, "", final(all, p.row(testItem, 2)))
	require.Equal(t, "not final", final(all, p.row(testItem, 2), p.row(testOther, 1)))
	require.Equal(t, "not final", final(all))
	require.Equal(t, "not final,not final", final(all, p.row(testItem, 1), p.row(testOther, 1)))
	require.Equal(t, "", final(one))
	require.Equal(t, "not final", final(one, p.row(testOther, 1)))
	require.Equal(t, "", final(Query{Of: CountOnShelf, Key: 1}, p.row(testItem, 2)))
	require.Equal(t, "not final", final(Query{Of: CountOnShelf, Key: 1}))
}

func TestPruneKeepsTheLast(t *testing.T) {
	p := newPast(t)
	p.write(10, testItem, 100, 110)
	p.write(11, testOther, 120, -1)
	p.settle()
	p.Prune()
	require.Len(t, p.versions[testItem], 1)
	require.NotContains(t, p.writes, uint64(10))
	require.Contains(t, p.writes, uint64(11), "it may still be found in the log")
	p.Settle()
	one := Query{Of: One, Key: testItem}
	require.Equal(t, "stale", whats(p.Check(p.read(2, one, 900, 901, p.row(testItem, 1)), 0)))
	require.Empty(t, p.Check(p.read(2, one, 900, 901, p.row(testItem, 2)), 0))
}

// The rows of a bulk update share a nonce, and two writers may both be about to
// delete a row.
func TestHistoryFindsWhoDeleted(t *testing.T) {
	p := newPast(t)
	for _, key := range []int{testItem, testOther} {
		p.write(10, key, 100, 110, func(r *LogRow) { r.Nonce = nonce(10, 1) })
		p.write(uint64(key), key, 200, 210, func(r *LogRow) { r.Nonce, r.Present = deleted+nonce(10, 1), false })
		p.Deleting(p.Write(uint64(key), 1), key, nonce(10, 1))
	}
	late := p.Write(77, 1)
	late.Began, late.Outcome = 150, RolledBack
	p.Deleting(late, testItem, nonce(10, 1))
	p.Write(testOther, 1).Outcome = Unknown
	p.settle()
	require.EqualValues(t, testItem, p.versions[testItem][2].write.Op)
	require.EqualValues(t, 210, p.versions[testItem][2].known)
	require.EqualValues(t, never, p.versions[testOther][2].known)
	p.Prune()
	require.Len(t, p.deletes, 1)
}
