package cache

import (
	"context"
	"encoding/binary"
	"reflect"
	"strings"
	"unsafe"

	entsql "entgo.io/ent/dialect/sql"
)

// Most predicates and orders add conditions and terms to a selector and nothing
// else. Those then say all that there is to say of the statement: what it selects
// from where follows from the type. That saves rendering the rest, which is half of
// what a fingerprint costs.
//
// That nothing else is set, Ent's selector doesn't tell, so its fields are looked
// at: through types that mirror its own, which are compared with them once. Where
// another version of Ent has other fields, no selector is plain, and all of each
// is rendered.

type selectorMirror struct {
	Builder   builderMirror
	ctx       context.Context
	as        string
	selection []unseen
	from      []entsql.TableView
	joins     []unseen
	collected [][]*entsql.Predicate
	where     *entsql.Predicate
	or        bool
	not       bool
	order     []any
	group     []string
	having    *entsql.Predicate
	limit     *int
	offset    *int
	distinct  bool
	setOps    []unseen
	prefix    entsql.Queries
	lock      *entsql.LockOptions
}

type tableMirror struct {
	Builder builderMirror
	as      string
	name    string
	schema  string
	quote   bool
}

type builderMirror struct {
	sb        *strings.Builder
	dialect   string
	args      []any
	total     int
	errs      []error
	qualifier string
}

// unseen is the element of a slice of which only the length is looked at.
type unseen struct{ _ byte }

var mirrored = mirrors(reflect.TypeFor[selectorMirror](), reflect.TypeFor[entsql.Selector]()) &&
	mirrors(reflect.TypeFor[tableMirror](), reflect.TypeFor[entsql.SelectTable]())

// mirrors reports whether a type has the fields of another, by name, type and
// place.
func mirrors(m, t reflect.Type) bool {
	if m == t {
		return true
	}
	if m.Kind() != t.Kind() || m.Size() != t.Size() {
		return false
	}
	switch m.Kind() {
	case reflect.Slice:
		return m.Elem() == reflect.TypeFor[unseen]()
	case reflect.Struct:
		if m.NumField() != t.NumField() {
			return false
		}
		for i := range m.NumField() {
			a, b := m.Field(i), t.Field(i)
			if a.Name != b.Name || a.Offset != b.Offset || !mirrors(a.Type, b.Type) {
				return false
			}
		}
		return true
	}
	return false
}

func (b *builderMirror) untouched(dialect string) bool {
	return b.sb == nil && b.dialect == dialect && len(b.args) == 0 && b.total == 0 && len(b.errs) == 0 && b.qualifier == ""
}

// from is what the selector's From does, without an allocation.
func (b *base) from(t *entsql.SelectTable) {
	if !mirrored {
		b.selector.From(t)
		return
	}
	t.SetDialect(b.selector.Dialect())
	b.tables[0] = t
	(*selectorMirror)(unsafe.Pointer(&b.selector)).from = b.tables[:]
}

// plain reports whether nothing was set on the selector of a selection but
// conditions and an order.
func (b *base) plain(dialect string, sel *Selection) bool {
	if !mirrored {
		return false
	}
	s := (*selectorMirror)(unsafe.Pointer(&b.selector))
	if !s.Builder.untouched(dialect) || s.as != "" || s.or || s.not || s.distinct || len(s.from) != 1 ||
		len(s.selection)+len(s.joins)+len(s.collected)+len(s.group)+len(s.setOps)+len(s.prefix) != 0 ||
		s.having != nil || s.limit != nil || s.offset != nil || s.lock != nil {
		return false
	}
	if table, ok := s.from[0].(*entsql.SelectTable); !ok || table != &b.table {
		return false
	}
	t, was := (*tableMirror)(unsafe.Pointer(&b.table)), (*tableMirror)(unsafe.Pointer(sel.Values.table))
	return t.Builder.untouched(dialect) && t.as == was.as && t.name == was.name && t.quote == was.quote && t.schema == sel.Schema
}

// counted is what Ent's builders tell each other when one is part of another:
// PostgreSQL numbers the arguments of a statement.
type counted interface {
	entsql.Querier
	SetDialect(string)
	SetTotal(int)
}

// appendConditions appends the conditions and the order of a plain selector, in
// the order in which Ent renders them, and returns their arguments. Functions in
// them may set something on the selector only now, so that must be looked at again.
func (f *Fingerprint) appendConditions(b *base, sel *Selection) (args []any, ok bool) {
	f.buf = appendString(append(f.buf, 'c'), sel.Schema)
	s := (*selectorMirror)(unsafe.Pointer(&b.selector))
	if s.where != nil {
		f.buf = append(f.buf, 'w')
		if args, ok = f.appendPart(s.where, nil); !ok {
			return nil, false
		}
	}
	order := s.order
	f.buf = binary.AppendUvarint(append(f.buf, 'o'), uint64(len(order)))
	for _, term := range order {
		switch term := term.(type) {
		case string:
			f.buf = appendString(append(f.buf, 's'), term)
		case entsql.Querier:
			f.buf = append(f.buf, 'q')
			if args, ok = f.appendPart(term, args); !ok {
				return nil, false
			}
		}
	}
	if !b.plain(f.dialect, sel) {
		return nil, f.Refuse("a predicate or the order changes the statement while it is rendered")
	}
	return args, true
}

// appendPart appends a part of a statement as Ent's Builder.Join would, and
// returns the arguments with those of the part.
func (f *Fingerprint) appendPart(q entsql.Querier, args []any) ([]any, bool) {
	if c, ok := q.(counted); ok {
		c.SetDialect(f.dialect)
		c.SetTotal(len(args))
	}
	text, more := q.Query()
	if e, ok := q.(interface{ Err() error }); ok && e.Err() != nil {
		return nil, f.Refuse("a predicate or the order has an error")
	}
	f.buf = appendString(f.buf, text)
	if len(args) == 0 {
		return more, true
	}
	return append(args, more...), true
}
