package cache

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/entcache/ent-cache/cache/ledger"
	"github.com/entcache/ent-cache/internal/mutant"
)

// Fact is the 64-bit name of something a result depends on and a write touches.
// A read and a write build the name in the same way, so two facts that share a
// name by chance cost a needless invalidation and never miss one. Names are the
// same in every process and every version of one schema.
type Fact = ledger.Fact

// FactKind tells what a fact is about.
type FactKind uint8

// The kinds of facts of a table. A group is the rows that have certain values in
// the columns of a Grouping; a fact of a group with no values is touched where
// the values aren't known, and what depends on a group depends on it too.
const (
	// FactAny is touched by every write to the table, whatever it is.
	FactAny FactKind = iota + 1
	// FactTable is touched by a write of which nothing else is known; every
	// result that mentions the table depends on it.
	FactTable
	// FactCreated and FactDeleted are touched when rows come to be and cease to
	// be.
	FactCreated
	FactDeleted
	// FactColumn is touched when rows change in a column.
	FactColumn
	// FactRow is one row, by its primary key; FactUnkeyed is touched by a row that
	// is created before its key is known.
	FactRow
	FactUnkeyed
	// FactField is touched when a row changes in a column, FactRewritten when it
	// changes in many, or is deleted: results that have little of a row depend on
	// these in place of the row.
	FactField
	FactRewritten
	// FactRows is touched when a statement changed or deleted rows of which the
	// keys aren't known, FactBulk if it is known that they had a value in a grouped
	// column: bulk(T,c=v) and bulk(T,c). If that isn't known either, bulk(T) is.
	FactRows
	FactBulk
	// FactEntered and FactLeft are touched when rows enter and leave a group,
	// FactWithin when rows of a group change in a column and stay.
	FactEntered
	FactLeft
	FactWithin
)

var factNames = [...]string{
	FactAny: "any", FactTable: "table", FactCreated: "created", FactDeleted: "deleted", FactColumn: "column", FactRow: "row",
	FactUnkeyed: "unkeyed", FactField: "field", FactRewritten: "rewritten",
	FactRows: "rows", FactBulk: "bulk", FactEntered: "entered", FactLeft: "left", FactWithin: "within",
}

// String returns the kind's name.
func (k FactKind) String() string {
	if int(k) < len(factNames) && factNames[k] != "" {
		return factNames[k]
	}
	return "FactKind(" + strconv.Itoa(int(k)) + ")"
}

// factSeed is the part of a fact's name that is the same for every value.
func factSeed(k FactKind, table, column string) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write([]byte{byte(k)})
	_, _ = d.WriteString(table)
	_, _ = d.Write([]byte{0})
	_, _ = d.WriteString(column)
	return d.Sum64()
}

// mix spreads the bits of x (the finalizer of splitmix64, Steele et al. 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// valueFact names the fact of a value in canonical form.
func valueFact(seed uint64, v canonical) Fact { return Fact(mix(seed ^ v.hash())) }

// A Tag is a fact spelled out, for people.
type Tag struct {
	Kind  FactKind
	Table string
	// Column is that of column(T,c), within(T,c,…) and field(T,c,KEY).
	Column string
	// Group are the columns of a group, separated by commas, with their values
	// if the fact is of one group: "status=done,worker_id=7".
	Group string
	// Value is the key of a row.
	Value string
}

// String returns the tag as kind(table), with the column, the group or the key
// behind the table.
func (t Tag) String() string {
	text := t.Kind.String() + "(" + t.Table
	for _, s := range [...]string{t.Column, t.Group, t.Value} {
		if s != "" {
			text += "," + s
		}
	}
	return text + ")"
}

// Facts collects facts. Its zero value is ready.
type Facts struct {
	List []Fact
	// Tags are the facts spelled out, in the same order, if Spell is set; only
	// explanations pay for that.
	Tags  []Tag
	Spell bool
	// Fold is set where the database compares texts by rules that Go doesn't
	// know. MySQL does: its collations fold letters or pad blanks, and nothing
	// in an Ent schema tells which. No fact is built from a text then.
	Fold bool
	// All is set where a write may have touched anything.
	All bool

	coarse map[*Table]bool
	// changes say what writes did to rows, where that is known.
	changes []change
	// exist says that the result is asked for only to learn whether there are rows.
	exist bool
	// carried says that the rows of a result were added by their keys.
	carried bool
	// wide stands for List where that is too long: of each table that is in it
	// what every result depends on, and what every write touches.
	wide []Fact
	// roughly are the parts of List that have a shorter form.
	roughly []stretch
}

