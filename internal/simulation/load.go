package simulation

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// load is what the processes of a plan do, mostly.
type load struct {
	writes  int // of a hundred operations
	onNotes int // of a hundred writes
	queries []query
	hot     int // the rows that are written
	// Of 14 reads, so many are strict, have half the bound, or an age four times it.
	strict, half, eventual int
	// Of ten reads, so many bring the last token.
	tokens int
	// quiet is the number of the operation from which on nothing is written.
	quiet int
	// apart says that the first process writes, and that most reads are others'.
	apart bool
	// Of thirty reads, so many refresh.
	refresh int
	nonce   int
}

// newLoad draws a load. Mostly a row or two are written and read again and again,
// in some ways. One plan in three loads edges.
func newLoad(r *rand.Rand) load {
	l := load{writes: 5 + r.IntN(30), hot: rows, strict: 2, half: 1, eventual: 1, quiet: math.MaxInt, tokens: 2, refresh: 1, nonce: 100}
	eager := r.IntN(3) == 0
	if eager {
		l.onNotes = 50
	}
	few, hot := 0, rows
	if r.IntN(4) > 0 {
		few, hot = 1+r.IntN(3), 1+r.IntN(2)
		l.hot = hot
	}
	for _, q := range queries {
		if q.near(hot) && (eager || !q.eager() && !q.aboutNotes()) {
			l.queries = append(l.queries, q)
		}
	}
	if few > 0 {
		r.Shuffle(len(l.queries), func(i, j int) { l.queries[i], l.queries[j] = l.queries[j], l.queries[i] })
		l.queries = l.queries[:few]
	}
	return l
}

// ops draws operations.
func (l *load) ops(r *rand.Rand, processes, n int) (ops []Op) {
	for i := range n {
		op := Op{Slot: r.IntN(processes)}
		switch {
		case i < l.quiet && r.IntN(100) < l.writes:
			op.Kind = Write
			op.Writes = []statement{l.statement(r)}
			if r.IntN(4) == 0 {
				op.Kind = Transaction
				op.Rollback = r.IntN(4) == 0
				for range r.IntN(3) {
					op.Writes = append(op.Writes, l.statement(r))
				}
			}
		case r.IntN(20) == 0:
			op.Kind = MakeToken
		default:
			op.Query = l.queries[r.IntN(len(l.queries))]
			op.Consistency = l.level(r.IntN(14))
			op.Token = r.IntN(10) < l.tokens
			op.Refresh = r.IntN(30) < l.refresh
		}
		if l.apart && (op.Kind != Read || r.IntN(4) == 0) {
			op.Slot = 0
		} else if l.apart {
			op.Slot = 1 + r.IntN(processes-1)
		}
		if r.IntN(40) == 0 {
			op.Cancel = time.Duration(1+r.IntN(100)) * time.Millisecond
		}
		ops = append(ops, op)
	}
	return ops
}

func (l *load) level(n int) cache.Consistency {
	switch {
	case n < l.strict:
		return cache.Strict
	case n < l.strict+l.half:
		return cache.Bounded(bound / 2)
	case n < l.strict+l.half+l.eventual:
		return cache.Eventual(4 * bound)
	}
	switch n - l.strict - l.half - l.eventual {
	case 0:
		return cache.Bounded(2 * bound)
	case 1:
		return cache.Eventual(bound / 4)
	}
	return cache.Consistency{}
}

func (l *load) statement(r *rand.Rand) statement {
	l.nonce++
	st := statement{kind: update, nonce: l.nonce, ver: 1}
	ids, parents := l.hot, shelves
	if r.IntN(100) < l.onNotes {
		st.note, ids, parents = true, min(ids, notes), min(ids+1, rows)
	}
	st.id = 1 + r.IntN(ids)
	parent := 1 + r.IntN(parents)
	switch r.IntN(12) {
	case 0, 1:
		st.parent = parent
	case 2, 3:
		st.kind, st.parent = insert, parent
	case 4:
		st.kind = remove
	case 5:
		st.id, st.where = 0, parent
	case 6:
		if r.IntN(3) == 0 {
			st.kind, st.id, st.where = remove, 0, parent
		}
	}
	return st
}
