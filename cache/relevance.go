package cache

import (
	"slices"
	"strings"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/internal/mutant"
)

// relevance tells writes that matter to a result from those that don't, where facts
// don't: by what the rows had and have that were written. It is asked only once a
// write has touched one of the result's facts.
//
// Updates that can't matter are called irrelevant (Blakeley, Coburn, Larson: Updating
// derived relations, TODS 1989). A change of rows is irrelevant if at each occurrence
// of their table one of these holds.
//
//   - The rows have the same part as before: the statement names no column that was
//     changed but in conditions, and each of those drops the rows as before or keeps
//     them as before.
//   - The rows have no part, before and after. A row has none if a condition drops it:
//     conditions are those of a conjunction, under inner joins, that are about the
//     occurrence alone. It has none either if the result is the first rows in some
//     order, as many as were asked for, and the row comes behind the last of them.
//   - The rows aren't in the result and have no part afterwards, and the result is one
//     in which rows that aren't in it have no part (see analysis.alone).
//
// Why no write is missed: let S be the state of the database that the result was read
// from, and let each change since be irrelevant. The changes that came after S lead
// from it to the present in the order in which the database made them. Each leaves the
// result as it was, by the above, so the next one meets the same result. The judgement
// of a change depends on the change and the result only, so it doesn't matter in
// which order they are looked at, nor that some which are looked at were in S already.
// All that came after S are looked at: a position is taken before S is read, and a
// write takes its position after the database made it. While one goes on that may
// matter, its facts are held, and nothing is said of it.
//
// A result that stayed the same depends on the same facts: they follow from the
// statement, its arguments and its rows.
type relevance struct {
	plan      *relevancePlan
	constants []cell
	// last is the sort key of the last row of a full window; nil if there is none.
	last []cell
	// carried says that the rows of the result are among its facts.
	carried bool
}

// The memory of a relevance, and of each value in it.
const (
	relevanceSize = 80
	cellSize      = 48
)

// relevance returns what tells irrelevant writes from others for a result of the
// statement, of which f are the facts; nil if nothing does.
func (st *Statement) relevanceOf(f *Facts, args []any, rows *codec.Rows) *relevance {
	p := st.relevance
	if p == nil {
		return nil
	}
	r := &relevance{plan: p, carried: f.carried, constants: make([]cell, len(p.constants))}
	for i := range p.constants {
		k := &p.constants[i]
		if v, ok := k.value.argument(args); ok {
			r.constants[i] = k.column.cell(v, f.Fold)
		}
	}
	if p.window != nil && f.carried && p.window.full(args, rows) {
		r.last = p.window.last(st.root, rows, f.Fold)
	}
	return r
}

// full reports whether a result has as many rows as were asked for.
func (w *window) full(args []any, rows *codec.Rows) bool {
	if mutant.On(mutant.WindowNeverFull) {
		return rows.N > 0
	}
	v, ok := w.limit.argument(args)
	if !ok || rows.N == 0 {
		return false
	}
	switch n := v.(type) {
	case int:
		return rows.N == n
	case int64:
		return int64(rows.N) == n
	}
	return false
}

// last returns the sort key of the last row.
func (w *window) last(root *root, rows *codec.Rows, fold bool) []cell {
	key := make([]cell, len(w.order))
	for i, t := range w.order {
		if !strings.EqualFold(rows.Columns[t.at], t.column.Name) {
			return nil
		}
		at := (rows.N-1)*root.width + t.at
		if rows.Kind(at) == codec.Null {
			key[i] = cell{known: true, null: true}
		} else if v, ok := t.column.canonicalOf(rows, at, fold); ok {
			key[i] = cell{known: true, value: v}
		}
	}
	return key
}

func (r *relevance) size() int {
	if r == nil {
		return 0
	}
	return relevanceSize + cellSize*(len(r.constants)+len(r.last))
}

// irrelevant reports whether a change can't matter to the result. listed says that the
// rows may be in it.
func (r *relevance) irrelevant(ch *change, listed bool) bool {
	if slices.Contains(r.plan.unsure, ch.table) {
		return false
	}
	found := false
	for i := range r.plan.occurrences {
		o := &r.plan.occurrences[i]
		if o.table != ch.table {
			continue
		}
		found = true
		if !(ch.kind == rowUpdated && r.same(o, ch)) && !r.apart(o, ch, listed) {
			return false
		}
	}
	// A table that isn't found is another schema's.
	return found
}

