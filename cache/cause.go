package cache

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql/sqlgraph"
)

// WriteOp is what a write did.
type WriteOp uint8

// The operations of writes.
const (
	// WriteUnknown is a write of which nothing is known any more.
	WriteUnknown WriteOp = iota
	WriteCreate
	// WriteCreateBulk is CreateBulk.
	WriteCreateBulk
	// WriteUpsert is a create with a conflict clause, of one row or several.
	WriteUpsert
	WriteUpdateOne
	// WriteUpdate and WriteDelete are by predicate, of any number of rows.
	WriteUpdate
	WriteDeleteOne
	WriteDelete
	// WriteRaw is SQL that Ent didn't make.
	WriteRaw
	// WriteIDs, WriteType and WriteAll are calls of InvalidateIDs, InvalidateType
	// and InvalidateAll.
	WriteIDs
	WriteType
	WriteAll
	// WriteTx is a transaction of several writes.
	WriteTx
	// WriteElsewhere is a write that was heard of through the remote level: of
	// another process.
	WriteElsewhere
	// WriteRecorded is one of this process, which other processes were told of
	// after the entry was read.
	WriteRecorded
	// WriteRunning is one that hasn't ended.
	WriteRunning
)

var writeNames = [...]string{
	WriteUnknown: "unknown write", WriteCreate: "create", WriteCreateBulk: "bulk create", WriteUpsert: "upsert",
	WriteUpdateOne: "update", WriteUpdate: "update by predicate", WriteDeleteOne: "delete", WriteDelete: "delete by predicate",
	WriteRaw: "raw SQL", WriteIDs: "InvalidateIDs", WriteType: "InvalidateType", WriteAll: "InvalidateAll",
	WriteTx: "transaction", WriteElsewhere: "another process", WriteRecorded: "own write that others were told of", WriteRunning: "running write",
}

// String returns the operation in words.
func (o WriteOp) String() string {
	if int(o) < len(writeNames) {
		return writeNames[o]
	}
	return fmt.Sprintf("WriteOp(%d)", uint8(o))
}

// MaxCauseIDs is how many ids of a write a Cause keeps.
const MaxCauseIDs = 8

// The other bounds of what a Cause keeps.
const (
	maxCauseColumns = 16
	maxCauseWrites  = 8
	// maxCauseFacts is how many facts of a write in a transaction are kept, to tell
	// which write of it touched a result.
	maxCauseFacts = 32
)

// Cause describes a write, for explanations and the log. It says nothing of
// values, but for ids. A Cause isn't changed once it was passed on.
type Cause struct {
	// Type is the Ent type that was written, empty if that isn't one.
	Type string
	Op   WriteOp
	// IDs are those of the rows, as far as they are known, at most MaxCauseIDs of
	// them; Rows is how many there were.
	IDs  []any
	Rows int
	// Columns are those that were set or cleared, and Tables the other tables that
	// edges were written to; at most 16 of each.
	Columns, Tables []string
	// Writes are those of a transaction, at most eight kinds; MoreWrites says that
	// there were others. InTx says that the write was one of a transaction.
	Writes     []Cause
	MoreWrites bool
	InTx       bool

	// facts are what a write of a transaction touched. If they were too many,
	// coarse is set and they aren't all.
	facts  []Fact
	coarse bool
}

// Created adds the rows of an insert.
func (c *Cause) Created(spec *sqlgraph.CreateSpec, upsert bool) {
	switch {
	case upsert || len(spec.OnConflict) > 0 || c.Op == WriteUpsert:
		c.Op = WriteUpsert
	case c.Op == WriteCreate || c.Op == WriteCreateBulk:
		c.Op = WriteCreateBulk
	default:
		c.Op = WriteCreate
	}
	var id any
	if spec.ID != nil {
		id = spec.ID.Value
	}
	c.row(id)
	c.fields(spec.Fields)
	c.edges(spec.Edges)
}

// Conflict says that an insert has a conflict clause.
func (c *Cause) Conflict() { c.Op = WriteUpsert }

// Updated adds an update, of the row that the specification names or of any.
func (c *Cause) Updated(spec *sqlgraph.UpdateSpec) {
	c.Op = WriteUpdate
	switch n := spec.Node; {
	case n.ID != nil && n.ID.Value != nil:
		c.Op = WriteUpdateOne
		c.row(n.ID.Value)
	case len(n.CompositeID) == 2 && n.CompositeID[0].Value != nil && n.CompositeID[1].Value != nil:
		c.Op = WriteUpdateOne
		c.row([2]any{n.CompositeID[0].Value, n.CompositeID[1].Value})
	}
	c.fields(spec.Fields.Set)
	c.fields(spec.Fields.Add)
	c.fields(spec.Fields.Clear)
	c.edges(spec.Edges.Clear)
	c.edges(spec.Edges.Add)
}

