package cache

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/dialect/sql/sqljson"
	"github.com/stretchr/testify/require"
)

// The reference knows no scopes and no clauses. It takes the words of a
// statement, and says what must at least be among the facts of any result of
// it of which the rows aren't known.

var (
	referenceString  = regexp.MustCompile(`'[^']*'`)
	referenceWord    = regexp.MustCompile("(?:([A-Za-z_][A-Za-z_0-9]*)\\.)?([A-Za-z_][A-Za-z_0-9]*)")
	referenceAliases = regexp.MustCompile(`(?i)([A-Za-z_0-9]+) AS ([A-Za-z_0-9]+)`)
)

// referenceCheck returns what is missing among the facts.
func referenceCheck(s *Schema, query string, f *Facts) error {
	text := strings.NewReplacer("`", "", `"`, "").Replace(referenceString.ReplaceAllString(query, "?"))
	has := func(kind FactKind, table, column string) bool {
		for _, tag := range f.Tags {
			if tag.Kind == kind && tag.Table == table && tag.Column == column {
				return true
			}
		}
		return false
	}
	grouped := func(t *Table, c *Column) bool {
		for _, g := range t.groupings {
			in := c == nil || g.has(c)
			if hasGroup(f, FactEntered, g) && hasGroup(f, FactLeft, g) && (in || hasWithin(f, g, c)) {
				return true
			}
		}
		return false
	}
	known := func(t *Table) bool {
		return grouped(t, nil) || has(FactCreated, t.Name, "") && has(FactDeleted, t.Name, "") || has(FactAny, t.Name, "") ||
			has(FactRow, t.Name, "") && has(FactRows, t.Name, "") && has(FactUnkeyed, t.Name, "")
	}
	covered := func(t *Table, c *Column) bool {
		return immutable(c) || has(FactColumn, t.Name, c.Name) || has(FactAny, t.Name, "") ||
			has(FactRow, t.Name, "") && has(FactRows, t.Name, "") || grouped(t, c)
	}
	aliases := map[string]*Table{}
	var tables []*Table
	for _, m := range referenceWord.FindAllStringSubmatch(text, -1) {
		if t := s.Table(m[2]); t != nil && aliases[t.Name] == nil {
			aliases[t.Name] = t
			tables = append(tables, t)
			if !has(FactTable, t.Name, "") {
				return fmt.Errorf("no table(%s)", t.Name)
			}
			if !known(t) {
				return fmt.Errorf("nothing says which rows of %s exist", t.Name)
			}
		}
	}
	for _, m := range referenceAliases.FindAllStringSubmatch(text, -1) {
		if t := s.Table(m[1]); t != nil {
			aliases[m[2]] = t
		}
	}
	for _, m := range referenceWord.FindAllStringSubmatch(text, -1) {
		if t := aliases[m[1]]; t != nil && t.Column(m[2]) != nil {
			if !covered(t, t.Column(m[2])) {
				return fmt.Errorf("nothing covers %s of %s", m[2], t.Name)
			}
			continue
		}
		n, ok := 0, false
		for _, t := range tables {
			if c := t.Column(m[2]); c != nil {
				n++
				ok = ok || covered(t, c)
			}
		}
		if n > 0 && !ok {
			return fmt.Errorf("nothing covers %s", m[2])
		}
	}
	return nil
}

// hasGroup reports whether there are facts of a kind of groups of g, and of those
// that aren't known.
func hasGroup(f *Facts, kind FactKind, g *Grouping) bool {
	known, any := false, false
	for _, tag := range f.Tags {
		if tag.Kind == kind && tag.Table == g.Table.Name && tag.Column == "" {
			any = any || tag.Group == g.name
			known = known || tag.Group != g.name && strings.Count(tag.Group, "=") == len(g.Columns) && strings.HasPrefix(tag.Group, g.Columns[0].Name+"=")
		}
	}
	return known && any
}

func hasWithin(f *Facts, g *Grouping, c *Column) bool {
	n := 0
	for _, tag := range f.Tags {
		if tag.Kind == FactWithin && tag.Table == g.Table.Name && tag.Column == c.Name && (tag.Group == g.name || strings.HasPrefix(tag.Group, g.Columns[0].Name+"=")) {
			n++
		}
	}
	return n > 1
}

func referenceFacts(st *Statement, args []any) *Facts {
	f := &Facts{Spell: true, Fold: st.dialect == mysqlDialect}
	st.Facts(f, args, nil)
	return f
}

// builder writes random statements with Ent's own builders.
type builder struct {
	dialect string
	choose  func(int) int
}

