package faults

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// What is a kind of violation.
type What string

// The violations.
const (
	Stale     What = "stale"          // replaced before the bound
	Dirty     What = "dirty"          // never committed, or not like that
	Future    What = "future"         // seen before its commit was sent
	OwnLost   What = "own write lost" // replaced by the reading process
	TokenMiss What = "token missed"   // replaced before the token was made
	Unproven  What = "unproven"       // served though no probe allows it
	Torn      What = "torn"           // rows that were never there together
	Undead    What = "undead write"   // committed though refused or rolled back
	BrokenLog What = "broken log"     // the harness can't judge
	NotFinal  What = "not final"      // after everything had come to rest
	Failure   What = "failed"         // an operation or a worker failed where nothing excuses it
)

// Violation is what must not have happened.
type Violation struct {
	What   What
	Detail string
	// By is how far the result was beyond the bound.
	By    int64
	Read  *Read
	Write *Write
	Key   int
}

// ms prints a span of nanoseconds.
func ms(ns int64) string { return time.Duration(ns).Round(10 * time.Microsecond).String() }

// Read is a read as its worker reported it.
type Read struct {
	Worker int
	Event
}

func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", v.What, v.Detail)
	if v.By > 0 && v.By != never {
		fmt.Fprintf(&b, ", by %s", ms(v.By))
	}
	if r := v.Read; r != nil {
		fmt.Fprintf(&b, "; worker %d read %q (%s) from %d to %d, %s", r.Worker, r.Query, r.Mode, r.Start, r.End, r.How)
	}
	return b.String()
}

// judge checks one read.
type judge struct {
	*History
	r      *Read
	lo, hi int64
	found  []Violation
	// The moment of the statement is in [from, to], by the rows that it returned.
	from, to int64
}

// Check returns what is wrong with a read under a bound.
func (h *History) Check(r *Read, bound int64) []Violation {
	j := &judge{History: h, r: r, lo: r.Start - bound, hi: r.End}
	j.from, j.to = j.lo, j.hi
	switch r.Query.Of {
	case CountOnShelf, SumItems:
		j.aggregate()
	default:
		j.rows()
	}
	return j.found
}

// possible returns the range of versions that may have been there in that time.
func (h *History) possible(key int, lo, hi int64) (first, last int) {
	vs := h.versions[key]
	first = sort.Search(len(vs), func(i int) bool { return replaced(vs, i) >= lo })
	last = sort.Search(len(vs), func(i int) bool { return vs[i].earliest > hi }) - 1
	return first, last
}

// admissible returns the range of versions that the read may have seen, and the
// reason for its lower end.
func (j *judge) admissible(key int) (first, last int, why What) {
	vs := j.versions[key]
	first, last = j.possible(key, j.lo, j.hi)
	why = Stale
	raise := func(ver int, reason What) {
		if i := sort.Search(len(vs), func(i int) bool { return vs[i].Ver >= ver }); ver > 0 && i > first {
			first, why = i, reason
		}
	}
	raise(j.ownFloor(j.r.Worker, key, j.r.Start), OwnLost)
	if j.r.After != 0 {
		raise(j.tokenFloor(j.r.After, key), TokenMiss)
	}
	return first, last, why
}

func (j *judge) add(what What, key int, by int64, format string, args ...any) {
	j.found = append(j.found, Violation{What: what, Detail: fmt.Sprintf(format, args...), By: by, Read: j.r, Key: key})
}

// rows checks a read that returns rows.
func (j *judge) rows() {
	seen := make(map[int]*Row, len(j.r.Rows))
	from, to := j.r.Query.universe(j.Size)
	for i := range j.r.Rows {
		row := &j.r.Rows[i]
		if row.Key < from || row.Key >= to || seen[row.Key] != nil {
			j.add(Dirty, row.Key, 0, "key %d isn't to be in the result, or twice", row.Key)
			return
		}
		seen[row.Key] = row
	}
	for key := from; key < to; key++ {
		if row := seen[key]; row != nil {
			j.present(row)
		} else {
			j.absent(key)
		}
	}
	if len(j.found) > 0 {
		return
	}
	if j.from > j.to {
		j.add(Torn, 0, j.from-j.to, "rows of one statement that were never there together")
		return
	}
	// What the reader wrote itself is left out here: a result may be of a moment
	// before a write that doesn't change it.
	for key := from; key < to; key++ {
		first, last := j.possible(key, j.from, j.to)
		if seen[key] == nil && !j.couldMiss(key, first, last) && !j.unheard(key, first, false) {
			j.add(Torn, key, 0, "key %d is missing from a result whose other rows are of [%d, %d]", key, j.from, j.to)
		}
	}
}

// present checks a row that was returned.
func (j *judge) present(row *Row) {
	vs := j.versions[row.Key]
	i := sort.Search(len(vs), func(i int) bool { return vs[i].Ver >= row.Ver })
	switch {
	case i == 0 && len(vs) > 0 && vs[0].Ver > row.Ver:
		j.add(Stale, row.Key, never, "key %d: version %d %q, replaced before this phase", row.Key, row.Ver, row.Nonce)
		return
	case i == len(vs) || vs[i].Nonce != row.Nonce || !vs[i].Present:
		j.add(Dirty, row.Key, 0, "key %d: version %d %q was never committed", row.Key, row.Ver, row.Nonce)
		return
	case intermediate(vs, i):
		j.add(Dirty, row.Key, 0, "key %d: version %d %q was replaced within its transaction", row.Key, row.Ver, row.Nonce)
		return
	case !j.r.Query.matches(&vs[i]):
		j.add(Dirty, row.Key, 0, "key %d: version %d %q was on shelf %d", row.Key, row.Ver, row.Nonce, vs[i].Shelf)
		return
	}
	first, last, why := j.admissible(row.Key)
	switch {
	case i > last:
		j.add(Future, row.Key, vs[i].earliest-j.hi, "key %d: version %d %q, whose commit was sent later", row.Key, row.Ver, row.Nonce)
	case i < first:
		by := int64(0)
		if why == Stale {
			by = j.lo - replaced(vs, i)
		}
		j.add(why, row.Key, by, "key %d: version %d %q and not %d or later", row.Key, row.Ver, row.Nonce, vs[first].Ver)
	}
	j.from, j.to = max(j.from, vs[i].earliest), min(j.to, replaced(vs, i))
}

