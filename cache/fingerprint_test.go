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
	agrees := func(args ...any) bool {
		sc.filling = &filling{st: new(prepared), args: append([]any{0}, args...)}
		return f.agrees(c, sc, p)
	}
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

// Once it is known which statement a fingerprint is of, predicates aren't asked
// again where that statement has run.
func TestWitnessOfAKnownStatement(t *testing.T) {
	c, sc, p := newPrinted()
	asked, column := 0, "age"
	with := func(v int) {
		p.predicates = []func(*entsql.Selector){func(s *entsql.Selector) {
			asked++
			s.Where(entsql.EQ(s.C(column), v))
		}}
	}
	ran := new(prepared)
	agrees := func(f *Fingerprint, st *prepared, args ...any) (bool, int) {
		sc.filling = &filling{st: st, args: args}
		asked = 0
		ok := f.agrees(c, sc, p)
		return ok, asked
	}
	with(1)
	_, f := p.print(t, c, sc)
	check := func(f *Fingerprint, st *prepared, arg any, want bool, wantAsked int, what string) {
		t.Helper()
		ok, n := agrees(f, st, arg)
		require.Equal(t, want, ok, what)
		require.Equal(t, wantAsked, n, what)
	}
	check(f, ran, 2, false, 1, "another argument")
	check(f, ran, 1, true, 1, "the statement isn't known yet")
	check(f, ran, 1, true, 0, "it is known")
	with(2)
	_, f = p.print(t, c, sc)
	check(f, ran, 2, true, 0, "whatever the arguments are")
	check(f, ran, 1, false, 0, "but those of the statement are of the fingerprint")
	column = "name"
	check(f, ran, 2, true, 0, "what predicates say now doesn't matter")
	check(f, new(prepared), 2, false, 1, "but where they ran another statement")
	_, f = p.print(t, c, sc)
	check(f, ran, 2, true, 1, "nor does the statement say anything of another fingerprint")
	limit := 3
	p.context.Limit = &limit
	_, f = p.print(t, c, sc)
	check(f, ran, 2, true, 1, "or of one with other bounds")
	check(f, ran, 2, true, 0, "which is the one that is known then")

	check(f, nil, 2, true, 1, "the statement wasn't taken in")
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
