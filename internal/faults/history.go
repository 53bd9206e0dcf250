package faults

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// never is later than every time of a run.
const never = math.MaxInt64

// Write is a write as its worker reported it.
type Write struct {
	Op     uint64
	Worker int
	Began  int64
	// Committing is when the commit was about to be sent, zero if it wasn't.
	Committing int64
	// Ended is when the outcome was known, zero if the worker died before.
	Ended   int64
	Outcome Outcome
	Token   string
	// Owed is set if other processes may not have been told in time.
	Owed bool
	// Late is for how long what the write replaced is excused because of that,
	// but not longer than until Settled, if that isn't zero.
	Late, Settled int64
}

// last names a row by its last version; the rows of one statement share a nonce.
type last struct {
	key   int
	nonce string
}

// sent is the earliest moment at which the write can have become visible.
func (w *Write) sent() int64 { return max(w.Began, w.Committing) }

// excused is when others must know of the write that somebody knew of at the time.
func (w *Write) excused(known int64) int64 {
	if w == nil || known == never {
		return known
	}
	until := known + w.Late
	if w.Settled != 0 {
		until = min(until, max(known, w.Settled))
	}
	return until
}

// LogRow is one version of a row, as the database's log has it.
type LogRow struct {
	Seq, Key, Ver int
	Nonce         string
	// Shelf is the item's shelf, zero for shelves; Present is false for a row
	// that was deleted.
	Shelf   int
	Present bool
}

// Version is one version of a row.
type Version struct {
	Ver     int
	Nonce   string
	Shelf   int
	Present bool

	write *Write
	// earliest is when it may have become visible, seen when somebody knew of it,
	// known by when everybody had to, of it or a later one.
	earliest, seen, known int64
	// told is by when they had to know of this one, whatever of later ones.
	told int64
}

// History is what the database went through, by the rows' keys.
type History struct {
	Size
	versions map[int][]Version
	writes   map[uint64]*Write
	deletes  map[last][]*Write
	// own are each worker's commits.
	own map[int]map[int][]commit
	// sightings are what reads have seen, to be added to known.
	sightings map[sighting]int64
}

// commit says that a worker knew at the time that the version is there.
type commit struct {
	at  int64
	ver int
}

type sighting struct {
	key, ver int
	nonce    string
}

// NewHistory returns an empty history.
func NewHistory(size Size) *History {
	return &History{
		Size: size, versions: make(map[int][]Version), writes: make(map[uint64]*Write), deletes: make(map[last][]*Write),
		sightings: make(map[sighting]int64),
	}
}

// Write returns the write of an operation, to be filled in.
func (h *History) Write(op uint64, worker int) *Write {
	w := h.writes[op]
	if w == nil {
		w = &Write{Op: op, Worker: worker}
		h.writes[op] = w
	}
	return w
}

// Deleting notes which row a write was to delete: the log has the row's last
// nonce and not one of the write's.
func (h *History) Deleting(w *Write, key int, nonce string) {
	h.deletes[last{key, nonce}] = append(h.deletes[last{key, nonce}], w)
}

// Sighted notes that somebody had seen the version by the time.
func (h *History) Sighted(r Row, at int64) {
	s := sighting{r.Key, r.Ver, r.Nonce}
	if t, ok := h.sightings[s]; !ok || at < t {
		h.sightings[s] = at
	}
}

// nonce names a statement of an operation.
func nonce(op uint64, statement int) string {
	return strconv.FormatUint(op, 36) + "." + strconv.Itoa(statement)
}

// deleted is before the nonce of a row's last version in the log entry of its
// deletion.
const deleted = "deleted "

// author finds the write that set a row's nonce; nil is the set-up.
func (h *History) author(key int, n string) (*Write, error) {
	if n, ok := strings.CutPrefix(n, deleted); ok {
		return h.deleter(last{key, n})
	}
	text, _, _ := strings.Cut(n, ".")
	op, err := strconv.ParseUint(text, 36, 64)
	if err != nil {
		return nil, fmt.Errorf("entcache: the log has the nonce %q, which nobody sets: %w", n, err)
	}
	if op == 0 {
		return nil, nil
	}
	if w := h.writes[op]; w != nil {
		return w, nil
	}
	return nil, fmt.Errorf("entcache: the log has the nonce %q of a write that nobody reported", n)
}

// deleter finds the write that deleted the row with the nonce, among those that
// were to.
func (h *History) deleter(row last) (*Write, error) {
	var found *Write
	for _, w := range h.deletes[row] {
		switch {
		case w.Outcome == Committed:
			return w, nil
		// Of several that nobody heard of again, the one that may have come first.
		case w.Outcome == Unknown && (found == nil || w.sent() < found.sent()):
			found = w
		}
	}
	if found == nil {
		return nil, fmt.Errorf("entcache: the log has a deletion of %v, which nobody reported, or only as failed", row)
	}
	return found, nil
}

