package cache

import "slices"

// Causes collects the writes of a transaction. Its zero value is ready; it isn't
// safe for concurrent use.
type Causes struct {
	writes []Cause
	more   bool
}

// Add adds a write that touched the facts. Rows of one type that were written in
// one way become one cause.
func (cs *Causes) Add(w Cause, facts []Fact) {
	for i := range cs.writes {
		have := &cs.writes[i]
		if have.Type == w.Type && have.Op.single() == w.Op.single() && slices.Equal(have.Columns, w.Columns) && slices.Equal(have.Tables, w.Tables) {
			have.merge(w, facts)
			return
		}
	}
	if len(cs.writes) == maxCauseWrites {
		cs.more = true
		return
	}
	w.keep(facts)
	w.IDs = slices.Clip(w.IDs)
	cs.writes = append(cs.writes, w)
}

// Transaction returns the writes as those of a transaction.
func (cs *Causes) Transaction() Cause {
	return Cause{Op: WriteTx, Writes: cs.writes, MoreWrites: cs.more}
}

// single takes a bulk create for a create.
func (o WriteOp) single() WriteOp {
	if o == WriteCreateBulk {
		return WriteCreate
	}
	return o
}

// among returns the write of a transaction that touched one of the facts, or the
// transaction with those that may have.
func (c Cause) among(facts []Fact) Cause {
	if c.Op != WriteTx {
		return c
	}
	var sure, maybe []Cause
	for _, w := range c.Writes {
		w.InTx = true
		switch {
		case slices.ContainsFunc(w.facts, func(f Fact) bool { return slices.Contains(facts, f) }):
			sure = append(sure, w)
		case w.coarse:
			maybe = append(maybe, w)
		}
	}
	switch {
	case len(sure) == 1:
		return sure[0]
	case len(sure) > 1:
		c.Writes, c.MoreWrites = sure, false
	case len(maybe) == 1 && !c.MoreWrites:
		return maybe[0]
	case len(maybe) > 0:
		c.Writes = maybe
	}
	return c
}
