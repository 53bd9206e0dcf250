package cache

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/entcache/ent-cache/cache/ledger"
	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/internal/mutant"
)

// Fact is the 64-bit name of something a result depends on and a write touches.
// A read and a write build the name in the same way, so two facts that share a
// name by chance cost a needless invalidation and never miss one. Names are the
// same in every process and every version of one schema.
type Fact = ledger.Fact

// FactKind tells what a fact is about.
type FactKind uint8

// The kinds of facts of a table.
const (
	// FactAny is touched by every write to the table, whatever it is.
	FactAny FactKind = iota + 1
	// FactTable is touched by a write of which the rows aren't known; every
	// result that mentions the table depends on it.
	FactTable
	// FactMembers says which rows exist.
	FactMembers
	// FactColumn says which row has which value in a column.
	FactColumn
	// FactRow is one row, by its primary key.
	FactRow
	// FactGroup is the rows with one value in a grouped column.
	FactGroup
	// FactGroups is touched when rows entered or left groups of a column and it
	// isn't known which; every result that depends on a group depends on it.
	FactGroups
)

var factNames = [...]string{FactAny: "any", FactTable: "table", FactMembers: "members", FactColumn: "column", FactRow: "row", FactGroup: "group", FactGroups: "groups"}

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
func valueFact(seed uint64, v canonical) Fact {
	if v.text == nil {
		return Fact(mix(seed ^ mix(v.num+uint64(v.tag)*0x9e3779b97f4a7c15)))
	}
	return Fact(mix(seed ^ xxhash.Sum64(v.text) + uint64(v.tag)))
}

// A Tag is a fact spelled out, for people.
type Tag struct {
	Kind   FactKind
	Table  string
	Column string
	Value  string
}

// String returns the tag as kind(table), kind(table,column) or
// kind(table,column=value).
func (t Tag) String() string {
	var b strings.Builder
	b.WriteString(t.Kind.String())
	b.WriteByte('(')
	b.WriteString(t.Table)
	if t.Column != "" {
		b.WriteByte(',')
		b.WriteString(t.Column)
	}
	if t.Value != "" {
		if t.Column != "" {
			b.WriteByte('=')
		} else {
			b.WriteByte(',')
		}
		b.WriteString(t.Value)
	}
	b.WriteByte(')')
	return b.String()
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
	// wide stands for List where that is too long: of each table that is in it
	// what every result depends on, and what every write touches.
	wide []Fact
}

// Coarsen makes everything added from now on about a table its any(T) and
// table(T), once, whatever is added. It bounds what a transaction collects.
func (f *Facts) Coarsen() {
	if f.coarse == nil {
		f.coarse = make(map[*Table]bool)
	}
}

func (f *Facts) add(fact Fact, kind FactKind, t *Table, column string) {
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
		f.Tags = append(f.Tags, Tag{Kind: kind, Table: t.Name, Column: column})
	}
}

func (f *Facts) addValue(fact Fact, kind FactKind, t *Table, column string, v canonical) {
	f.add(fact, kind, t, column)
	if f.Spell && f.coarse == nil {
		f.Tags[len(f.Tags)-1].Value = v.String()
	}
}

// Any adds any(t).
func (f *Facts) Any(t *Table) {
	if n := len(f.wide); n == 0 || f.wide[n-1] != t.table {
		f.wide = append(f.wide, t.any, t.table)
	}
	f.add(t.any, FactAny, t, "")
}

// Table adds table(t).
func (f *Facts) Table(t *Table) {
	if mutant.On(mutant.SkipTable) {
		return
	}
	f.add(t.table, FactTable, t, "")
}

// Members adds members(t).
func (f *Facts) Members(t *Table) {
	if mutant.On(mutant.SkipMembers) {
		return
	}
	f.add(t.members, FactMembers, t, "")
}

// Column adds column(t,c).
func (f *Facts) Column(c *Column) {
	if mutant.On(mutant.SkipColumn) {
		return
	}
	f.add(c.column, FactColumn, c.Table, c.Name)
}

// Groups adds groups(t,c).
func (f *Facts) Groups(c *Column) {
	if mutant.On(mutant.SkipGroups) {
		return
	}
	f.add(c.groups, FactGroups, c.Table, c.Name)
}

// Group adds group(t,c=v) and reports whether v has a canonical form; where it
// has none nothing is added, and the caller must add something coarser.
func (f *Facts) Group(c *Column, v any) bool {
	cv, ok := c.canonical(v, f.Fold)
	if !ok {
		return false
	}
	if mutant.On(mutant.SkipGroup) {
		return true
	}
	f.addValue(valueFact(c.groupSeed, cv), FactGroup, c.Table, c.Name, cv)
	return true
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

// rowOf is Row for value i of a result.
func (f *Facts) rowOf(t *Table, rows *codec.Rows, i int) bool {
	if len(t.ID) != 1 {
		return false
	}
	v, ok := t.ID[0].canonicalOf(rows, i, f.Fold)
	if ok {
		f.row(t, v)
	}
	return ok
}

func (f *Facts) row(t *Table, v canonical) {
	if !mutant.On(mutant.SkipRow) {
		f.addValue(valueFact(t.rowSeed, v), FactRow, t, "", v)
	}
}

// canonical is a database value in the one form in which the values of a column
// are compared: a number, or the bytes of a text.
type canonical struct {
	tag  byte // 'i' signed, 'u' unsigned above the signed range, 's' text
	num  uint64
	text []byte
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