// stretch is a part of Facts.List, and what may stand for it.
type stretch struct {
	from, to int
	rough    []Fact
}

// either adds what exact adds. Where that is too much to tell other processes, they
// are told what rough adds: each of the two is all that a write touches.
func (f *Facts) either(exact, rough func(*Facts)) {
	p := stretch{from: len(f.List)}
	exact(f)
	p.to = len(f.List)
	if f.coarse == nil {
		r := Facts{Fold: f.Fold}
		rough(&r)
		p.rough = r.List
		f.wide = append(f.wide, r.wide...)
		f.roughly = append(f.roughly, p)
	}
}

// rough returns List with its parts in their shorter form.
func (f *Facts) rough() []Fact {
	var (
		list []Fact
		from int
	)
	for _, p := range f.roughly {
		list = append(append(list, f.List[from:p.from]...), p.rough...)
		from = p.to
	}
	return append(list, f.List[from:]...)
}

// Coarsen makes everything added from now on about a table its any(T) and
// table(T), once, whatever is added. It bounds what a transaction collects.
func (f *Facts) Coarsen() {
	if f.coarse == nil {
		f.coarse = make(map[*Table]bool)
	}
}

func (f *Facts) add(fact Fact, t *Table, tag Tag) {
	if f.coarse != nil {
		if f.coarse[t] {
			return
		}
		f.coarse[t] = true
		f.List = append(f.List, t.any, t.table)
		return
	}
	f.List = append(f.List, fact)
	if f.Spell {
		tag.Table = t.Name
		f.Tags = append(f.Tags, tag)
	}
}

// Any adds any(t).
func (f *Facts) Any(t *Table) {
	if n := len(f.wide); n == 0 || f.wide[n-1] != t.table {
		f.wide = append(f.wide, t.any, t.table)
	}
	f.add(t.any, t, Tag{Kind: FactAny})
}

// Table adds table(t).
func (f *Facts) Table(t *Table) {
	if mutant.On(mutant.SkipTable) {
		return
	}
	f.add(t.table, t, Tag{Kind: FactTable})
}

// Created adds created(t).
func (f *Facts) Created(t *Table) {
	if mutant.On(mutant.SkipCreated) {
		return
	}
	f.add(t.created, t, Tag{Kind: FactCreated})
}

// unkeyed adds unkeyed(t).
func (f *Facts) unkeyed(t *Table) {
	if mutant.On(mutant.SkipUnkeyed) {
		return
	}
	f.add(t.unkeyed, t, Tag{Kind: FactUnkeyed})
}

// Deleted adds deleted(t).
func (f *Facts) Deleted(t *Table) {
	if mutant.On(mutant.SkipDeleted) {
		return
	}
	f.add(t.deleted, t, Tag{Kind: FactDeleted})
}

// Column adds column(t,c).
func (f *Facts) Column(c *Column) {
	if mutant.On(mutant.SkipColumn) {
		return
	}
	f.add(c.column, c.Table, Tag{Kind: FactColumn, Column: c.Name})
}

// Rows adds rows(t).
func (f *Facts) Rows(t *Table) {
	if mutant.On(mutant.SkipRows) {
		return
	}
	f.add(t.rows, t, Tag{Kind: FactRows})
}

// bulkAny adds bulk(t).
func (f *Facts) bulkAny(t *Table) {
	if !mutant.On(mutant.SkipBulk) {
		f.add(t.bulk, t, Tag{Kind: FactBulk})
	}
}

// manyRows adds rows of a table of which nothing is known.
func (f *Facts) manyRows(t *Table) {
	f.Rows(t)
	f.bulkAny(t)
}

// bulk adds bulk(t,c=v), or bulk(t,c) if v is nil.
func (f *Facts) bulk(c *Column, v *canonical) {
	if mutant.On(mutant.SkipBulk) {
		return
	}
	if v == nil {
		f.add(c.bulk, c.Table, Tag{Kind: FactBulk, Group: c.Name})
		return
	}
	tag := Tag{Kind: FactBulk}
	if f.Spell {
		tag.Group = c.is(*v)
	}
	f.add(valueFact(c.bulkSeed, *v), c.Table, tag)
}

