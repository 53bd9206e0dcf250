package cache

import (
	"fmt"
	"sort"
	"strings"
	"sync/atomic"

	"entgo.io/ent/dialect"

	"github.com/entcache/ent-cache/schema"
)

// Generated1 is the version of the contract between this package and generated
// code. Generated code names it, so code that was generated for another
// version doesn't compile; generating again mends it.
const Generated1 = 1

// Kind is the kind of a column's values, as far as comparing them goes.
type Kind uint8

// The kinds. Values of KindOther, of floats, times and JSON are never compared.
const (
	KindOther Kind = iota
	KindInt
	KindBool
	KindString
	KindBytes
	KindUUID
	KindFloat
	KindTime
	KindJSON
)

// SchemaSpec is what generated code declares: the tables of the database and
// the Ent types that read them.
type SchemaSpec struct {
	// Fingerprint changes whenever the tables or the Go types of their columns
	// do.
	Fingerprint string
	Tables      []TableSpec
	Types       []TypeSpec
}

// TableSpec declares a table, a join table or a view.
type TableSpec struct {
	Name    string
	Columns []ColumnSpec
	// ID are the columns of the primary key: one, two (a join table or an edge
	// schema with a composite id) or none.
	ID []string
	// Cascades are the tables the database itself changes when a row of this
	// one is deleted (ON DELETE CASCADE, SET NULL, SET DEFAULT), without
	// following them further.
	Cascades []string
	// CascadeKeys are the foreign keys along which that happens, of the tables of
	// which all are known to be deleted or cleared (ON DELETE CASCADE, SET NULL):
	// only rows that refer to the deleted one change, and in nothing else.
	CascadeKeys []KeySpec
	// View marks a view; DependsOn are then the tables or types it reads.
	View      bool
	DependsOn []string
	// Tenant is the column that says which tenant a row belongs to, if a policy
	// names one. It is Grouped.
	Tenant string
}

// KeySpec names a foreign key.
type KeySpec struct{ Table, Column string }

// ColumnSpec declares a column.
type ColumnSpec struct {
	Name string
	Kind Kind
	// Grouped is set for foreign keys and for columns a policy groups by.
	Grouped bool
	// Folded is set where the database may call two texts equal that Go tells
	// apart: a collation, citext, a padded type.
	Folded bool
	// Default is set where the database fills the column when an insert
	// doesn't name it, with something else than NULL.
	Default bool
	// Computed is set where the database changes the column by itself when
	// another column of the row is written: a generated column, ON UPDATE.
	Computed bool
	// Sensitive is Ent's Sensitive().
	Sensitive bool
	// References is the table of which the column holds keys, if the database
	// enforces that: a row can't refer to one that isn't there. It is empty where
	// it may not, and for keys that aren't the primary one of one column.
	References string
}

// TypeSpec declares an Ent type. Policy is nil for a type that isn't cached.
type TypeSpec struct {
	Name   string
	Table  string
	Policy *schema.Policy
}

// Schema is a SchemaSpec made ready for use. It is safe for concurrent use.
type Schema struct {
	Fingerprint string
	tables      map[string]*Table // by lower-case name
	types       map[string]*Type
	functions   map[string][]*Table // declared SQL functions, by lower-case name
	names       []string            // type names, sorted
	written     writtenTexts
}

// Table is a table of the schema.
type Table struct {
	Name    string
	ID      []*Column
	Columns []*Column
	View    bool
	// Depends are the tables a view reads. Closed is false for a view that
	// doesn't say what it reads.
	Depends []*Table
	Closed  bool
	// Cascade are the other tables that change when rows of this one are
	// deleted: the closure over the schema's ON DELETE actions.
	Cascade []*Table
	// CascadeKeys are the foreign keys of the direct ones among them, where they
	// are known.
	CascadeKeys []*Column
	direct      []*Table
	// Computed is set when a column of the table is Computed.
	Computed bool
	// Tenant says which tenant a row belongs to; nil if there are none.
	Tenant *Column

	byName map[string]*Column // by lower-case name
	// grouped are the Grouped columns, groupings what groups there are of rows.
	grouped   []*Column
	groupings []*Grouping

	any, table, created, deleted, rows, bulk, unkeyed Fact
	rowSeed, rewrittenSeed                            uint64

	// written are columns as Ent writes them, in PostgreSQL and elsewhere.
	written [2]atomic.Pointer[writtenColumns]
}