// Deleted adds a delete, of the row of id or, if that is nil, of any.
func (c *Cause) Deleted(id any) {
	if id == nil {
		c.Op = WriteDelete
		return
	}
	c.Op = WriteDeleteOne
	c.row(id)
}

func (c *Cause) row(id any) {
	c.Rows++
	if len(c.IDs) < MaxCauseIDs && id != nil {
		c.IDs = append(c.IDs, keptID(id))
	}
}

// keptID returns an id that its owner can't change.
func keptID(id any) any {
	switch v := id.(type) {
	case []byte:
		return bytes.Clone(v)
	case int, int64, string:
		return id
	}
	// Ent passes the address of an id that is a driver.Valuer.
	if v := reflect.ValueOf(id); v.Kind() == reflect.Pointer && !v.IsNil() {
		return v.Elem().Interface()
	}
	return id
}

func (c *Cause) fields(list []*sqlgraph.FieldSpec) {
	if c.Columns == nil && len(list) > 0 {
		c.Columns = make([]string, 0, min(len(list), maxCauseColumns))
	}
	for _, f := range list {
		c.column(f.Column)
	}
}

func (c *Cause) column(name string) {
	if len(c.Columns) < maxCauseColumns && !slices.Contains(c.Columns, name) {
		c.Columns = append(c.Columns, name)
	}
}

func (c *Cause) edges(list []*sqlgraph.EdgeSpec) {
	for _, e := range list {
		if ownKey(e) {
			c.column(e.Columns[0])
		} else {
			c.table(e.Table)
		}
	}
}

func (c *Cause) table(name string) {
	if len(c.Tables) < maxCauseColumns && !slices.Contains(c.Tables, name) {
		c.Tables = append(c.Tables, name)
	}
}

// Merge adds a write of the same statement to the cause, which may be the zero
// value.
func (c *Cause) Merge(w Cause) {
	if c.Op == WriteUnknown {
		*c = w
		return
	}
	if w.Op == WriteUpsert {
		c.Op = WriteUpsert
	}
	for _, name := range w.Columns {
		c.column(name)
	}
	for _, name := range w.Tables {
		c.table(name)
	}
	c.merge(w, nil)
}

func (c *Cause) merge(w Cause, facts []Fact) {
	c.IDs = append(c.IDs, w.IDs[:min(len(w.IDs), MaxCauseIDs-len(c.IDs))]...)
	if c.Rows += w.Rows; c.Op == WriteCreate && c.Rows > 1 {
		c.Op = WriteCreateBulk
	}
	c.keep(facts)
}

func (c *Cause) keep(facts []Fact) {
	n := min(len(facts), maxCauseFacts-len(c.facts))
	c.coarse = c.coarse || n < len(facts)
	c.facts = append(c.facts, facts[:n]...)
}

// String returns the write in words.
func (c Cause) String() string {
	var b strings.Builder
	b.WriteString(c.Op.String())
	switch c.Op {
	case WriteTx:
		for i, w := range c.Writes {
			if i == 0 {
				b.WriteString(" of ")
			} else {
				b.WriteString("; ")
			}
			w.InTx = false
			b.WriteString(w.String())
		}
		if c.MoreWrites {
			b.WriteString("; and others")
		}
		return b.String()
	case WriteCreate, WriteCreateBulk, WriteUpsert, WriteUpdateOne, WriteUpdate, WriteDeleteOne, WriteDelete, WriteRaw:
		if c.Type != "" {
			b.WriteString(" of ")
		}
	default:
		if c.Type != "" {
			b.WriteByte(' ')
		}
	}
	b.WriteString(c.Type)
	for i, id := range c.IDs {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %v", id)
	}
	if more := c.Rows - len(c.IDs); more > 0 && len(c.IDs) > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	} else if c.Rows > 1 && len(c.IDs) == 0 {
		fmt.Fprintf(&b, " (%d rows)", c.Rows)
	}
	var details []string
	if len(c.Columns) > 0 {
		details = append(details, "set "+strings.Join(c.Columns, " "))
	}
	if len(c.Tables) > 0 {
		details = append(details, "by edges "+strings.Join(c.Tables, " "))
	}
	if c.InTx {
		details = append(details, "in a transaction")
	}
	if len(details) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(details, "; "))
	}
	return b.String()
}