func (b *builder) table(name string) *entsql.Selector {
	t := entsql.Dialect(b.dialect).Table(name)
	var columns []string
	for _, s := range generatorTables {
		if s.name == name {
			columns = s.columns
		}
	}
	return entsql.Dialect(b.dialect).Select(t.Columns(columns...)...).From(t)
}

func (b *builder) statement() *entsql.Selector {
	name := []string{"users", "pets", "groups"}[b.choose(3)]
	s := b.table(name)
	switch b.choose(8) {
	case 0:
		s = sqlgraph.Neighbors(b.dialect, pathFrom(b.choose(4), sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"))
		s.Select(s.Columns("id", "name", "owner_id")...)
		name = "pets"
	case 1:
		s = sqlgraph.Neighbors(b.dialect, pathFrom(b.choose(4), sqlgraph.M2M, false, "groups", "users", "group_users", "group_id", "user_id"))
		s.Select(s.Columns("id", "name")...).Distinct()
		name = "users"
	case 2:
		set := b.table("users")
		b.filter(set, "users", 1)
		s = sqlgraph.SetNeighbors(b.dialect, pathFrom(set, sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"))
		s.Select(s.Columns("id", "age")...)
		name = "pets"
	}
	b.filter(s, name, 0)
	switch b.choose(10) {
	case 0:
		return s.Count(entsql.Distinct(s.C("id")))
	case 1:
		return s.Select(s.C("name"), entsql.As(entsql.Count("*"), "n")).GroupBy(s.C("name")).Having(entsql.GT(entsql.Count("*"), 1))
	case 2:
		sqlgraph.LimitNeighbors("name", 2)(s)
		return s
	case 3:
		other := b.table(name)
		b.filter(other, name, 1)
		return s.Select(s.C("id")).Union(other.Select(other.C("id")))
	case 4:
		if name == "users" {
			sqlgraph.OrderByNeighborsCount(s, pathOf(sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"), entsql.OrderDesc())
		}
	case 5:
		entsql.OrderByField("name", entsql.OrderDesc()).ToFunc()(s)
		s.Limit(2).Offset(1)
	case 6:
		s.Select(s.C("name")).Distinct()
	}
	return s
}

func (b *builder) filter(s *entsql.Selector, name string, depth int) {
	for n := b.choose(4); n > 0; n-- {
		switch b.choose(12) {
		case 0:
			s.Where(entsql.EQ(s.C("id"), b.choose(4)))
		case 1:
			s.Where(entsql.In(s.C("id"), 1, b.choose(4)))
		case 2:
			s.Where(entsql.Or(entsql.EQ(s.C("id"), 1), entsql.HasPrefixFold(s.C("name"), "a_")))
		case 3:
			s.Where(entsql.Not(entsql.And(entsql.GT(s.C("id"), 1), entsql.EQ(s.C("name"), "a"))))
		case 4:
			s.Where(entsql.In(s.C("id")))
		case 5:
			s.Where(entsql.ContainsFold(s.C("name"), "x%"))
		case 6:
			s.Where(entsql.P(func(p *entsql.Builder) { p.Ident(s.C("id")).WriteOp(entsql.OpGT).Arg(3) }))
		default:
			switch name {
			case "users":
				b.filterUsers(s, depth)
			case "pets":
				b.filterPets(s, depth)
			}
		}
	}
}

func (b *builder) filterUsers(s *entsql.Selector, depth int) {
	switch b.choose(7) {
	case 0:
		s.Where(entsql.EQ(s.C("active"), b.choose(2) == 0))
	case 1:
		s.Where(sqljson.ValueEQ(s.C("data"), 1, sqljson.Path("a")))
	case 2:
		s.Where(entsql.EQ(s.C("boss_id"), 1))
	case 3:
		sqlgraph.HasNeighbors(s, pathOf(sqlgraph.M2M, true, "users", "groups", "group_users", "group_id", "user_id"))
	case 4:
		if depth < 3 {
			sqlgraph.HasNeighborsWith(s, pathOf(sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"), func(q *entsql.Selector) { b.filter(q, "pets", depth+1) })
		}
	case 5:
		if depth < 3 {
			sqlgraph.HasNeighborsWith(s, pathOf(sqlgraph.M2O, true, "users", "users", "users", "boss_id"), func(q *entsql.Selector) { b.filter(q, "users", depth+1) })
		}
	case 6:
		s.Where(entsql.GT(s.C("age"), b.choose(9)))
	}
}

func (b *builder) filterPets(s *entsql.Selector, depth int) {
	switch b.choose(5) {
	case 0:
		s.Where(entsql.InValues(s.C("owner_id"), 1, 2))
	case 1:
		s.Where(entsql.EQ(s.C("kind"), "cat"))
	case 2:
		if depth < 3 {
			sqlgraph.HasNeighborsWith(s, pathOf(sqlgraph.M2O, true, "pets", "users", "pets", "owner_id"), func(q *entsql.Selector) { b.filter(q, "users", depth+1) })
		}
	case 3:
		s.Where(entsql.EQ(s.C("nick"), "x"))
	case 4:
		s.Where(entsql.IsNull(s.C("owner_id")))
	}
}

func checkBuilt(t *testing.T, s *Schema, choose func(int) int) {
	for _, d := range testDialects {
		b := &builder{dialect: d, choose: choose}
		query, args := b.statement().Query()
		st := Analyze(s, d, query)
		require.Equal(t, Cacheable, st.Reason(), "%s: %s", query, st.Detail())
		require.NoError(t, referenceCheck(s, query, referenceFacts(st, args)), query)
	}
}

func TestReferenceAgreesOnEntStatements(t *testing.T) {
	s := statementSchema()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		checkBuilt(t, s, rng.IntN)
	}
}

func TestReferenceAgreesOnRandomStatements(t *testing.T) {
	s := statementSchema()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		x := (&generator{choose: rng.IntN, distinct: true}).statement()
		if st := Analyze(s, sqliteDialect, x.sql); st.Reason() == Cacheable {
			require.NoError(t, referenceCheck(s, x.sql, referenceFacts(st, x.args)), x.sql)
		}
	}
}

// choices reads the choices of a generator from a fuzzed text; a short one ends
// with zeros.
func choices(data []byte) func(int) int {
	return func(n int) int {
		if len(data) == 0 {
			return 0
		}
		c := int(data[0]) % n
		data = data[1:]
		return c
	}
}

func FuzzStatementCovers(f *testing.F) {
	f.Add([]byte("1234567890"))
	f.Add([]byte{0, 0, 3, 4, 11, 4, 1, 9, 2, 7, 4, 2, 1})
	s := statementSchema()
	f.Fuzz(func(t *testing.T, data []byte) { checkBuilt(t, s, choices(data)) })
}

// FuzzAnalyze feeds any text: the analysis doesn't panic, says the same again,
// and of what it lets pass it knows every table.
func FuzzAnalyze(f *testing.F) {
	for _, q := range []string{
		"SELECT `users`.`id` FROM `users` WHERE `users`.`id` IN (?, ?)", `SELECT "u"."id" FROM "users" AS "u" WHERE "u"."age"::int > $1`,
		"WITH RECURSIVE a(b) AS (SELECT 1 UNION ALL SELECT b FROM a) SELECT * FROM a JOIN pets USING (id) ORDER BY 1",
		"SELECT CAST(x AS decimal(1,2)), count(*) c FROM users u LEFT JOIN (SELECT 1) t ON TRUE GROUP BY a HAVING NOT b LIMIT 1 OFFSET 2",
		"SELECT 'a''b', x'00', \"q\"\"q\", [b], 1.5e-3 FROM users; ", "SELECT a.b.c.d.e.*, f() OVER w FROM x WINDOW w AS (ORDER BY y)", "SELECT((((", "SELECT $1 ? 2", "WITH a(())",
	} {
		f.Add(q)
	}
	for _, c := range semanticCases {
		f.Add(c.sql)
	}
	s := statementSchema()
	f.Fuzz(func(t *testing.T, query string) {
		for _, d := range testDialects {
			st := Analyze(s, d, query)
			require.Equal(t, st.Reason(), Analyze(s, d, query).Reason())
			args := []any{1, "a", nil}
			st.CheckArgs(args)
			st.ForeignColumns([]string{"id", ""})
			got := referenceFacts(st, args)
			if st.Reason() != Cacheable {
				continue
			}
			require.Len(t, got.Tags, len(got.List))
			st.Facts(got, nil, result("id"))
			if r := st.relevanceOf(got, args, result("id")); r != nil {
				for _, table := range st.Tables() {
					for kind := rowCreated; kind <= rowDeleted; kind++ {
						ch := change{table: table, kind: kind, set: table.Columns}
						require.False(t, r.irrelevant(&ch, true), "nothing is known of the row")
						for _, c := range table.Columns {
							ch.before.set(c, args[c.index%3], false)
							ch.after.set(c, args[c.index%2], false)
						}
						r.irrelevant(&ch, false)
					}
				}
			}
			for _, table := range st.Tables() {
				require.Contains(t, got.Tags, Tag{Kind: FactTable, Table: table.Name})
			}
		}
	})
}
