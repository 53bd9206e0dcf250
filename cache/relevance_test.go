package cache

import (
	"context"
	"database/sql/driver"
	"io"
	"log/slog"
	"testing"
	"time"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

// judged is a result that is in a cache, and what writes it.
type judged struct {
	*testing.T
	cache  *Cache
	schema *Schema
	entry  *Entry
}

// judge stores a result of pets.
func judge(t *testing.T, o Options, sql string, args []any, rows *codec.Rows) *judged {
	t.Helper()
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	j := &judged{T: t, cache: newCache(t, o), schema: statementSchema()}
	j.entry = j.fill(sql, args, rows)
	return j
}

func (j *judged) fill(sql string, args []any, rows *codec.Rows) *Entry {
	j.Helper()
	st := Analyze(j.schema, sqliteDialect, sql)
	require.Equal(j, Cacheable, st.Reason(), st.Detail())
	var f Facts
	st.Facts(&f, args, rows)
	e := &Entry{Proof: &Proof{Position: j.cache.ledger.Now(), Facts: unique(f.List), relevance: st.relevanceOf(&f, args, rows)}}
	for _, table := range st.Tables() {
		e.Tables = append(e.Tables, table.any)
	}
	return e
}

func (j *judged) touch(add func(*Facts)) {
	var f Facts
	add(&f)
	j.cache.Touch(context.Background(), nil, &f, Cause{Type: "Pet"})
}

func values(columns map[string]driver.Value) (list []*sqlgraph.FieldSpec) {
	for name, v := range columns {
		list = append(list, fieldOf(name, v))
	}
	return list
}

func (j *judged) create(id int, columns map[string]driver.Value) {
	spec := &sqlgraph.CreateSpec{Table: "pets", ID: fieldOf("id", id), Fields: values(columns)}
	j.touch(func(f *Facts) { j.schema.CreateFacts(f, spec, false) })
}

// update writes one pet, which is known to have these values before, and those and
// what is set afterwards. What is added is added to what it has.
func (j *judged) update(id int, before, set, add map[string]driver.Value) {
	spec := &sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "pets", ID: fieldOf("id", id)}}
	spec.Fields.Set, spec.Fields.Add = values(set), values(add)
	var (
		seen          Observed
		columns       = []*Column{j.schema.Table("pets").ID[0]}
		had, has      = []any{id}, []any{id}
		_, incomplete = before["unread"]
	)
	for name, v := range before {
		if name == "unread" {
			continue
		}
		columns, had = append(columns, j.schema.Table("pets").Column(name)), append(had, v)
		if s, ok := set[name]; ok {
			v = s
		} else if d, ok := add[name]; ok {
			v = v.(int) + d.(int)
		}
		has = append(has, v)
	}
	if !incomplete {
		seen.Old(columns, had)
	}
	seen.Row(columns, has)
	j.touch(func(f *Facts) { j.schema.UpdateFacts(f, spec, &seen) })
}

func (j *judged) remove(id int, before map[string]driver.Value) {
	var seen Observed
	columns, had := []*Column{}, []any{}
	for name, v := range before {
		columns, had = append(columns, j.schema.Table("pets").Column(name)), append(had, v)
	}
	seen.Old(columns, had)
	spec := &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: "pets", ID: fieldOf("id", id)}}
	j.touch(func(f *Facts) { j.schema.DeleteFacts(f, spec, id, &seen) })
}

func (j *judged) valid() bool { return j.cache.valid(j.entry) }

type row = map[string]driver.Value

