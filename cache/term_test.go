package cache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"
)

type (
	termPredicate func(*entsql.Selector)
	termOrdering  func(*entsql.Selector)
	termBool      bool
	termText      string
)

// formatted has a placeholder of its own.
type formatted string

func (formatted) FormatParam(placeholder string, _ *entsql.StmtInfo) string {
	return "lower(" + placeholder + ")"
}

// twins are terms beside what Ent makes of the same.
type twins struct{ ours, ents func(*entsql.Selector) }

var termValues = []any{1, 2, int64(1), "1", "a", "", true, false, 1.0, time.Unix(0, 0).UTC(), termBool(true), termText("a"), []byte("a")}

// twin returns a random condition, of few in a narrow world: there queries often
// differ in little.
func twin(r *rand.Rand, depth int, narrow bool) twins {
	columns, among := []string{"a", "b", "ab", ""}, termValues
	if narrow {
		columns, among = columns[:1], among[:1]
	}
	column := columns[r.IntN(len(columns))]
	value := func() any { return among[r.IntN(len(among))] }
	values := func() []any {
		v := make([]any, r.IntN(3))
		for i := range v {
			v[i] = value()
		}
		return v
	}
	ops := 13
	if depth > 0 {
		ops = 18
	}
	var v any
	if op := r.IntN(ops); op < 6 {
		v = value()
		return [...]func() twins{
			func() twins { return twins{FieldEQ(column, v), entsql.FieldEQ(column, v)} },
			func() twins { return twins{FieldNEQ(column, v), entsql.FieldNEQ(column, v)} },
			func() twins { return twins{FieldGT(column, v), entsql.FieldGT(column, v)} },
			func() twins { return twins{FieldGTE(column, v), entsql.FieldGTE(column, v)} },
			func() twins { return twins{FieldLT(column, v), entsql.FieldLT(column, v)} },
			func() twins { return twins{FieldLTE(column, v), entsql.FieldLTE(column, v)} },
		}[op]()
	} else if op < 10 {
		vs := values()
		return [...]func() twins{
			func() twins { return twins{FieldIn(column, vs...), entsql.FieldIn(column, vs...)} },
			func() twins { return twins{FieldNotIn(column, vs...), entsql.FieldNotIn(column, vs...)} },
			func() twins { return twins{FieldIsNull(column), entsql.FieldIsNull(column)} },
			func() twins { return twins{FieldNotNull(column), entsql.FieldNotNull(column)} },
		}[op-6]()
	} else if op < 13 {
		word := []string{"", "a", "ab", "A'?$1"}[r.IntN(len(columns))]
		return [...]func() twins{
			func() twins { return twins{FieldHasPrefix(column, word), entsql.FieldHasPrefix(column, word)} },
			func() twins { return twins{FieldHasSuffix(column, word), entsql.FieldHasSuffix(column, word)} },
			func() twins { return twins{FieldContains(column, word), entsql.FieldContains(column, word)} },
		}[op-10]()
	} else {
		ours, ents := make([]termPredicate, r.IntN(3)), []termPredicate(nil)
		for i := range ours {
			t := twin(r, depth-1, narrow)
			ours[i], ents = t.ours, append(ents, t.ents)
		}
		return [...]func() twins{
			func() twins { return twins{AndPredicates(ours...), entsql.AndPredicates(ents...)} },
			func() twins { return twins{OrPredicates(ours...), entsql.OrPredicates(ents...)} },
			func() twins { return twins{NotPredicates(ours...), entsql.NotPredicates(ents...)} },
			func() twins {
				name := edgeNames[r.IntN(len(edgeNames))]
				return twins{HasEdge(name, has(name)), has(name)}
			},
			func() twins {
				name := edgeNames[r.IntN(len(edgeNames))]
				return twins{HasEdgeWith(name, ours, hasWith(name, ours)), hasWith(name, ents)}
			},
		}[op-13]()
	}
}

