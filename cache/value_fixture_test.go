package cache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// shelf is a database whose tables each have one row, which says how often the
// table was asked.
type shelf struct {
	t     *testing.T
	cache *Cache
	drv   dialect.Driver
	types *Schema
	near  *mapNear

	mu    sync.Mutex
	asked map[string]int64
}

func (s *shelf) Connect(context.Context) (driver.Conn, error) { return shelfConn{shelf: s}, nil }
func (s *shelf) Driver() driver.Driver                        { return nil }

type shelfConn struct {
	driver.Conn
	*shelf
}

func (shelfConn) Close() error { return nil }
func (shelfConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}
func (c shelfConn) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	for _, table := range c.types.Types() {
		table = c.types.Type(table).Table.Name
		if !strings.Contains(query, "FROM `"+table+"`") {
			continue
		}
		c.mu.Lock()
		n := c.asked[table] + 1
		c.asked[table] = n
		c.mu.Unlock()
		set := oneSet([]string{"id", "n"}, []driver.Value{int64(1), n})
		set.ctx = ctx
		return &scriptRows{script: set}, nil
	}
	return nil, sql.ErrNoRows
}

// newShelf has users who are cached by the policy, as their pets are, and toys
// that aren't.
func newShelf(t *testing.T, p schema.Policy, o Options) *shelf {
	t.Helper()
	table := func(name string) TableSpec {
		return TableSpec{Name: name, ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "n", Kind: KindInt}}}
	}
	s := &shelf{
		t: t, near: newMapNear(), asked: make(map[string]int64),
		types: MustSchema(SchemaSpec{
			Tables: []TableSpec{table("users"), table("pets"), table("toys"), table("books"), table("crowds")},
			Types: []TypeSpec{
				{Name: "User", Table: "users", Policy: &p}, {Name: "Pet", Table: "pets", Policy: &p}, {Name: "Toy", Table: "toys"},
				{Name: "Book", Table: "books", Policy: &schema.Policy{OnDemand: true}},
				{Name: "Crowd", Table: "crowds", Policy: &schema.Policy{MaxBytes: 1}},
			},
		}),
	}
	if o.Near == nil {
		o.Near = s.near
	}
	s.cache = newCache(t, o)
	db := sql.OpenDB(s)
	t.Cleanup(func() { _ = db.Close() })
	s.drv = entsql.OpenDB(dialect.SQLite, db)
	return s
}

// thing is an entity.
type thing struct {
	n     int64
	drv   dialect.Driver
	edges []*thing
}

// numbers are what the things were read as, the edges' behind those of their
// parents.
func numbersOf(list []*thing) (n []int64) {
	for _, t := range list {
		n = append(append(n, t.n), numbersOf(t.edges)...)
	}
	return n
}

// thingQuery is what generated code makes of a query builder.
type thingQuery struct {
	queryBuilder
	s *shelf
	// print is the fingerprint, none if it is empty.
	print string
	with  []*thingQuery
	// extra is added to the SQL.
	extra string
	// odd runs when the query does, before anything else.
	odd func(context.Context)
	// cloned counts.
	cloned int
}

func (q *thingQuery) EntcacheFingerprint(f *Fingerprint) bool {
	if q.print == "" {
		return f.Refuse("no print")
	}
	f.AppendStrings(q.print)
	return true
}

func (q *thingQuery) EntcacheClone(v ent.Value) (ent.Value, bool) {
	list, ok := v.([]*thing)
	if !ok {
		return nil, false
	}
	q.cloned++
	return q.copies(list), true
}

func (q *thingQuery) copies(list []*thing) []*thing {
	list = slices.Clone(list)
	for i, t := range list {
		list[i] = &thing{n: t.n, drv: q.drv, edges: q.copies(t.edges)}
	}
	return list
}

func (q *thingQuery) EntcacheValueSize(ent.Value) int { return 1000 }

func (s *shelf) query(typ, print string, with ...*thingQuery) *thingQuery {
	return &thingQuery{queryBuilder: queryBuilder{typ: s.types.Type(typ), drv: s.drv, ctx: &ent.QueryContext{}}, s: s, print: print, with: with}
}

// querier is Ent's.
func querier() ent.Querier {
	return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		return q.(*thingQuery).run(ctx)
	})
}

func (q *thingQuery) run(ctx context.Context) ([]*thing, error) {
	if q.odd != nil {
		q.odd(ctx)
	}
	var rows entsql.Rows
	if err := q.drv.Query(ctx, "SELECT `id`, `n` FROM `"+q.typ.Table.Name+"` WHERE `id` = ?"+q.extra, []any{1}, &rows); err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*thing
	for rows.Next() {
		var id int64
		t := &thing{drv: q.drv}
		if err := rows.Scan(&id, &t.n); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	for _, child := range q.with {
		edges, err := q.s.cache.Read(ctx, child, querier())
		if err != nil {
			return nil, err
		}
		list[0].edges = append(list[0].edges, edges.([]*thing)...)
	}
	return list, rows.Err()
}

// all runs a query as Ent does.
func (q *thingQuery) all(ctx context.Context) ([]*thing, error) {
	if ent.QueryFromContext(ctx) == nil {
		q.ctx.Op = ent.OpQueryAll
		ctx = ent.NewQueryContext(ctx, q.ctx)
	}
	v, err := q.s.cache.Read(ctx, q, querier())
	if err != nil {
		return nil, err
	}
	return v.([]*thing), nil
}

// read returns the numbers of what a query finds.
func (s *shelf) read(ctx context.Context, q *thingQuery) []int64 {
	s.t.Helper()
	list, err := q.all(ctx)
	require.NoError(s.t, err)
	return numbersOf(list)
}

// values is how many reads were served a value so far.
func (s *shelf) values() int { return int(s.cache.Stats().Total().ValueHits) }

// write touches the row of a table.
func (s *shelf) write(table string) {
	var f Facts
	f.Any(s.types.Table(table))
	f.Row(s.types.Table(table), 1)
	s.cache.Touch(s.t.Context(), nil, &f, Cause{})
}