// Column is a column of a table.
type Column struct {
	ColumnSpec
	Table *Table
	// Exact is set where equality in Go is equality in the database, so that
	// facts by value can be built. Facts.Fold narrows it for a dialect.
	Exact bool

	references   *Table
	index        int // in Table.Columns
	column, bulk Fact

	bulkSeed, fieldSeed uint64
	// The column as Ent's builder writes it, for MySQL and SQLite, and for
	// PostgreSQL.
	quoted, quotedPostgres string
}

// Type is an Ent type.
type Type struct {
	Name   string
	Table  *Table
	Schema *Schema
	// Policy is nil for a type that isn't cached.
	Policy *schema.Policy
	// Index is the position of the type among the types of its schema.
	Index int
}

// Column returns the column of that name, letter case aside, or nil.
func (t *Table) Column(name string) *Column {
	if c := t.byName[name]; c != nil {
		return c
	}
	return t.byName[strings.ToLower(name)]
}

// Table returns the table of that name, letter case aside, or nil.
func (s *Schema) Table(name string) *Table {
	if t := s.tables[name]; t != nil {
		return t
	}
	return s.tables[strings.ToLower(name)]
}

// Function returns the tables a declared SQL function reads and whether it is
// declared.
func (s *Schema) Function(name string) ([]*Table, bool) {
	t, ok := s.functions[strings.ToLower(name)]
	return t, ok
}

// Type returns the Ent type of that name, or nil.
func (s *Schema) Type(name string) *Type { return s.types[name] }

// Types returns the names of the types in alphabetical order.
func (s *Schema) Types() []string { return s.names }

// MustSchema makes a declared schema ready. It panics on a schema that names a
// table or column it doesn't declare, which the code generator never emits.
func MustSchema(spec SchemaSpec) *Schema {
	s, err := newSchema(spec)
	if err != nil {
		panic(err)
	}
	return s
}

func newSchema(spec SchemaSpec) (*Schema, error) {
	s := &Schema{
		Fingerprint: spec.Fingerprint,
		tables:      make(map[string]*Table, len(spec.Tables)),
		types:       make(map[string]*Type, len(spec.Types)),
		functions:   make(map[string][]*Table),
	}
	for _, ts := range spec.Tables {
		if err := s.addTable(ts); err != nil {
			return nil, err
		}
	}
	for i, ts := range spec.Types {
		t := s.Table(ts.Table)
		if t == nil {
			return nil, fmt.Errorf("entcache: type %s names the undeclared table %q; generate the code again", ts.Name, ts.Table)
		}
		s.types[ts.Name] = &Type{Name: ts.Name, Table: t, Schema: s, Policy: ts.Policy, Index: i}
		s.names = append(s.names, ts.Name)
	}
	sort.Strings(s.names)
	s.addGroupings()
	direct := make(map[*Table][]*Table)
	for _, ts := range spec.Tables {
		t := s.Table(ts.Name)
		for _, name := range ts.Cascades {
			child := s.Table(name)
			if child == nil {
				return nil, fmt.Errorf("entcache: table %s cascades into the undeclared table %q; generate the code again", ts.Name, name)
			}
			direct[t] = append(direct[t], child)
		}
		for _, key := range ts.CascadeKeys {
			child := s.Table(key.Table)
			if child == nil || child.Column(key.Column) == nil {
				return nil, fmt.Errorf("entcache: table %s cascades along the undeclared column %s.%s; generate the code again", ts.Name, key.Table, key.Column)
			}
			t.CascadeKeys = append(t.CascadeKeys, child.Column(key.Column))
		}
		if !ts.View {
			continue
		}
		t.Closed = len(ts.DependsOn) > 0
		for _, name := range ts.DependsOn {
			base, err := s.resolve(name)
			if err != nil {
				return nil, fmt.Errorf("view %s: %w", ts.Name, err)
			}
			t.Depends = append(t.Depends, base)
		}
	}
	for _, t := range s.tables {
		for _, c := range t.Columns {
			if c.References == "" {
				continue
			}
			if c.references = s.Table(c.References); c.references == nil {
				return nil, fmt.Errorf("entcache: column %s.%s refers to the undeclared table %q; generate the code again", t.Name, c.Name, c.References)
			}
		}
		t.direct, t.Cascade = direct[t], closure(t, direct)
		t.Depends = closeViews(t)
	}
	for _, ts := range spec.Types {
		if ts.Policy == nil {
			continue
		}
		for fn, names := range ts.Policy.Functions {
			tables := make([]*Table, 0, len(names))
			for _, name := range names {
				base, err := s.resolve(name)
				if err != nil {
					return nil, fmt.Errorf("function %s of %s: %w", fn, ts.Name, err)
				}
				tables = append(tables, base)
			}
			fn = strings.ToLower(fn)
			s.functions[fn] = append(append([]*Table{}, s.functions[fn]...), tables...)
		}
	}
	return s, nil
}