var (
	edgeNames = []string{"a", "b", "c"}
	edges     = map[string]func() *sqlgraph.Step{
		"a": func() *sqlgraph.Step {
			return sqlgraph.NewStep(sqlgraph.From("t", "id"), sqlgraph.To("u", "id"), sqlgraph.Edge(sqlgraph.O2M, false, "u", "t_u"))
		},
		"b": func() *sqlgraph.Step {
			return sqlgraph.NewStep(sqlgraph.From("t", "id"), sqlgraph.To("u", "id"), sqlgraph.Edge(sqlgraph.M2M, true, "u_t", "u_id", "t_id"))
		},
		"c": func() *sqlgraph.Step {
			return sqlgraph.NewStep(sqlgraph.From("t", "id"), sqlgraph.To("t", "id"), sqlgraph.Edge(sqlgraph.M2O, true, "t", "parent"))
		},
	}
)

// has and hasWith do what Ent generates for an edge.
func has(name string) func(*entsql.Selector) {
	return func(s *entsql.Selector) { sqlgraph.HasNeighbors(s, edges[name]()) }
}

func hasWith(name string, predicates []termPredicate) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		sqlgraph.HasNeighborsWith(s, edges[name](), func(s *entsql.Selector) { apply(s, predicates) })
	}
}

// ordering returns a random order.
func ordering(r *rand.Rand) twins {
	column := []string{"a", "b", "ab"}[r.IntN(3)]
	var opts []entsql.OrderTermOption
	for _, o := range []entsql.OrderTermOption{entsql.OrderDesc(), entsql.OrderNullsFirst(), entsql.OrderNullsLast()} {
		if r.IntN(3) == 0 {
			opts = append(opts, o)
		}
	}
	return twins{OrderByField(column, opts...), entsql.OrderByField(column, opts...).ToFunc()}
}

// statementOf returns the statement that functions come to, with its arguments and
// their types.
func statementOf(dialectName string, kind resultKind, order []termOrdering, predicates []termPredicate) string {
	query, args := queryOf(dialectName, kind, order, predicates)
	b, _ := appendArgs(nil, args)
	return fmt.Sprintf("%s %x", query, b)
}

func queryOf(dialectName string, kind resultKind, order []termOrdering, predicates []termPredicate) (string, []any) {
	d := entsql.Dialect(dialectName)
	s := d.Select().From(d.Table("t"))
	apply(s, order)
	apply(s, predicates)
	if kind == count {
		s.ClearOrder()
	}
	return s.Query()
}

// Terms do what Ent's functions do, and queries of different statements have
// different fingerprints, whose values are the arguments of the statement. Its text
// follows from the fingerprint without them.
func TestTermsSayWhatTheyAre(t *testing.T) {
	for _, dialectName := range []string{dialect.SQLite, dialect.Postgres, dialect.MySQL} {
		for _, kind := range []resultKind{entities, count} {
			r := rand.New(rand.NewPCG(1, uint64(kind)))
			seen, texts := make(map[string]string), make(map[string]string)
			f := &Fingerprint{kind: kind, dialect: dialectName}
			for i := range 20_000 {
				var (
					order, entOrder           []termOrdering
					predicates, entPredicates []termPredicate
				)
				for range r.IntN(3) {
					t := ordering(r)
					order, entOrder = append(order, t.ours), append(entOrder, t.ents)
				}
				for range r.IntN(4) {
					t := twin(r, 2, i%2 == 0)
					predicates, entPredicates = append(predicates, t.ours), append(entPredicates, t.ents)
				}
				statement := statementOf(dialectName, kind, entOrder, entPredicates)
				require.Equal(t, statement, statementOf(dialectName, kind, order, predicates))

				f.buf = f.buf[:0]
				require.True(t, askTerms(f, "", order, predicates))
				var p part
				f.appendTermValues(&p)
				print := string(f.buf)
				if other, ok := seen[print]; ok {
					require.Equal(t, other, statement)
				}
				seen[print] = statement
				query, args := queryOf(dialectName, kind, entOrder, entPredicates)
				require.Equal(t, args, append([]any(nil), f.values...))
				before := string(f.buf[:p.args])
				if other, ok := texts[before]; ok {
					require.Equal(t, other, query)
				}
				texts[before] = query
				require.True(t, bytes.HasSuffix([]byte(statement), fmt.Appendf(nil, " %x", f.buf[p.args:])), statement)
			}
			require.Greater(t, len(seen), 5_000)
		}
	}
}