// same reports whether the rows of an update have the same part in an occurrence as
// before.
func (r *relevance) same(o *relevantOccurrence, ch *change) bool {
	for _, c := range o.elsewhere {
		// A computed column changes with any other.
		if (slices.Contains(ch.set, c) || c.Computed) && !mutant.On(mutant.ElsewhereIgnored) {
			return false
		}
	}
	changed := func(c *Column) bool { return slices.Contains(ch.set, c) }
	for i := range o.conditions {
		k := &o.conditions[i]
		if !k.names(changed) {
			continue
		}
		before, after := k.of(&ch.before, r.constants), k.of(&ch.after, r.constants)
		if before == unknownTruth || after == unknownTruth || before.drops() != after.drops() {
			return false
		}
	}
	return true
}

// apart reports whether the rows have no part in an occurrence, as they were and as
// they are.
func (r *relevance) apart(o *relevantOccurrence, ch *change, listed bool) bool {
	if ch.kind != rowDeleted && !r.noPart(o, &ch.after) {
		return false
	}
	if ch.kind == rowDeleted && o.referred && !mutant.On(mutant.ReplacedIgnored) {
		// It may be created again in the same transaction, on which the result doesn't
		// depend; see analysis.refer.
		return false
	}
	unlisted := o.root && r.carried && r.plan.alone && (!listed || mutant.On(mutant.ListedIgnored))
	return ch.kind == rowCreated || unlisted || r.noPart(o, &ch.before) || mutant.On(mutant.BeforeIgnored)
}

func (r *relevance) noPart(o *relevantOccurrence, m *image) bool {
	for i := range o.conditions {
		if o.conditions[i].of(m, r.constants).drops() {
			return true
		}
	}
	return o.root && r.behind(m)
}

// behind reports whether a row comes behind the last one of a full window.
func (r *relevance) behind(m *image) bool {
	for i, last := range r.last {
		t := &r.plan.window.order[i]
		x := m.of(t.column)
		if !x.known || x.null || !last.known || last.null {
			return false
		}
		n := x.value.compare(last.value)
		if t.descending && !mutant.On(mutant.DescendingIgnored) {
			n = -n
		}
		if n != 0 {
			return n > 0
		}
	}
	return mutant.On(mutant.TiesBehind) && len(r.last) > 0
}

// irrelevant reports whether no write after a position mattered to an entry, though
// some touched facts of it. The writes are those that whoever judges sees: while one
// goes on that may touch the entry, nothing is known.
func (c *Cache) irrelevant(e *Entry, since uint64) bool {
	_, by, known := c.mattered(e, since)
	return known && by == nil
}

// mattered returns the first write after a position that mattered to an entry, with
// the facts by which it did.
func (c *Cache) mattered(e *Entry, since uint64) (w recentWrite, by []Fact, known bool) {
	if e.relevance == nil {
		return w, nil, false
	}
	var buf [maxTouched]Fact
	touched, known := c.ledger.Touched(buf[:0], e.Facts, since)
	if !known || len(touched) > maxTouched {
		return w, nil, false
	}
	return c.recent.mattered(since, func(w *recentWrite) []Fact { return e.relevance.mattered(w, touched) })
}

// maxTouched bounds the facts of an entry that writes may have touched while they are
// still looked at one by one.
const maxTouched = 16

// mattered returns the facts by which a write matters to the result, among those of it
// that were touched; none if it doesn't.
func (r *relevance) mattered(w *recentWrite, touched []Fact) (by []Fact) {
	next := 0
	for i, f := range w.facts {
		for next < len(w.changes) && w.changes[next].to <= i {
			next++
		}
		if !slices.Contains(touched, f) {
			continue
		}
		if next < len(w.changes) {
			if ch := &w.changes[next]; ch.from <= i && f != ch.table.table && f != ch.table.any && r.irrelevant(ch, ch.listed(w.facts, touched)) {
				continue
			}
		}
		if !slices.Contains(by, f) {
			by = append(by, f)
		}
	}
	return by
}

// listed reports whether the change's rows may be in a result with the facts.
func (ch *change) listed(written, facts []Fact) bool {
	for _, f := range written[ch.from:ch.names] {
		if slices.Contains(facts, f) {
			return true
		}
	}
	return false
}