// Row adds row(t,id) and reports whether the table has a key of one column and
// id a canonical form; else nothing is added, and the caller must add something
// coarser.
func (f *Facts) Row(t *Table, id any) bool {
	if len(t.ID) != 1 {
		return false
	}
	v, ok := t.ID[0].canonical(id, f.Fold)
	if ok {
		f.row(t, v)
	}
	return ok
}

func (f *Facts) row(t *Table, v canonical) {
	if !mutant.On(mutant.SkipRow) {
		f.addKey(FactRow, t.rowSeed, t, nil, v)
	}
}

// field adds field(t,c,key), or rewritten(t,key) if c is nil.
func (f *Facts) field(t *Table, c *Column, key canonical) {
	switch {
	case c == nil && mutant.On(mutant.SkipRewritten), c != nil && mutant.On(mutant.SkipField):
	case c == nil:
		f.addKey(FactRewritten, t.rewrittenSeed, t, nil, key)
	default:
		f.addKey(FactField, c.fieldSeed, t, c, key)
	}
}

func (f *Facts) addKey(kind FactKind, seed uint64, t *Table, c *Column, key canonical) {
	tag := Tag{Kind: kind}
	if f.Spell {
		tag.Value = key.String()
		if c != nil {
			tag.Column = c.Name
		}
	}
	f.add(valueFact(seed, key), t, tag)
}

// maxFields is how many columns of a row are told apart.
const maxFields = 3

// written adds a row of which columns were set, or which is gone if set is nil, and
// reports whether its key has a canonical form, as Row does.
func (f *Facts) written(t *Table, id any, set []*Column) bool {
	if len(t.ID) != 1 {
		return false
	}
	key, ok := t.ID[0].canonical(id, f.Fold)
	if ok {
		f.writtenKey(t, key, set)
	}
	return ok
}

func (f *Facts) writtenKey(t *Table, key canonical, set []*Column) {
	f.row(t, key)
	if set == nil || len(set) > maxFields {
		f.field(t, nil, key)
		return
	}
	for _, c := range set {
		f.field(t, c, key)
	}
}

// canonical is a database value in the one form in which the values of a column
// are compared: a number, or the bytes of a text.
type canonical struct {
	tag  byte // 'i' signed, 'u' unsigned above the signed range, 's' text
	num  uint64
	text []byte
}

// hash returns 64 bits that two values share if they are equal, and hardly else.
func (c canonical) hash() uint64 {
	if c.text == nil {
		return mix(c.num + uint64(c.tag)*0x9e3779b97f4a7c15)
	}
	return xxhash.Sum64(c.text) + uint64(c.tag)
}

// String returns the value as people write it.
func (c canonical) String() string {
	switch {
	case c.text != nil:
		return string(c.text)
	case c.tag == 'u':
		return strconv.FormatUint(c.num, 10)
	default:
		return strconv.FormatInt(int64(c.num), 10)
	}
}

func canonicalUUID(b []byte) canonical {
	const digits = "0123456789abcdef"
	text := make([]byte, 32)
	for i, x := range b {
		text[2*i], text[2*i+1] = digits[x>>4], digits[x&15]
	}
	return canonical{tag: 's', text: text}
}

// parseUUID accepts the 36-character form, with or without braces or a urn
// prefix, and 32 hexadecimal digits.
func parseUUID(s string) ([16]byte, bool) {
	var u [16]byte
	s = strings.TrimPrefix(strings.ToLower(s), "urn:uuid:")
	if len(s) == 38 && s[0] == '{' && s[37] == '}' {
		s = s[1:37]
	}
	if len(s) == 36 {
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return u, false
		}
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if len(s) != 32 {
		return u, false
	}
	hi, err := strconv.ParseUint(s[:16], 16, 64)
	if err != nil {
		return u, false
	}
	lo, err := strconv.ParseUint(s[16:], 16, 64)
	if err != nil {
		return u, false
	}
	binary.BigEndian.PutUint64(u[:8], hi)
	binary.BigEndian.PutUint64(u[8:], lo)
	return u, true
}