// resolve finds a table by its own name or by the name of its Ent type.
func (s *Schema) resolve(name string) (*Table, error) {
	if t := s.types[name]; t != nil {
		return t.Table, nil
	}
	if t := s.Table(name); t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("entcache: %q is neither an Ent type nor a table of the schema", name)
}

// addTable declares a table. Two tables of one name (in different database
// schemas) become one with the columns of both, which is coarser.
func (s *Schema) addTable(ts TableSpec) error {
	key := strings.ToLower(ts.Name)
	t := s.tables[key]
	if t == nil {
		t = &Table{
			Name: ts.Name, View: ts.View, Closed: true,
			byName:  make(map[string]*Column, len(ts.Columns)),
			any:     Fact(factSeed(FactAny, key, "")),
			table:   Fact(factSeed(FactTable, key, "")),
			created: Fact(factSeed(FactCreated, key, "")),
			deleted: Fact(factSeed(FactDeleted, key, "")),
			rows:    Fact(factSeed(FactRows, key, "")),
			bulk:    Fact(factSeed(FactBulk, key, "")),
			unkeyed: Fact(factSeed(FactUnkeyed, key, "")),
			rowSeed: factSeed(FactRow, key, ""), rewrittenSeed: factSeed(FactRewritten, key, ""),
		}
		s.tables[key] = t
	} else {
		// Ids of different rows would meet: no facts by row.
		ts.ID = nil
		t.ID = nil
	}
	for _, cs := range ts.Columns {
		name := strings.ToLower(cs.Name)
		if c := t.byName[name]; c != nil {
			c.Folded, c.Computed, c.Default = c.Folded || cs.Folded, c.Computed || cs.Computed, c.Default || cs.Default
			c.Grouped, c.Sensitive = c.Grouped && cs.Grouped && c.Kind == cs.Kind, c.Sensitive || cs.Sensitive
			c.Exact, c.References = false, ""
			continue
		}
		c := &Column{
			ColumnSpec: cs, Table: t,
			Exact:     comparable(cs),
			column:    Fact(factSeed(FactColumn, key, name)),
			bulk:      Fact(mix(factSeed(FactBulk, key, name))),
			bulkSeed:  factSeed(FactBulk, key, name),
			fieldSeed: factSeed(FactField, key, name),

			quoted:         quoteColumn(dialect.SQLite, ts.Name, cs.Name),
			quotedPostgres: quoteColumn(dialect.Postgres, ts.Name, cs.Name),
		}
		c.index = len(t.Columns)
		t.byName[name] = c
		t.Columns = append(t.Columns, c)
		t.Computed = t.Computed || cs.Computed
	}
	if ts.Tenant != "" {
		if t.Tenant = t.Column(ts.Tenant); t.Tenant == nil {
			return fmt.Errorf("entcache: the tenant of table %s is the undeclared column %q; generate the code again", ts.Name, ts.Tenant)
		}
	}
	for _, name := range ts.ID {
		c := t.Column(name)
		if c == nil {
			return fmt.Errorf("entcache: the key of table %s names the undeclared column %q; generate the code again", ts.Name, name)
		}
		t.ID = append(t.ID, c)
	}
	return nil
}

// comparable reports whether equality in Go is equality in the database.
func comparable(c ColumnSpec) bool {
	switch c.Kind {
	case KindInt, KindBool, KindBytes, KindUUID:
		return true
	case KindString:
		return !c.Folded
	default:
		return false
	}
}

// closure follows next from t and leaves t out unless a cycle leads back to it
// through another table or through itself.
func closure(t *Table, next map[*Table][]*Table) []*Table {
	var (
		out  []*Table
		seen = make(map[*Table]bool)
		walk func(*Table)
	)
	walk = func(t *Table) {
		for _, n := range next[t] {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
				walk(n)
			}
		}
	}
	walk(t)
	return out
}

// closeViews replaces views among a view's base tables by what they read, and
// keeps the views too.
func closeViews(t *Table) []*Table {
	if !t.View {
		return nil
	}
	var (
		out  []*Table
		seen = map[*Table]bool{t: true}
		walk func(*Table)
	)
	walk = func(v *Table) {
		for _, b := range v.Depends {
			if seen[b] {
				continue
			}
			seen[b] = true
			out = append(out, b)
			if b.View {
				t.Closed = t.Closed && b.Closed
				walk(b)
			}
		}
	}
	walk(t)
	return out
}
