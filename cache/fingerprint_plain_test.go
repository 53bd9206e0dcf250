package cache

import (
	"context"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"
)

// Fails where Ent's selector has other fields than those that are known: then
// fingerprints are right, and twice as slow. The mirror has to be made anew, and
// plain has to look at what is new.
func TestSelectorIsMirrored(t *testing.T) {
	require.True(t, mirrored)
}

func TestMirrors(t *testing.T) {
	type inner struct{ a int }
	type other struct{ b int }
	type theirs struct {
		n    int
		in   inner
		list []inner
	}
	type (
		same   theirs
		opaque struct {
			n    int
			in   struct{ a int }
			list []unseen
		}
		renamed struct {
			m    int
			in   inner
			list []unseen
		}
		fewer struct {
			n  int
			in inner
		}
		retyped struct {
			n    uint
			in   inner
			list []unseen
		}
		moved struct {
			in   inner
			n    int
			list []unseen
		}
		deeper struct {
			n    int
			in   other
			list []unseen
		}
		element struct {
			n    int
			in   inner
			list []other
		}
		array struct {
			n    int
			in   inner
			list [3]int
		}
	)
	for _, m := range []any{theirs{}, same{}, opaque{}} {
		require.True(t, mirrors(reflect.TypeOf(m), reflect.TypeFor[theirs]()), "%T", m)
	}
	for _, m := range []any{renamed{}, fewer{}, retyped{}, moved{}, deeper{}, element{}, array{}, inner{}} {
		require.False(t, mirrors(reflect.TypeOf(m), reflect.TypeFor[theirs]()), "%T", m)
	}
}

func newPlain(dialectName string) (*Fingerprint, *base, *Selection) {
	f := &Fingerprint{dialect: dialectName, ctx: context.Background()}
	sel := &Selection{Values: &Values{table: entsql.Table("users")}}
	_, b := f.selector(sel)
	return f, b, sel
}

// A selector is plain only as long as every field is empty that conditions and
// an order don't use.
func TestPlainLooksAtEveryField(t *testing.T) {
	used := map[string]bool{
		"ctx": true, "where": true, "order": true, // what conditions and an order use
		"from": true, // of which there is one, see below
	}
	var walk func(path string, at reflect.Type, value func(*base) reflect.Value)
	looked := 0
	walk = func(path string, at reflect.Type, value func(*base) reflect.Value) {
		for i := range at.NumField() {
			name := at.Field(i).Name
			field := func(b *base) reflect.Value {
				v := value(b).Field(i)
				return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
			}
			if at.Field(i).Type.Kind() == reflect.Struct {
				walk(path+name+".", at.Field(i).Type, field)
				continue
			}
			if used[path+name] {
				continue
			}
			f, b, sel := newPlain(dialect.Postgres)
			require.True(t, b.plain(f.dialect, sel))
			set(t, field(b))
			require.False(t, b.plain(f.dialect, sel), path+name)
			looked++
		}
	}
	walk("", reflect.TypeFor[selectorMirror](), func(b *base) reflect.Value {
		return reflect.ValueOf((*selectorMirror)(unsafe.Pointer(&b.selector))).Elem()
	})
	walk("table.", reflect.TypeFor[tableMirror](), func(b *base) reflect.Value {
		return reflect.ValueOf((*tableMirror)(unsafe.Pointer(&b.table))).Elem()
	})
	require.Equal(t, 30, looked)

	for name, change := range map[string]func(*entsql.Selector){
		"another table":      func(s *entsql.Selector) { s.From(entsql.Table("users")) },
		"none":               func(s *entsql.Selector) { s.From(entsql.Table("users")); s.FromExpr(entsql.Raw("x")) },
		"one more":           func(s *entsql.Selector) { s.AppendFrom(entsql.Table("pets")) },
		"another expression": func(s *entsql.Selector) { s.AppendFromExpr(entsql.Raw("x")) },
	} {
		f, b, sel := newPlain(dialect.MySQL)
		change(&b.selector)
		require.False(t, b.plain(f.dialect, sel), name)
	}
}

// set makes a value differ from what it was.
func set(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		t.Fatalf("a field of type %s", v.Type())
	}
}

