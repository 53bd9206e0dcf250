package cache

import (
	"database/sql/driver"
	"reflect"
	"slices"

	"github.com/entcache/ent-cache/internal/mutant"
)

// image is what is known of a row, before a statement wrote the row or after it.
// Its zero value knows nothing.
type image struct {
	cells []cell // by Column.index
}

type cell struct {
	known bool
	null  bool
	// assumed says that the value follows from the schema alone: an INSERT that leaves
	// a column out puts NULL there. It tells groups apart; a write isn't judged by it,
	// since the database may have defaults that Ent doesn't know of.
	assumed bool
	value   canonical
}

// set notes that a column has the value v, if v has a canonical form.
func (m *image) set(c *Column, v any, fold bool) { m.put(c, c.cell(v, fold)) }

// maxImageText bounds the texts that an image keeps of columns that aren't grouped.
const maxImageText = 128

// cell returns what is known of a column that has the value v.
func (c *Column) cell(v any, fold bool) cell {
	if isNull(v) {
		return cell{known: true, null: true}
	}
	if s, ok := v.(string); ok && !c.Grouped && len(s) > maxImageText {
		return cell{}
	}
	if bytes, missing := isBytes(v); missing {
		return cell{} // NULL for most drivers, and an empty value for others
	} else if bytes && !fold && (c.Kind == KindString || c.Kind == KindInt || c.Kind == KindBool) {
		// SQLite tells the bytes of a text, or of a number's digits, from the text and
		// the number. MySQL sends numbers in that form.
		return cell{}
	}
	if cv, ok := c.canonical(v, fold); ok {
		return cell{known: true, value: cv}
	}
	return cell{}
}

// isBytes reports whether a driver gets bytes for v, and whether they are nil.
func isBytes(v any) (bytes, missing bool) {
	switch x := v.(type) {
	case int64, int, string, bool:
		return false, false
	case []byte:
		return true, x == nil
	case driver.Valuer:
		dv, err := callValuer(x)
		b, ok := dv.([]byte)
		return err == nil && ok, err == nil && ok && b == nil
	}
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	switch rv.Kind() {
	case reflect.Slice:
		return rv.Type().Elem().Kind() == reflect.Uint8, rv.IsNil()
	case reflect.Array:
		return rv.Type().Elem().Kind() == reflect.Uint8, false
	case reflect.Pointer:
		return false, true
	}
	return false, false
}

// put notes what is known of a column.
func (m *image) put(c *Column, x cell) {
	if m.cells == nil {
		m.cells = make([]cell, len(c.Table.Columns))
	}
	m.cells[c.index] = x
}

func (m *image) of(c *Column) cell {
	if m.cells == nil {
		return cell{}
	}
	return m.cells[c.index]
}

// group returns the row's group of a grouping, and false if it is in none: NULL
// is no value.
func (m *image) group(g *Grouping) (group, bool) {
	var values [2]canonical
	known := true
	for i, c := range g.Columns {
		x := m.of(c)
		if x.known && x.null {
			return group{}, false
		}
		known = known && x.known
		values[i] = x.value
	}
	if !known {
		return group{by: g}, true
	}
	return g.of(values[:len(g.Columns)]...), true
}

// What a write does to rows is the same three things whatever statement does it.
// They say what groups the rows enter, leave and stay in; the caller says which
// rows they are.
//
// Why no write is missed: let a result depend on a group, and a write change what
// the statement would return. Then the write changed a row of the group, as it was
// before or as it is after. If the row wasn't in the group before, entered was
// touched for the group after, and if it isn't after, left for the group before.
// If it was and is, either the write set no column of the grouping, and within was
// touched for every column that it set, one of which the statement names; or it did,
// and entered and left were both touched. Where a side isn't known the fact without
// values is touched, on which the result depends too.
//
// A transaction may write a row several times. If it leaves the row in the group
// where it was, either none of its statements set a column of the grouping, or the
// one that took the row out of the group touched left and the one that put it back
// touched entered. Else the first statement that set such a column knew the group
// that the row was in before the transaction, or that it didn't know it: the
// conditions of a statement hold for the row that it overwrites, and no one else
// writes that row from then on until the transaction ends.

// inserted adds what a new row touches besides its own name. keyed says that the
// caller adds that.
func (f *Facts) inserted(t *Table, after image, keyed bool) {
	f.Created(t)
	if len(t.ID) == 1 && !keyed {
		f.unkeyed(t)
	}
	for _, g := range t.groupings {
		if gr, any := after.group(g); any && g.usable(f.Fold) {
			f.entered(gr)
		}
	}
}

// deleted adds what a row that is gone touches besides its own name.
func (f *Facts) deleted(t *Table, before image) {
	f.Deleted(t)
	for _, g := range t.groupings {
		if gr, any := before.group(g); any && g.usable(f.Fold) {
			f.left(gr)
		}
	}
}

// maxWithin bounds what a write of many columns touches: beyond, it counts as one
// that took the row out of its groups and put it back.
const maxWithin = 32

// updated adds what it touches that columns of a row are set, besides the row's
// own name. after also says what is known of the columns that aren't.
func (f *Facts) updated(t *Table, set []*Column, before, after image) {
	for _, c := range set {
		f.Column(c)
	}
	many := len(set)*len(t.groupings) > maxWithin
	for _, g := range t.groupings {
		if !g.usable(f.Fold) {
			continue
		}
		gr, any := after.group(g)
		switch moves := slices.ContainsFunc(g.Columns, func(c *Column) bool { return slices.Contains(set, c) }); {
		case moves && mutant.On(mutant.UpdateSkipsGroups):
		case moves:
			if any {
				f.entered(gr)
			}
			if mutant.On(mutant.OldIsNew) {
				before = after
			}
			if old, any := before.group(g); any {
				f.left(old)
			}
		case !any:
		case many:
			f.entered(gr)
			f.left(gr)
		default:
			for _, c := range set {
				f.within(gr, c)
			}
		}
	}
}