// A function that isn't a term is never asked, whatever it calls, nor is one
// beside it; nor is a term of a value that has a placeholder of its own or none.
func TestNotAsked(t *testing.T) {
	foreign := func(s *entsql.Selector) {
		_, asked := s.Context().(*question)
		require.False(t, asked, "a function of the program ran to be asked")
		FieldEQ("a", 1)(s)
	}
	for name, fns := range map[string][]termPredicate{
		"a function":             {foreign},
		"beside a term":          {FieldEQ("a", 1), foreign},
		"in a group":             {AndPredicates[termPredicate](FieldEQ("a", 1), foreign)},
		"in a group of a group":  {NotPredicates(OrPredicates[termPredicate](FieldEQ("a", 1), foreign))},
		"nil":                    {nil},
		"Ent's own":              {entsql.FieldEQ("a", 1)},
		"nothing":                {FieldEQ("a", nil)},
		"SQL":                    {FieldEQ("a", entsql.Raw("b"))},
		"a subquery":             {FieldIn("a", entsql.Select("a").From(entsql.Table("t")))},
		"a placeholder":          {FieldGT("a", formatted("x"))},
		"one among placeholders": {FieldNotIn[any]("a", 1, formatted("x"))},
		"no key":                 {FieldLT("a", struct{}{})},
		"a word with a wildcard": {FieldContains("a", "b%")},
		"another wildcard":       {FieldHasPrefix("a", "_b")},
		"behind an edge":         {HasEdgeWith("a", []termPredicate{FieldEQ("a", 1), foreign}, nil)},
		"an escape":              {FieldHasSuffix("a", `b\`)},
		"an order in a group":    {OrPredicates[termPredicate](OrderByField("a"), FieldEQ("a", 1))},
	} {
		f := &Fingerprint{kind: count, buf: []byte("x")}
		require.False(t, askTerms[termOrdering](f, "", nil, fns), name)
		require.Equal(t, "x", string(f.buf), name)
		order := make([]termOrdering, len(fns))
		for i, fn := range fns {
			order[i] = termOrdering(fn)
		}
		require.False(t, askTerms[termOrdering, termPredicate](f, "", order, nil), name)
	}
	// The fingerprint is as good as new.
	f := &Fingerprint{}
	require.False(t, askTerms[termOrdering](f, "", nil, []termPredicate{AndPredicates(AndPredicates[termPredicate](nil))}))
	require.True(t, askTerms(f, "", []termOrdering{OrderByField("a")}, []termPredicate{FieldEQ("a", 1)}))
	require.True(t, askTerms(f, "", []termOrdering{OrderByField("b")}, []termPredicate{FieldEQ("a", 1)}))
}

// What a term is compared with is the caller's until the query runs, as with Ent.
func TestTermsFollowTheirLists(t *testing.T) {
	ids := []int{1, 2}
	fns := []termPredicate{FieldIn("a", ids...)}
	print := func() []byte {
		f := &Fingerprint{}
		require.True(t, askTerms[termOrdering](f, "", nil, fns))
		f.appendTermValues(new(part))
		return slices.Clone(f.buf)
	}
	before, statement := print(), statementOf(dialect.SQLite, entities, nil, fns)
	ids[1] = 3
	require.NotEqual(t, before, print())
	require.NotEqual(t, statement, statementOf(dialect.SQLite, entities, nil, fns))
}

// Asking costs no allocation.
func TestAskingAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	fns := []termPredicate{FieldEQ("a", 1000), FieldGT("b", "text"), OrPredicates[termPredicate](FieldIsNull("c"), FieldEQ("c", true))}
	order := []termOrdering{OrderByField("a", entsql.OrderDesc())}
	f := &Fingerprint{}
	ask := func() {
		f.buf = f.buf[:0]
		if !askTerms(f, "", order, fns) {
			t.Error("not asked")
		}
		f.appendTermValues(new(part))
	}
	ask()
	require.Zero(t, testing.AllocsPerRun(100, ask))
}

// The order makes no difference to a count.
func TestCountsAreOneWhateverTheirOrder(t *testing.T) {
	print := func(kind resultKind, order ...termOrdering) string {
		f := &Fingerprint{kind: kind}
		require.True(t, askTerms[termOrdering, termPredicate](f, "", order, nil))
		return string(f.buf)
	}
	require.Equal(t, print(count), print(count, OrderByField("a")))
	require.NotEqual(t, print(entities), print(entities, OrderByField("a")))
	require.NotEqual(t, print(ids), print(ids, OrderByField("a")))
}