// absent checks a row that wasn't returned.
func (j *judge) absent(key int) {
	vs := j.versions[key]
	first, last, why := j.admissible(key)
	if j.couldMiss(key, first, last) || j.unheard(key, first, false) {
		return
	}
	for i := min(first, len(vs)) - 1; i >= 0; i-- {
		if j.r.Query.matches(&vs[i]) {
			continue
		}
		by := int64(0)
		if why == Stale {
			by = j.lo - replaced(vs, i)
		}
		j.add(why, key, by, "key %d is missing, as it was at version %d and not since %d", key, vs[i].Ver, vs[first].Ver)
		return
	}
	j.add(Dirty, key, 0, "key %d is missing, and it was never so since the phase began", key)
}

// couldMiss reports whether one of these versions of a row isn't in the result.
func (j *judge) couldMiss(key, first, last int) bool {
	vs := j.versions[key]
	for i := first; i <= last; i++ {
		if !intermediate(vs, i) && !j.r.Query.matches(&vs[i]) {
			return true
		}
	}
	return false
}

// unheard reports whether a result may be of a version before the first in
// which the row was in the result, or wasn't: because what changed that is a write
// that others weren't told of in time. Later writes of the row that leave it where
// it is don't touch such a result.
func (j *judge) unheard(key, first int, in bool) bool {
	vs := j.versions[key]
	late := false
	for i := min(first, len(vs)-1); i > 0; i-- {
		if j.r.Query.matches(&vs[i]) == j.r.Query.matches(&vs[i-1]) {
			continue
		}
		if j.owes(vs[i].write) || vs[i].told < j.lo {
			return false
		}
		late = late || vs[i].write != nil && vs[i].write.Late > 0
		if late && j.r.Query.matches(&vs[i-1]) == in && !intermediate(vs, i-1) {
			return true
		}
	}
	return false
}

// owes reports whether the reader must know of a write though others needn't:
// because it is its own, or its token's.
func (j *judge) owes(w *Write) bool {
	if w == nil || w.Outcome != Committed {
		return false
	}
	token := j.writes[j.r.After]
	return w.Worker == j.r.Worker && w.Ended <= j.r.Start || token != nil && token.Worker == w.Worker && w.Ended <= token.Ended
}

// aggregate checks a number against the least and the greatest there can have
// been.
func (j *judge) aggregate() {
	least, most := j.extremes()
	if n := j.r.Sum; n >= least && n <= most {
		return
	}
	j.add(Stale, 0, 0, "%s: %d and not between %d and %d", j.r.Query, j.r.Sum, least, most)
}

// extremes adds up what each row can have counted for.
func (j *judge) extremes() (least, most int) {
	from, to := j.r.Query.universe(j.Size)
	for key := from; key < to; key++ {
		first, last, _ := j.admissible(key)
		lo, hi := -1, -1
		for i := first; i <= last; i++ {
			if intermediate(j.versions[key], i) {
				continue
			}
			n := j.r.Query.counts(&j.versions[key][i])
			if lo < 0 || n < lo {
				lo = n
			}
			hi = max(hi, n)
		}
		if j.r.Query.Of == CountOnShelf {
			if lo > 0 && j.unheard(key, first, false) {
				lo = 0
			}
			if hi == 0 && j.unheard(key, first, true) {
				hi = 1
			}
		}
		least, most = least+max(lo, 0), most+max(hi, 0)
	}
	return least, most
}

// CheckFinal compares a read with the last versions, when nothing runs any more.
func (h *History) CheckFinal(r *Read) []Violation {
	rest := *r
	j := &judge{History: h, r: &rest, lo: never, hi: never}
	want := make(map[int]*Version)
	sum := 0
	from, to := r.Query.universe(h.Size)
	for key := from; key < to; key++ {
		vs := h.versions[key]
		if len(vs) == 0 || !r.Query.matches(&vs[len(vs)-1]) {
			continue
		}
		v := &vs[len(vs)-1]
		want[key] = v
		if r.Query.Of == SumItems {
			sum += v.Ver
		} else {
			sum++
		}
	}
	if r.Query.Of == CountOnShelf || r.Query.Of == SumItems {
		if sum != r.Sum {
			j.add(NotFinal, 0, 0, "%s: %d and not %d", r.Query, r.Sum, sum)
		}
		return j.found
	}
	for _, row := range r.Rows {
		v := want[row.Key]
		if v == nil || v.Ver != row.Ver || v.Nonce != row.Nonce {
			j.add(NotFinal, row.Key, 0, "key %d: version %d %q isn't the database's", row.Key, row.Ver, row.Nonce)
		}
		delete(want, row.Key)
	}
	for key, v := range want {
		j.add(NotFinal, key, 0, "key %d: version %d %q is missing", key, v.Ver, v.Nonce)
	}
	return j.found
}
