package extension

import (
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/cache"
)

// columnOf describes the column of a field.
func columnOf(f *gen.Field) cache.ColumnSpec {
	c := f.Column()
	ant := f.EntSQL()
	spec := cache.ColumnSpec{
		Name:      c.Name,
		Kind:      kindOf(f, c.SchemaType),
		Default:   c.Default != nil || anyType(c.SchemaType, fillsByItself),
		Computed:  anyType(c.SchemaType, changesByItself) || ant != nil && changesByDefault(ant),
		Sensitive: f.Sensitive(),
	}
	if spec.Kind == cache.KindString {
		spec.Folded = foldedType(c.SchemaType) || ant != nil && foldedCollation(ant.Collation)
	}
	return spec
}

// kindOf returns the kind in which values of the field are compared. It is
// KindOther where the database may hold another value than the one Ent sends,
// or where it isn't known what Ent sends.
func kindOf(f *gen.Field, schemaType map[string]string) cache.Kind {
	if f.HasValueScanner() || f.Type == nil {
		return cache.KindOther
	}
	kind := baseKind(f.Type.Type)
	if f.Type.Valuer() {
		// What Value returns is what the database compares, and what is
		// canonicalised; a value that isn't of the kind has no canonical form.
		switch kind {
		case cache.KindInt, cache.KindBool, cache.KindString, cache.KindBytes, cache.KindUUID:
		default:
			return cache.KindOther
		}
	}
	for _, t := range schemaType {
		if !keepsKind(kind, t) {
			return cache.KindOther
		}
	}
	return kind
}

func baseKind(t field.Type) cache.Kind {
	switch {
	case t.Integer():
		return cache.KindInt
	case t.Float():
		return cache.KindFloat
	}
	switch t {
	case field.TypeBool:
		return cache.KindBool
	case field.TypeString, field.TypeEnum:
		return cache.KindString
	case field.TypeBytes:
		return cache.KindBytes
	case field.TypeUUID:
		return cache.KindUUID
	case field.TypeTime:
		return cache.KindTime
	case field.TypeJSON:
		return cache.KindJSON
	default:
		return cache.KindOther
	}
}

// Types a column may be given by SchemaType without a change to how its values
// compare. Types that round (a float for an int) or pad (binary for bytes) are
// not among them.
var (
	intTypes = words("int integer bigint smallint tinyint mediumint int2 int4 int8 serial bigserial smallserial " +
		"serial2 serial4 serial8")
	boolTypes  = words("bool boolean tinyint")
	bytesTypes = words("blob tinyblob mediumblob longblob bytea varbinary")
	uuidTypes  = words("uuid char varchar text binary varbinary blob bytea")
	textTypes  = words("text varchar")
)

// keepsKind reports whether values of the kind are stored unchanged in a column
// of that type. Texts always are: what their type does to comparing them is
// foldedType's.
func keepsKind(kind cache.Kind, typ string) bool {
	name, _ := typeName(typ)
	switch kind {
	case cache.KindInt:
		return intTypes[strings.TrimSuffix(name, " unsigned")]
	case cache.KindBool:
		return boolTypes[name]
	case cache.KindBytes:
		return bytesTypes[name]
	case cache.KindUUID:
		return uuidTypes[name]
	default:
		return true
	}
}

// foldedType reports whether one of the types given by SchemaType makes texts
// equal that Go tells apart. MySQL's types don't matter: its texts are never
// compared by value. PostgreSQL cuts trailing blanks off a text that is longer
// than its type, so a sized type counts there.
func foldedType(schemaType map[string]string) bool {
	for d, t := range schemaType {
		name, sized := typeName(t)
		switch {
		case d == dialect.MySQL:
		case !textTypes[name]:
			return true
		case sized && d != dialect.SQLite:
			return true
		}
	}
	return false
}

// foldedCollation reports whether texts of the collation may be equal without
// being the same bytes.
func foldedCollation(name string) bool {
	switch strings.ToUpper(strings.Trim(name, `"`)) {
	case "", "C", "POSIX", "BINARY":
		return false
	default:
		return true
	}
}

// typeName returns the name of a column type in lower case, without its size,
// and whether it had one. Whatever follows the type stays part of the name.
func typeName(t string) (name string, sized bool) {
	t = strings.ToLower(t)
	if i := strings.IndexByte(t, '('); i >= 0 {
		if j := strings.IndexByte(t[i:], ')'); j >= 0 {
			t, sized = t[:i]+" "+t[i+j+1:], true
		}
	}
	name = strings.Join(strings.Fields(t), " ")
	if rest, ok := strings.CutPrefix(name, "character varying"); ok {
		name = "varchar" + rest
	}
	return name, sized
}

// fillsByItself reports whether a column of the type gets a value when an
// insert doesn't name it.
func fillsByItself(t string) bool {
	return hasWords(t, "default") || hasWords(t, "auto_increment") || hasWords(t, "autoincrement") ||
		hasWords(t, "identity") || strings.Contains(strings.ToLower(t), "serial") || changesByItself(t)
}

// changesByItself reports whether the database changes a column of the type
// when another column of its row is written.
func changesByItself(t string) bool {
	return hasWords(t, "generated") || hasWords(t, "as") || hasWords(t, "on update")
}

// changesByDefault is changesByItself for an annotation. Ent makes nothing of
// the options of a column, so they are where a schema says what a trigger or a
// migration of the user's own does.
func changesByDefault(ant *entsql.Annotation) bool {
	if anyType(ant.DefaultExprs, changesByDefaultExpr) {
		return true
	}
	return changesByDefaultExpr(ant.Default) || changesByDefaultExpr(ant.DefaultExpr) || changesByItself(ant.Options)
}

func changesByDefaultExpr(s string) bool {
	return hasWords(s, "on update") || hasWords(s, "generated always")
}

// anyType reports whether is holds for a value of m.
func anyType(m map[string]string, is func(string) bool) bool {
	for _, v := range m {
		if is(v) {
			return true
		}
	}
	return false
}

// hasWords reports whether s contains the words in a row, letter case aside.
func hasWords(s, want string) bool {
	isLetter := func(r rune) bool {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	fields := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !isLetter(r) })
	return strings.Contains(" "+strings.Join(fields, " ")+" ", " "+want+" ")
}

func words(s string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}
