package simulation

import (
	"sync"
	"time"
)

// The size of the database.
const (
	rows    = 5
	shelves = 3
)

// row is a row of items. No two writes use one nonce.
type row struct {
	present           bool
	ver, nonce, shelf int
}

// state is the table; the row of id is at id-1.
type state [rows]row

// commit is a state with the write that led to it.
type commit struct {
	state
	writes []statement
	at     time.Duration
	op     *operation // nil for the first
	// unannounced says that other processes weren't told of the write, or not
	// in time. They needn't see it before due.
	unannounced bool
	due         time.Duration
}

// statement is a write.
type statement struct {
	kind  stmtKind
	id    int // 0 for all of the shelf
	where int // the shelf
	nonce int
	ver   int
	shelf int // the shelf the row moves to, or is put on; 0 for none
}

type stmtKind uint8

const (
	insert stmtKind = iota + 1
	update
	remove
)

// apply runs a statement and returns how many rows it changed. It reports false
// if the row to insert is there already.
func (s *state) apply(st statement) (n int, ok bool) {
	for i := range s {
		r := &s[i]
		switch {
		case st.id != 0 && st.id != i+1, st.id == 0 && (!r.present || r.shelf != st.where):
			continue
		case st.kind == insert:
			if r.present {
				return 0, false
			}
			*r = row{present: true, ver: st.ver, nonce: st.nonce, shelf: st.shelf}
		case !r.present:
			continue
		case st.kind == remove:
			*r = row{}
		default:
			r.ver += st.ver
			r.nonce = st.nonce
			if st.shelf != 0 {
				r.shelf = st.shelf
			}
		}
		n++
	}
	return n, true
}

// database is the database that the processes share: all states it has been in.
// Everything that takes effect does so at once, in the order of the commits.
type database struct {
	mu      sync.Mutex
	commits []commit
}

func newDatabase() *database {
	var s state
	for i := range rows - 1 {
		s[i] = row{present: true, ver: 1, nonce: i + 1, shelf: 1 + i%shelves}
	}
	return &database{commits: []commit{{state: s, at: -time.Hour}}}
}

func (d *database) now() state {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.commits[len(d.commits)-1].state
}

// last is the number of the last commit.
func (d *database) last() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.commits) - 1
}

// commit runs the statements of a transaction. It reports false if one of them
// can't be run; then nothing has changed.
func (d *database) commit(writes []statement, at time.Duration, op *operation) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.commits[len(d.commits)-1].state
	for _, st := range writes {
		if _, ok := s.apply(st); !ok {
			return false
		}
	}
	d.commits = append(d.commits, commit{state: s, writes: writes, at: at, op: op})
	return true
}

// query is a question about the items.
type query struct {
	of  queryKind
	arg int
}

type queryKind uint8

const (
	byID queryKind = iota
	byShelf
	countShelf
	all
	several // the rows arg and arg+1
	exists
	numQueries
)

// answer is what a query returns.
type answer struct {
	rows  state
	count int
}

func (q query) eval(s *state) (a answer) {
	for i := range s {
		r := s[i]
		in := r.present
		switch q.of {
		case byID, exists:
			in = in && q.arg == i+1
		case byShelf, countShelf:
			in = in && q.arg == r.shelf
		case several:
			in = in && (q.arg == i+1 || q.arg == i)
		}
		if !in {
			continue
		}
		a.count++
		if q.of != countShelf && q.of != exists {
			a.rows[i] = r
		}
	}
	return a
}

// queries are all there are.
var queries = func() (list []query) {
	for id := 1; id <= rows; id++ {
		list = append(list, query{byID, id}, query{exists, id})
		if id < rows {
			list = append(list, query{several, id})
		}
	}
	for s := 1; s <= shelves; s++ {
		list = append(list, query{byShelf, s}, query{countShelf, s})
	}
	return append(list, query{all, 0})
}()
