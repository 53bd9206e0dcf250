package faults

import "fmt"

// Shelves have the keys from 1, items those from firstItem.
const firstItem = 100

// Query is what a read asks for.
type Query struct {
	Of Of `json:"of"`
	// Key is the row of One, the shelf of OnShelf and CountOnShelf.
	Key int `json:"key,omitempty"`
}

// Of is the kind of a query.
type Of string

// The kinds of queries, each one statement.
const (
	One          Of = "one"      // the row of a key
	OnShelf      Of = "on shelf" // the items of a shelf
	AllItems     Of = "items"    // all items
	AllShelves   Of = "shelves"  // all shelves
	CountOnShelf Of = "count"    // how many items are on a shelf
	SumItems     Of = "sum"      // the sum of the versions of all items
)

func (q Query) String() string {
	if q.Key == 0 {
		return string(q.Of)
	}
	return fmt.Sprintf("%s %d", q.Of, q.Key)
}

// Size is how many rows there are at most.
type Size struct{ Shelves, Items int }

func (s Size) items() (from, to int)   { return firstItem, firstItem + s.Items }
func (s Size) shelves() (from, to int) { return 1, 1 + s.Shelves }

// universe returns the keys of which a query may return rows.
func (q Query) universe(s Size) (from, to int) {
	switch q.Of {
	case One:
		return q.Key, q.Key + 1
	case AllShelves:
		return s.shelves()
	}
	return s.items()
}

// matches reports whether the query returns a row in that state.
func (q Query) matches(v *Version) bool {
	if !v.Present {
		return false
	}
	return q.Of != OnShelf && q.Of != CountOnShelf || v.Shelf == q.Key
}

// counts returns what a row in that state adds to the number.
func (q Query) counts(v *Version) int {
	switch {
	case !q.matches(v):
		return 0
	case q.Of == SumItems:
		return v.Ver
	}
	return 1
}
