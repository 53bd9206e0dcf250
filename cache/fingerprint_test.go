package cache

import (
	"context"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"
)

// printed is a builder that has no more than a fingerprint.
type printed struct {
	ValueBuilder
	values            *Values
	context           ent.QueryContext
	from              *entsql.Selector
	predicates, order []func(*entsql.Selector)
}

func (p *printed) EntcacheFingerprint(f *Fingerprint) bool {
	return AppendQuery(f, Selection{
		Values: p.values, Builder: p, Context: &p.context, From: p.from, Path: p.from != nil,
	}, p.order, p.predicates)
}

func newPrinted() (*Cache, *scope, *printed) {
	typ := unitSchema.Type("User")
	d := &Driver{Driver: entsql.OpenDB(dialect.Postgres, nil), dialect: dialect.Postgres}
	return &Cache{}, &scope{Context: ent.NewQueryContext(context.Background(), &ent.QueryContext{Op: ent.OpQueryAll}), driver: d, typ: typ},
		&printed{values: NewValues(typ, "", Layout{}, Layout{}, Layout{})}
}

// print returns the fingerprint of a builder.
func (p *printed) print(t *testing.T, c *Cache, sc *scope) (string, *Fingerprint) {
	t.Helper()
	f := newFingerprint(c, sc)
	t.Cleanup(f.release)
	require.True(t, p.EntcacheFingerprint(f), f.Reason())
	return string(f.buf), f
}

func equals(column string, v *int) func(*entsql.Selector) {
	return func(s *entsql.Selector) { s.Where(entsql.EQ(s.C(column), *v)) }
}

func TestWitness(t *testing.T) {
	c, sc, p := newPrinted()
	age, id := 1, 2
	p.from = entsql.Dialect(dialect.Postgres).Select("x").From(entsql.Table("users")).Where(entsql.GT("id", 0))
	p.predicates = append(p.predicates, equals("age", &age))
	p.order = append(p.order, func(s *entsql.Selector) {
		if age == 3 {
			s.OrderBy("name")
		}
	})
	_, f := p.print(t, c, sc)
	agrees := func(args ...any) bool { return f.agrees(c, sc, p, append([]any{0}, args...)) }
	require.True(t, agrees(1))
	require.True(t, agrees(1), "it may be asked again")

	// What a run does to builders.
	p.predicates = append(p.predicates, equals("id", &id))
	p.context.AppendFieldOnce("id")
	p.from.Select("y").Where(entsql.EQ("id", 7))
	require.True(t, agrees(1))

	age = 2
	require.False(t, agrees(1), "another argument")
	age = 3
	require.False(t, agrees(1), "another order")
	age = 1
	require.True(t, agrees(1))
	p.predicates = nil
	require.False(t, agrees(1), "a predicate less")
}

// A path's selector is Ent's own. Ent's copy of one loses operators, and one that
// was rendered counts arguments from where it ended.
func TestFingerprintOfAPath(t *testing.T) {
	c, sc, p := newPrinted()
	path := func(op func(string, any) *entsql.Predicate) *entsql.Selector {
		b := entsql.Dialect(dialect.Postgres)
		inner := b.Select("id").From(b.Table("pets")).Where(op("owner_id", 3)).As("t1")
		users := b.Table("users")
		return b.Select("*").From(users).Join(inner).On(users.C("id"), inner.C("id"))
	}
	below := func(c string, v any) *entsql.Predicate { return entsql.LT(c, v) }
	above := func(c string, v any) *entsql.Predicate { return entsql.GT(c, v) }
	age := 1
	p.predicates = append(p.predicates, equals("age", &age))
	p.from = path(below)
	want, wantArgs := path(below).Query()
	first, _ := p.print(t, c, sc)
	again, _ := p.print(t, c, sc)
	require.Equal(t, first, again)
	query, args := p.from.Query()
	require.Equal(t, want, query, "the query is as it was")
	require.Equal(t, wantArgs, args)
	p.from = path(above)
	other, _ := p.print(t, c, sc)
	require.NotEqual(t, first, other)
}
