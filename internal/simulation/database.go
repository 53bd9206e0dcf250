package simulation

import (
	"sync"
	"time"
)

// The size of the database.
const (
	rows    = 5
	shelves = 3
	notes   = 4
)

// row is a row of a table. No two writes use one nonce.
type row struct {
	present    bool
	ver, nonce int
	parent     int // the shelf of an item, the item of a note
}

// state is the tables; the row of id is at id-1. The notes of an item that is
// deleted are deleted with it.
type state struct {
	items [rows]row
	notes [notes]row
}

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
	kind   stmtKind
	note   bool // to a note, not to an item
	id     int  // 0 for all of a parent
	where  int  // the parent
	nonce  int
	ver    int
	parent int // that the row moves to, or is put on; 0 for none
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
	table := s.items[:]
	if st.note {
		table = s.notes[:]
	}
	for i := range table {
		r := &table[i]
		switch {
		case st.id != 0 && st.id != i+1, st.id == 0 && (!r.present || r.parent != st.where):
			continue
		case st.kind == insert:
			if r.present {
				return 0, false
			}
			*r = row{present: true, ver: st.ver, nonce: st.nonce, parent: st.parent}
		case !r.present:
			continue
		case st.kind == remove:
			*r = row{}
			if !st.note {
				s.cascade(i + 1)
			}
		default:
			r.ver += st.ver
			r.nonce = st.nonce
			if st.parent != 0 {
				r.parent = st.parent
			}
		}
		n++
	}
	return n, true
}

// cascade deletes the notes of an item.
func (s *state) cascade(item int) {
	for i := range s.notes {
		if s.notes[i].parent == item {
			s.notes[i] = row{}
		}
	}
}

// write runs a statement as the database does. It reports the constraint that
// the statement would break; then nothing has changed.
func (s *state) write(st statement) (n int, broken error) {
	before := *s
	n, ok := s.apply(st)
	switch {
	case !ok:
		return 0, duplicate
	case n > 0 && st.note && st.parent != 0 && !s.items[st.parent-1].present:
		*s = before
		return 0, orphan
	}
	return n, nil
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
		s.items[i] = row{present: true, ver: 1, nonce: i + 1, parent: 1 + i%shelves}
	}
	for i := range notes - 1 {
		s.notes[i] = row{present: true, ver: 1, nonce: 10 + i, parent: 1 + i/2}
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

// commit runs the statements of a transaction. It returns an error if one of them
// can't be run; then nothing has changed.
func (d *database) commit(writes []statement, at time.Duration, op *operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.commits[len(d.commits)-1].state
	for _, st := range writes {
		if _, err := s.write(st); err != nil {
			return err
		}
	}
	d.commits = append(d.commits, commit{state: s, writes: writes, at: at, op: op})
	return nil
}
