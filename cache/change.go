package cache

// changeKind is what a write did to a row.
type changeKind uint8

const (
	rowCreated changeKind = iota + 1
	rowUpdated
	rowDeleted
)

// change is what a write did to a row, or to some rows of which the same is known.
// Facts say that rows were written that a result may depend on; what the rows had
// and have says whether they matter to it.
type change struct {
	table *Table
	kind  changeKind
	// set are the columns in which an update changed the rows.
	set           []*Column
	before, after image
	// from, names and to delimit the change's facts in the list that it belongs to:
	// those before names are about the rows themselves, by key or as one of many.
	from, names, to int
}

// changing adds a change to facts.
type changing struct {
	change
	facts *Facts
}

// change begins a change. What is added until its end are the change's facts.
func (f *Facts) change(ch change) *changing {
	ch.from = len(f.List)
	return &changing{change: ch, facts: f}
}

// named says that the facts about the rows themselves have been added.
func (c *changing) named() { c.names = len(c.facts.List) }

// end keeps the change, unless its facts were made coarse.
func (c *changing) end() {
	if c.facts.coarse != nil {
		return
	}
	c.to = len(c.facts.List)
	c.facts.changes = append(c.facts.changes, c.change)
}

// equals reports whether two values are known to be the same.
func (x cell) equals(y cell) bool {
	return x.known && y.known && x.null == y.null && (x.null || x.value.equals(y.value))
}

func (c canonical) equals(d canonical) bool {
	return c.tag == d.tag && c.num == d.num && string(c.text) == string(d.text)
}