func TestRelevance(t *testing.T) {
	const (
		list  = "SELECT pets.id, pets.age FROM pets WHERE pets.age > ? AND pets.name LIKE ?"
		count = "SELECT COUNT(*) FROM pets WHERE pets.age > ? AND pets.name LIKE ?"
		page  = "SELECT pets.id, pets.age FROM pets WHERE pets.owner_id = ? ORDER BY pets.age DESC, pets.id LIMIT 2"
		next  = page + " OFFSET 2"
		join  = "SELECT COUNT(*) FROM users JOIN pets ON users.id = pets.owner_id WHERE pets.age > ?"
		left  = "SELECT COUNT(*) FROM users LEFT JOIN pets ON users.id = pets.owner_id WHERE pets.age > ?"
		self  = "SELECT COUNT(*) FROM pets AS p JOIN pets AS q ON p.owner_id = q.owner_id WHERE p.age > ?"
		sum   = "SELECT SUM(pets.age) FROM pets WHERE pets.age > ?"
	)
	two := codec.NewRows([]string{"id", "age"}, int64(1), int64(9), int64(2), int64(7))
	one := codec.NewRows([]string{"id", "age"}, int64(1), int64(9))
	n := codec.NewRows([]string{"COUNT(*)"}, int64(3))
	older := []any{5, "A%"}
	for name, c := range map[string]struct {
		sql   string
		args  []any
		rows  *codec.Rows
		write func(*judged)
		stays bool
	}{
		"created below a bound":                  {list, older, two, func(j *judged) { j.create(3, row{"age": 5, "name": "Al"}) }, true},
		"created above it":                       {list, older, two, func(j *judged) { j.create(3, row{"age": 6, "name": "Al"}) }, false},
		"created with another prefix":            {list, older, two, func(j *judged) { j.create(3, row{"age": 6, "name": "Bo"}) }, true},
		"created without a value":                {list, older, two, func(j *judged) { j.create(3, row{"name": "Al"}) }, false},
		"created with NULL":                      {list, older, two, func(j *judged) { j.create(3, row{"name": "Al", "age": nil}) }, true},
		"created with a value that isn't known":  {list, older, two, func(j *judged) { j.create(3, row{"age": 5.5, "name": "Al"}) }, false},
		"counted and created below a bound":      {count, older, n, func(j *judged) { j.create(3, row{"age": 5, "name": "Al"}) }, true},
		"counted and moved above it":             {count, older, n, func(j *judged) { j.update(3, row{"age": 5, "name": "Al"}, row{"age": 6}, nil) }, false},
		"counted and moved below it":             {count, older, n, func(j *judged) { j.update(3, row{"age": 6, "name": "Al"}, row{"age": 5}, nil) }, false},
		"counted and moved above both times":     {count, older, n, func(j *judged) { j.update(3, row{"age": 6, "name": "Al"}, row{"age": 7}, nil) }, true},
		"moved, not known from where":            {count, older, n, func(j *judged) { j.update(3, row{"age": 6, "unread": 1}, row{"age": 7}, nil) }, false},
		"moved by so much":                       {count, older, n, func(j *judged) { j.update(3, row{"age": 6, "unread": 1}, nil, row{"age": 1}) }, true},
		"moved by so much to zero, or from NULL": {"SELECT COUNT(*) FROM pets WHERE pets.age IS NULL", nil, n, func(j *judged) { j.update(3, row{"age": 0, "unread": 1}, nil, row{"age": 5}) }, false},
		"moved across it by so much":             {count, older, n, func(j *judged) { j.update(3, row{"age": 5, "unread": 1}, nil, row{"age": 1}) }, false},
		"counted and deleted":                    {count, older, n, func(j *judged) { j.remove(3, row{"age": 5}) }, true},
		"counted and deleted, not known which":   {count, older, n, func(j *judged) { j.remove(3, nil) }, false},
		"summed and moved":                       {sum, []any{5}, n, func(j *judged) { j.update(3, row{"age": 6}, row{"age": 7}, nil) }, false},
		"summed and moved below":                 {sum, []any{5}, n, func(j *judged) { j.update(3, row{"age": 3}, row{"age": 4}, nil) }, true},
		"set to what it was":                     {sum, []any{5}, n, func(j *judged) { j.update(3, row{"age": 6}, row{"age": 6}, nil) }, true},
		"in the list and not any more":           {list, older, two, func(j *judged) { j.update(1, row{"age": 9, "name": "Al"}, row{"name": "Bo"}, nil) }, false},
		"in the list as before":                  {list, older, two, func(j *judged) { j.update(1, row{"age": 9, "name": "Al"}, row{"name": "Amy"}, nil) }, true},
		"in the list and shown otherwise":        {list, older, two, func(j *judged) { j.update(1, row{"age": 9, "name": "Al"}, row{"age": 8}, nil) }, false},
		"of others below the bound":              {list, older, two, func(j *judged) { j.update(3, row{"age": 4, "unread": 1}, row{"name": "Al"}, nil) }, true},
		"behind the page":                        {page, []any{1}, two, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 6}) }, true},
		"before its end":                         {page, []any{1}, two, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 8}) }, false},
		"as its last and behind that":            {page, []any{1}, two, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 7}) }, true},
		"as its last and before that":            {page, []any{1}, two, func(j *judged) { j.create(1, row{"owner_id": 1, "age": 7}) }, false},
		"with no place in the order":             {page, []any{1}, two, func(j *judged) { j.create(3, row{"owner_id": 1}) }, false},
		"behind a page with room":                {page, []any{1}, one, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 6}) }, false},
		"moved behind it":                        {page, []any{1}, two, func(j *judged) { j.update(3, row{"owner_id": 1, "age": 3}, row{"age": 4}, nil) }, true},
		"moved behind it, not known from where":  {page, []any{1}, two, func(j *judged) { j.update(3, row{"owner_id": 1, "age": 3, "unread": 1}, row{"age": 4}, nil) }, true},
		"on it and moved behind":                 {page, []any{1}, two, func(j *judged) { j.update(2, row{"owner_id": 1, "age": 7}, row{"age": 4}, nil) }, false},
		"behind the second page":                 {next, []any{1}, two, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 6}) }, true},
		"behind it both times":                   {next, []any{1}, two, func(j *judged) { j.update(3, row{"owner_id": 1, "age": 3}, row{"age": 4}, nil) }, true},
		"behind the second from the first":       {next, []any{1}, two, func(j *judged) { j.update(3, row{"owner_id": 1, "age": 10}, row{"age": 4}, nil) }, false},
		"behind it, not known from where":        {next, []any{1}, two, func(j *judged) { j.update(3, row{"owner_id": 1, "age": 3, "unread": 1}, row{"age": 4}, nil) }, false},
		"deleted behind it":                      {next, []any{1}, two, func(j *judged) { j.remove(3, row{"owner_id": 1, "age": 3}) }, true},
		"joined and below the bound":             {join, []any{5}, n, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 5}) }, true},
		"joined and above it":                    {join, []any{5}, n, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 6}) }, false},
		"joined if there are any":                {left, []any{5}, n, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 5}) }, false},
		"of one of two occurrences":              {self, []any{5}, n, func(j *judged) { j.create(3, row{"owner_id": 1, "age": 5}) }, false},
		"two writes": {count, older, n, func(j *judged) {
			j.create(3, row{"age": 5, "name": "Al"})
			j.create(4, row{"age": 6, "name": "Bo"})
		}, true},
		"two writes of which one matters": {count, older, n, func(j *judged) {
			j.create(3, row{"age": 6, "name": "Al"})
			j.create(4, row{"age": 6, "name": "Bo"})
		}, false},
		"the whole table": {count, older, n, func(j *judged) { j.touch(func(f *Facts) { f.WholeTable(j.schema.Table("pets")) }) }, false},
		"everything":      {count, older, n, func(j *judged) { j.cache.InvalidateAll(context.Background()) }, false},
		"an upsert": {count, older, n, func(j *judged) {
			j.touch(func(f *Facts) { j.schema.CreateFacts(f, &sqlgraph.CreateSpec{Table: "pets"}, true) })
		}, false},
		"of another schema": {count, older, n, func(j *judged) { j.schema = statementSchema(); j.create(3, row{"age": 5}) }, false},
		"in coarse facts": {count, older, n, func(j *judged) {
			j.touch(func(f *Facts) { f.Coarsen(); j.schema.CreateFacts(f, &sqlgraph.CreateSpec{Table: "pets"}, false) })
		}, false},
		"too much to recall": {count, older, n, func(j *judged) {
			j.touch(func(f *Facts) {
				f.List = make([]Fact, recentBytes/100)
				j.schema.CreateFacts(f, &sqlgraph.CreateSpec{Table: "pets"}, false)
			})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(t, Options{}, c.sql, c.args, c.rows)
			require.True(t, j.valid())
			c.write(j)
			require.Equal(t, c.stays, j.valid())
			require.Equal(t, c.stays, j.valid(), "as it was judged")
		})
	}
}

