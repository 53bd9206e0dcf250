package cache

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/entcache/ent-cache/cache/ledger"
	"github.com/entcache/ent-cache/codec"
)

// maxInvalidationFacts is how many facts of a write an Invalidation names.
const maxInvalidationFacts = 8

// Invalidation says why an entry that was found isn't served any more: which
// write touched which of the facts that it depends on.
//
// Where it is known what the writes since the entry was read did to rows, the first
// that mattered is named. Else only the last write to each fact is known, and the first
// of those is.
type Invalidation struct {
	// By is the write; one that failed counts, because it may have been done.
	By Cause
	// Facts are those of the entry that it touched, at most eight; MoreFacts is how
	// many others there are.
	Facts     []Tag
	MoreFacts int
	// Ago is the time since the write took effect here; zero if that isn't known,
	// or if the write is still running.
	Ago time.Duration
	// Detail says what else is known, where the write isn't.
	Detail string
}

// String returns the invalidation in words.
func (i *Invalidation) String() string {
	var b strings.Builder
	b.WriteString(i.By.String())
	if i.Detail != "" {
		fmt.Fprintf(&b, " (%s)", i.Detail)
	}
	if i.Ago > 0 {
		fmt.Fprintf(&b, " %s ago", i.Ago)
	}
	for n, t := range i.Facts {
		if n == 0 {
			b.WriteString(" touched")
		}
		b.WriteByte(' ')
		b.WriteString(t.String())
	}
	if i.MoreFacts > 0 {
		fmt.Fprintf(&b, " and %d more", i.MoreFacts)
	}
	return b.String()
}

// invalidation explains why the entry that a read found isn't served. It is nil
// if that isn't known. rows are what the read got in its place, nil for nothing.
func (r *reading) invalidation(rows *codec.Rows) *Invalidation {
	e := r.scope.stale
	if e == nil || !r.invalidated {
		return nil
	}
	c := r.cache
	since := max(e.Position, e.judged.Load())
	if w, facts, known := c.mattered(e, since); known && facts != nil {
		i := &Invalidation{By: w.by.among(facts), Ago: time.Since(w.at)}
		r.spell(i, facts, e.Rows, rows)
		return i
	}
	if t, ok := firstTouch(c.ledger, e.Facts, since); ok {
		i := t.explain(&c.recent)
		r.spell(i, t.facts, e.Rows, rows)
		return i
	}
	if c.shared == nil {
		return &Invalidation{Detail: "one was running, and touched nothing of it"}
	}
	st, v := e.shared.stamp.Load(), c.shared.view.Load()
	if st == nil || st.view != v {
		return &Invalidation{Detail: "the remote level began anew"}
	}
	if v != nil {
		if t, ok := firstTouch(v.log, e.Facts, st.position); ok {
			i := t.explain(&v.heard)
			r.spell(i, t.facts, e.Rows, rows)
			return i
		}
	}
	return &Invalidation{Detail: "one was running, and touched nothing of it, or the entry isn't known to be as recent as the read asks"}
}

// touch is what one write did to an entry.
type touch struct {
	position uint64
	facts    []Fact
	// running says that the write goes on, forgotten that it isn't known whether
	// there was one.
	running, forgotten bool
}

// firstTouch finds what the first of the last writes to the facts after a position
// did; a write that goes on comes after those that have ended.
func firstTouch(l *ledger.Ledger, facts []Fact, since uint64) (touch, bool) {
	var held, forgotten touch
	first := touch{position: ^uint64(0)}
	floor, all := l.Floor()
	if floor > since {
		first.position = floor
	}
	for _, f := range facts {
		m := l.Mark(f)
		if m.Held {
			held.facts = append(held.facts, f)
		}
		switch {
		case m.Position <= since:
		case !m.Exact:
			forgotten.facts = append(forgotten.facts, f)
		case m.Position < first.position:
			first = touch{position: m.Position, facts: []Fact{f}}
		case m.Position == first.position:
			first.facts = append(first.facts, f)
		}
	}
	held.running, forgotten.forgotten = true, true
	switch {
	case first.position != ^uint64(0):
		return first, true
	case len(held.facts) > 0:
		return held, true
	case len(forgotten.facts) > 0, all:
		return forgotten, true
	}
	return touch{}, false
}

func (t *touch) explain(writes interface {
	find(uint64) (w recentWrite, ok, overrun bool)
}) *Invalidation {
	switch {
	case t.running:
		return &Invalidation{By: Cause{Op: WriteRunning}}
	case t.forgotten:
		return &Invalidation{Detail: "the ledger hadn't room for the last writes to a fact; see Options.LedgerFacts"}
	}
	w, ok, overrun := writes.find(t.position)
	switch {
	case ok:
		return &Invalidation{By: w.by.among(t.facts), Ago: time.Since(w.at)}
	case overrun:
		return &Invalidation{Detail: "longer ago than is remembered"}
	}
	return &Invalidation{Detail: "missed by this process"}
}

// spell names the facts that a write touched: as those of the results, or of the
// rows that were written.
func (r *reading) spell(i *Invalidation, facts []Fact, results ...*codec.Rows) {
	f := r.facts()
	f.Spell = true
	for _, rows := range results {
		if rows != nil {
			r.st.Facts(&f, r.args, rows)
		}
	}
	if t := r.scope.typ.Schema.Type(i.By.Type); t != nil {
		for _, id := range i.By.IDs {
			f.Row(t.Table, id)
		}
	}
	tags := make(map[Fact]Tag, len(facts))
	for _, fact := range facts {
		tags[fact] = Tag{}
	}
	for n, fact := range f.List {
		if have, ok := tags[fact]; ok && have == (Tag{}) && n < len(f.Tags) {
			tags[fact] = f.Tags[n]
			if len(i.Facts) < maxInvalidationFacts {
				i.Facts = append(i.Facts, f.Tags[n])
			}
		}
	}
	i.MoreFacts = len(tags) - len(i.Facts)
	slices.SortFunc(i.Facts, func(a, b Tag) int { return strings.Compare(a.String(), b.String()) })
}