var plainStatements = map[string]func(*entsql.Selector){
	"nothing": func(*entsql.Selector) {},
	"equal":   func(s *entsql.Selector) { s.Where(entsql.EQ(s.C("age"), 1)) },
	"bool":    func(s *entsql.Selector) { s.Where(entsql.EQ(s.C("age"), true)) },
	"two":     func(s *entsql.Selector) { s.Where(entsql.EQ("a", 1)).Where(entsql.In("b", 2, 3)) },
	"or":      func(s *entsql.Selector) { s.Where(entsql.Or(entsql.EQ("a", 1), entsql.LT("b", 2))) },
	"negated": func(s *entsql.Selector) { s.Not().Where(entsql.EQ("a", 1)).Or().Where(entsql.NotNull("b")) },
	"escaped": func(s *entsql.Selector) { s.Where(entsql.Contains("name", "50%")) },
	"folded":  func(s *entsql.Selector) { s.Where(entsql.ContainsFold("name", "50%")) },
	"subquery": func(s *entsql.Selector) {
		s.Where(entsql.In(s.C("id"), entsql.Select("id").From(entsql.Table("pets")).Where(entsql.EQ("n", 1)))).Where(entsql.EQ("a", 2))
	},
	"nobody":   func(s *entsql.Selector) { s.Where(entsql.In("id")) },
	"composed": func(s *entsql.Selector) { s.Where(entsql.CompositeGT([]string{"a", "b"}, 1, 2)) },
	"ordered":  func(s *entsql.Selector) { s.OrderBy("name", entsql.Desc(s.C("age")), "b.c") },
	"by arguments": func(s *entsql.Selector) {
		s.Where(entsql.EQ("a", 1)).Where(entsql.EQ("b", 2))
		s.OrderExpr(entsql.ExprFunc(func(b *entsql.Builder) { b.Ident("c").WriteOp(entsql.OpEQ).Arg(3) }), entsql.P().GT("d", 4))
		s.OrderBy("e").OrderExpr(entsql.DescExpr(entsql.Raw("f")), entsql.Expr("g = ?", 5))
	},
	"by arguments alone": func(s *entsql.Selector) { s.OrderExpr(entsql.P().EQ("d", 4)) },
	"ordered late": func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) { b.Ident("a").WriteOp(entsql.OpEQ).Arg(1); s.OrderBy("late") }))
	},
	"more while rendered": func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) { b.Ident("a").WriteOp(entsql.OpEQ).Arg(1); s.Where(entsql.EQ("b", 2)) }))
	},
}

// What is appended is what Ent renders behind the table.
func TestConditionsAreWhatEntRenders(t *testing.T) {
	for _, dialectName := range []string{dialect.SQLite, dialect.Postgres, dialect.MySQL} {
		for name, change := range plainStatements {
			d := entsql.Dialect(dialectName)
			s := d.Select().From(d.Table("users"))
			bare, _ := s.Query()
			change(s)
			want, wantArgs := s.Query()

			f, b, sel := newPlain(dialectName)
			change(&b.selector)
			require.True(t, b.plain(f.dialect, sel), name)
			args, ok := f.appendConditions(b, sel)
			require.True(t, ok, "%s: %s", name, f.reason)
			require.Equal(t, want, bare+render(t, dialectName, f.buf), "%s: %s", dialectName, name)
			require.Equal(t, wantArgs, args, "%s: %s", dialectName, name)
		}
	}
}

// render reads conditions back.
func render(t *testing.T, dialectName string, b []byte) string {
	text := func() string {
		n, size := binary.Uvarint(b)
		s := string(b[size : size+int(n)])
		b = b[size+int(n):]
		return s
	}
	mark := func() (m byte) {
		m, b = b[0], b[1:]
		return m
	}
	require.Equal(t, byte('c'), mark())
	require.Empty(t, text(), "no schema")
	out := ""
	m := mark()
	if m == 'w' {
		out += " WHERE " + text()
		m = mark()
	}
	require.Equal(t, byte('o'), m)
	n, size := binary.Uvarint(b)
	b = b[size:]
	var terms []string
	for range n {
		if mark() == 's' {
			terms = append(terms, entsql.Dialect(dialectName).String(func(w *entsql.Builder) { w.Ident(text()) }))
		} else {
			terms = append(terms, text())
		}
	}
	require.Empty(t, b)
	if n > 0 {
		out += " ORDER BY " + strings.Join(terms, ", ")
	}
	return out
}

// Where the mirror isn't Ent's selector, all of each is rendered.
func TestFingerprintWithoutMirror(t *testing.T) {
	of := func() map[string]string {
		all := make(map[string]string)
		for name, change := range plainStatements {
			c, sc, p := newPrinted()
			p.predicates = []func(*entsql.Selector){change}
			print, _ := p.print(t, c, sc)
			all[print] = name
		}
		return all
	}
	require.Len(t, of(), len(plainStatements))
	defer func(was bool) { mirrored = was }(mirrored)
	mirrored = false
	without := of()
	require.Len(t, without, len(plainStatements))
	for print := range without {
		require.Contains(t, print, "SELECT * FROM")
	}
}