const olderThanFive = "SELECT COUNT(*) FROM pets WHERE pets.age > 5"

var three = codec.NewRows([]string{"COUNT(*)"}, int64(3))

// Nothing is said of a write while it goes on.
func TestRelevanceOfHeldFacts(t *testing.T) {
	j := judge(t, Options{}, olderThanFive, nil, three)
	var f Facts
	j.schema.CreateFacts(&f, &sqlgraph.CreateSpec{Table: "pets", ID: fieldOf("id", 3), Fields: values(row{"age": 5})}, false)
	h, err := j.cache.Hold(t.Context(), &f)
	require.NoError(t, err)
	require.False(t, j.valid())
	j.cache.Touch(t.Context(), h, &f, Cause{})
	require.True(t, j.valid())
}

// A write that isn't remembered may have mattered; one that was judged in time didn't.
func TestRelevanceOfForgottenWrites(t *testing.T) {
	j := judge(t, Options{}, olderThanFive, nil, three)
	for i := range 2*recentWrites + 1 {
		j.create(10+i, row{"age": 5})
		if i%(maxJudged/2) == 0 {
			require.True(t, j.valid())
		}
	}
	require.True(t, j.valid())
	for i := range maxJudged + 1 {
		j.create(10+i, row{"age": 5})
	}
	require.False(t, j.valid(), "too many at once")
	j.entry = j.fill(olderThanFive, nil, three)
	j.create(1, row{"age": 6})
	for range recentWrites {
		j.touch(func(f *Facts) { f.Any(j.schema.Table("groups")) })
	}
	require.False(t, j.valid(), "the one that matters was forgotten")
}

