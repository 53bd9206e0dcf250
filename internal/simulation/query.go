package simulation

import "strconv"

// query is a question about the items and their notes.
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
	noteByID
	// These load edges, each with a statement of its own.
	rowNotes
	shelfNotes
	allNotes
	noteItem
	noteFamily // a note, its item, and that item's notes
	numQueries
	// And these are such statements; arg has a bit for each id.
	itemsOf
	notesOf
	numKinds
)

var queryNames = [numKinds]string{
	"row ", "shelf ", "count of shelf ", "all", "rows around ", "existence of ", "note ", "notes with row ", "notes with shelf ", "notes with all",
	"item with note ", "family with note ", "", "items of ", "notes of ",
}

func (q query) String() string { return queryNames[q.of] + strconv.Itoa(q.arg) }

// edges are what a query loads besides its own rows, one after the other.
var edges = [numKinds][]queryKind{
	rowNotes: {notesOf}, shelfNotes: {notesOf}, allNotes: {notesOf}, noteItem: {itemsOf}, noteFamily: {itemsOf, notesOf},
}

// eager reports whether a query loads edges.
func (q query) eager() bool { return edges[q.of] != nil }

// aboutNotes reports whether a query is about a note to begin with.
func (q query) aboutNotes() bool { return q.of == noteByID || q.of == noteItem || q.of == noteFamily }

// near reports whether a query is about one of the first rows.
func (q query) near(hot int) bool {
	switch q.of {
	case byShelf, countShelf, shelfNotes, all, allNotes:
		return true
	}
	return q.arg <= hot
}

// answer is what a statement returns.
type answer struct {
	rows  [rows]row
	notes [notes]row
	count int
}

// follow returns the statement that loads an edge of the rows of an answer. It
// reports false if there is nothing to load it of.
func (a *answer) follow(kind queryKind) (q query, ok bool) {
	q.of = kind
	if kind == notesOf {
		for i := range a.rows {
			if a.rows[i].present {
				q.arg |= 1 << (i + 1)
			}
		}
	} else {
		for i := range a.notes {
			if a.notes[i].present {
				q.arg |= 1 << a.notes[i].parent
			}
		}
	}
	return q, q.arg != 0
}

// part is a statement of a query, with its answer.
type part struct {
	query
	answer
}

// parts takes the answers of a query apart: which statement the next one is
// depends on what the last one returned.
func (q query) parts(first answer, loaded []answer) []part {
	list := append(make([]part, 0, 3), part{q, first})
	for i, a := range loaded {
		next, _ := list[i].follow(edges[q.of][i])
		list = append(list, part{next, a})
	}
	return list
}

// eval answers the query as of a state, without its edges.
func (q query) eval(s *state) (a answer) {
	for i := range s.items {
		r := s.items[i]
		in := r.present
		switch q.of {
		case byID, exists, rowNotes:
			in = in && q.arg == i+1
		case byShelf, countShelf, shelfNotes:
			in = in && q.arg == r.parent
		case several:
			in = in && (q.arg == i+1 || q.arg == i)
		case itemsOf:
			in = in && q.arg>>(i+1)&1 == 1
		case all, allNotes:
		default:
			in = false
		}
		if !in {
			continue
		}
		a.count++
		if q.of != countShelf && q.of != exists {
			a.rows[i] = r
		}
	}
	for i := range s.notes {
		r := s.notes[i]
		if r.present && (q.aboutNotes() && q.arg == i+1 || q.of == notesOf && q.arg>>r.parent&1 == 1) {
			a.count++
			a.notes[i] = r
		}
	}
	return a
}

// load answers the query's edges as of a state.
func (q query) load(s *state) (loaded []answer) {
	last := q.eval(s)
	for _, kind := range edges[q.of] {
		next, ok := last.follow(kind)
		if !ok {
			break
		}
		last = next.eval(s)
		loaded = append(loaded, last)
	}
	return loaded
}

// queries are all there are.
var queries = func() (list []query) {
	for id := 1; id <= rows; id++ {
		list = append(list, query{byID, id}, query{exists, id}, query{rowNotes, id})
		if id < rows {
			list = append(list, query{several, id})
		}
	}
	for s := 1; s <= shelves; s++ {
		list = append(list, query{byShelf, s}, query{countShelf, s}, query{shelfNotes, s})
	}
	for id := 1; id <= notes; id++ {
		list = append(list, query{noteByID, id}, query{noteItem, id}, query{noteFamily, id})
	}
	return append(list, query{all, 0}, query{allNotes, 0})
}()