// Append adds what the log has got since. It returns what contradicts the
// reports.
func (h *History) Append(rows []LogRow) []Violation {
	var wrong []Violation
	slices.SortFunc(rows, func(a, b LogRow) int { return a.Ver - b.Ver })
	for _, r := range rows {
		old := h.versions[r.Key]
		if len(old) > 0 && old[len(old)-1].Ver+1 != r.Ver {
			wrong = append(wrong, Violation{What: BrokenLog, Detail: fmt.Sprintf("key %d: version %d follows %d", r.Key, r.Ver, old[len(old)-1].Ver)})
		}
		w, err := h.author(r.Key, r.Nonce)
		if err != nil {
			wrong = append(wrong, Violation{What: BrokenLog, Detail: err.Error()})
		}
		if w != nil && (w.Outcome == RolledBack || w.Outcome == Refused) {
			wrong = append(wrong, Violation{What: Undead, Detail: fmt.Sprintf("key %d version %d %q: its write was %s", r.Key, r.Ver, r.Nonce, w.Outcome), Write: w})
		}
		h.versions[r.Key] = append(old, Version{Ver: r.Ver, Nonce: r.Nonce, Shelf: r.Shelf, Present: r.Present, write: w})
	}
	return wrong
}

// Settle works out when versions were visible, from the reports and the
// sightings.
func (h *History) Settle() {
	h.own = make(map[int]map[int][]commit)
	for key, vs := range h.versions {
		earliest := int64(0)
		for i := range vs {
			v := &vs[i]
			v.earliest, v.seen = 0, 0
			if w := v.write; w != nil {
				v.earliest, v.seen = w.sent(), never
				if w.Outcome == Committed {
					v.seen = w.Ended
					h.owns(w.Worker, key, commit{w.Ended, v.Ver})
				}
			}
			if t, ok := h.sightings[sighting{key, v.Ver, v.Nonce}]; ok {
				v.seen = min(v.seen, t)
			}
			v.known = v.write.excused(v.seen)
			// The versions of a row follow each other.
			earliest = max(earliest, v.earliest)
			v.earliest = earliest
		}
		known := int64(never)
		for i := len(vs) - 1; i >= 0; i-- {
			v := &vs[i]
			v.told = v.write.excused(min(known, v.seen))
			known = min(known, v.known)
			v.known = known
		}
	}
	for _, keys := range h.own {
		for key, cs := range keys {
			slices.SortFunc(cs, func(a, b commit) int { return int(max(-1, min(1, a.at-b.at))) })
			for i := 1; i < len(cs); i++ {
				cs[i].ver = max(cs[i].ver, cs[i-1].ver)
			}
			keys[key] = cs
		}
	}
}

func (h *History) owns(worker, key int, c commit) {
	if h.own[worker] == nil {
		h.own[worker] = make(map[int][]commit)
	}
	h.own[worker][key] = append(h.own[worker][key], c)
}

// ownFloor is the least version of the key that a worker must see from then on,
// because it wrote it.
func (h *History) ownFloor(worker, key int, at int64) int {
	cs := h.own[worker][key]
	i := sort.Search(len(cs), func(i int) bool { return cs[i].at > at })
	if i == 0 {
		return 0
	}
	return cs[i-1].ver
}

// tokenFloor is the least version of the key that who has the write's token must
// see.
func (h *History) tokenFloor(op uint64, key int) int {
	vs := h.versions[key]
	for i := len(vs) - 1; i >= 0; i-- {
		if w := vs[i].write; w != nil && w.Op == op {
			return vs[i].Ver
		}
	}
	return 0
}

// replaced is when the i-th version surely wasn't the last any more.
func replaced(vs []Version, i int) int64 {
	if i+1 < len(vs) {
		return vs[i+1].known
	}
	return never
}

// intermediate reports whether the i-th version was replaced by its own
// transaction.
func intermediate(vs []Version, i int) bool {
	return i+1 < len(vs) && vs[i].write != nil && vs[i].write == vs[i+1].write
}

// Prune forgets all but each row's last version, and the writes whose outcome is
// known. Nothing may be running.
func (h *History) Prune() {
	for key, vs := range h.versions {
		h.versions[key] = slices.Clone(vs[len(vs)-1:])
	}
	for op, w := range h.writes {
		if w.Outcome != Unknown {
			delete(h.writes, op)
		}
	}
	for row, ws := range h.deletes {
		if ws = slices.DeleteFunc(ws, func(w *Write) bool { return w.Outcome != Unknown }); len(ws) > 0 {
			h.deletes[row] = ws
		} else {
			delete(h.deletes, row)
		}
	}
	clear(h.sightings)
}