// Where the ledger has no room for the facts of all writes, what is remembered of the
// writes themselves says that they didn't touch an entry.
func TestRelevanceWhereTheLedgerForgets(t *testing.T) {
	j := judge(t, Options{LedgerFacts: 7}, olderThanFive, nil, three)
	for range 20 {
		j.touch(func(f *Facts) {
			f.Any(j.schema.Table("pets"))
			for i := range 10 {
				f.Row(j.schema.Table("groups"), i)
			}
		})
	}
	require.True(t, j.valid())
}

// What a write is blamed for is that it mattered, and not that it touched.
func TestExplainNamesWhatMattered(t *testing.T) {
	j := judge(t, Options{}, olderThanFive, nil, three)
	j.create(3, row{"age": 5})
	var f Facts
	j.schema.CreateFacts(&f, &sqlgraph.CreateSpec{Table: "pets", ID: fieldOf("id", 4), Fields: values(row{"age": 6})}, false)
	j.cache.Touch(t.Context(), nil, &f, Cause{Type: "Pet", Op: WriteCreate, IDs: []any{4}, Rows: 1})
	j.create(5, row{"age": 5})
	w, by, known := j.cache.mattered(j.entry, j.entry.Position)
	require.True(t, known)
	require.Equal(t, []any{4}, w.by.IDs)
	require.Equal(t, []Fact{j.schema.Table("pets").created}, by)
	require.False(t, j.valid())
}

// overrun writes what matters to a result and then, until that isn't remembered any
// more, large writes that don't.
func (j *judged) overrun() {
	j.create(1, row{"age": 6})
	for range 100 {
		j.touch(func(f *Facts) {
			f.List = make([]Fact, recentBytes/8/20)
			j.schema.CreateFacts(f, &sqlgraph.CreateSpec{Table: "pets", ID: fieldOf("id", 4), Fields: values(row{"age": 1})}, false)
		})
	}
}

func TestRecentWritesAreBoundedInBytes(t *testing.T) {
	j := judge(t, Options{}, olderThanFive, nil, three)
	j.overrun()
	require.False(t, j.valid())
	r := &j.cache.recent
	require.LessOrEqual(t, r.bytes, recentBytes)
	require.Greater(t, r.n, 10)
	require.NotZero(t, r.forgotten)
	sum := 0
	for i := range r.n {
		sum += r.at(i).size()
	}
	require.Equal(t, sum, r.bytes)
}

// A result that was read while a write went on may have it or not; if it doesn't
// matter, either is right.
func TestRelevanceOfOvertakenReads(t *testing.T) {
	j := judge(t, Options{}, olderThanFive, nil, three)
	e := j.fill(olderThanFive, nil, three)
	j.create(3, row{"age": 5})
	e.Filled = time.Now()
	require.True(t, j.cache.valid(e))
	e = j.fill(olderThanFive, nil, three)
	j.create(3, row{"age": 6})
	require.False(t, j.cache.valid(e))
}

func BenchmarkRelevance(b *testing.B) {
	c, err := New(Options{Near: newMapNear()})
	require.NoError(b, err)
	defer c.Close()
	s := statementSchema()
	st := Analyze(s, sqliteDialect, olderThanFive)
	var f Facts
	st.Facts(&f, nil, three)
	e := &Entry{Proof: &Proof{Facts: unique(f.List), Tables: []Fact{s.Table("pets").any}, relevance: st.relevanceOf(&f, nil, three)}}
	var w Facts
	s.CreateFacts(&w, &sqlgraph.CreateSpec{Table: "pets", ID: fieldOf("id", 3), Fields: values(row{"age": 5})}, false)
	b.Run("a look", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.valid(e)
		}
	})
	b.Run("one write and a look", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Touch(context.Background(), nil, &w, Cause{})
			if !c.valid(e) {
				b.Fatal("a miss")
			}
		}
	})
	b.Run("one write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Touch(context.Background(), nil, &w, Cause{})
		}
	})
}
