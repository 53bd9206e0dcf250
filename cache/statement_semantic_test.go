package cache

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/entcache/ent-cache/codec"
)

const semanticDDL = `
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, active BOOL, password TEXT, boss_id INTEGER, created_at DATETIME, data JSON,
	tag TEXT GENERATED ALWAYS AS (name || coalesce(age, 9)) VIRTUAL);
CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, owner_id INTEGER, kind TEXT, nick TEXT);
CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE group_users (group_id INTEGER, user_id INTEGER, PRIMARY KEY (group_id, user_id));
CREATE VIEW adults AS SELECT id, name FROM users WHERE age > 2;`

// semanticCases are statements for rules that chance seldom puts to the test.
var semanticCases = []selected{
	{piece: piece{"SELECT id, name FROM users WHERE CASE WHEN age > 0 AND id = ? AND TRUE THEN 1 ELSE 0 END = 0", []any{1}}},
	{piece: piece{"SELECT id, name FROM users WHERE id = ? AND age > 0 OR name = 'a'", []any{1}}},
	{piece: piece{"SELECT id, name FROM users WHERE NOT (age > 1 AND id = ?)", []any{1}}},
	{piece: piece{"SELECT id, name FROM users WHERE id = ? AND (age = 1 OR name = 'a')", []any{1}}},
	{piece: piece{"SELECT id, name AS n FROM users ORDER BY n, id LIMIT 1", nil}, ordered: true},
	{piece: piece{"SELECT id, name FROM users ORDER BY 2 DESC, 1 LIMIT 1", nil}, ordered: true},
	{piece: piece{"SELECT id, name FROM users EXCEPT SELECT id, name FROM pets", nil}},
	{piece: piece{"SELECT id, name FROM users WHERE id = ? UNION SELECT id, name FROM pets WHERE owner_id = ?", []any{1, 2}}},
	{piece: piece{"SELECT users.id, users.name FROM users RIGHT JOIN pets ON users.id = pets.owner_id ORDER BY users.id, pets.id", nil}, ordered: true},
	{piece: piece{"SELECT users.id, users.name FROM users LEFT JOIN pets ON users.id = pets.owner_id WHERE pets.owner_id = ?", []any{1}}},
	{piece: piece{"SELECT users.id, pets.age FROM users LEFT JOIN pets ON users.id = pets.owner_id AND pets.id = ?", []any{1}}},
	{piece: piece{"SELECT users.id FROM users WHERE NOT EXISTS (SELECT 1 FROM pets WHERE users.id = ? AND pets.age > users.age)", []any{1}}},
	{piece: piece{"SELECT users.id FROM users WHERE EXISTS (SELECT pets.owner_id FROM pets WHERE pets.owner_id = users.id AND pets.kind = ?)", []any{"cat"}}},
	{piece: piece{"SELECT t1.group_id, users.id, users.name FROM users JOIN group_users AS t1 ON users.id = t1.user_id WHERE t1.group_id IN (?, ?)", []any{1, 2}}},
	{piece: piece{"SELECT COUNT(*), SUM(age) FROM pets WHERE owner_id = ?", []any{1}}},
	{piece: piece{"SELECT owner_id FROM pets WHERE id = ?", []any{5}}},
	{piece: piece{"SELECT id, age FROM users WHERE active AND NOT active", nil}},
	{piece: piece{"SELECT id, name FROM users WHERE NOT active", nil}},
	{piece: piece{"SELECT id, name FROM users WHERE active = TRUE AND age > 1", nil}},
	{piece: piece{"SELECT id FROM users WHERE id IN (?, ?) LIMIT 1", []any{5, 6}}},
	{piece: piece{"SELECT DISTINCT age FROM users WHERE boss_id = 1", nil}},
	{piece: piece{"SELECT * FROM users NATURAL JOIN pets", nil}},
	{piece: piece{"SELECT pets.id FROM users JOIN pets USING (age) WHERE pets.owner_id = 1", nil}},
	{piece: piece{"SELECT name FROM adults", nil}},
	{piece: piece{"WITH RECURSIVE r AS (SELECT id, boss_id FROM users WHERE id = ? UNION SELECT u.id, u.boss_id FROM users u JOIN r ON u.id = r.boss_id) SELECT id FROM r", []any{1}}},
	{piece: piece{"WITH src AS (SELECT id, name, owner_id FROM pets WHERE owner_id IN (?, ?)), lim AS (SELECT *, (ROW_NUMBER() OVER (PARTITION BY owner_id ORDER BY name, id)) AS row_number FROM src) SELECT id, name FROM lim AS pets WHERE pets.row_number <= 1", []any{1, 2}}},
	{piece: piece{"SELECT id, (SELECT SUM(users.age)) FROM users", nil}},
	{piece: piece{"SELECT id, SUM(age) OVER () FROM users LIMIT 1", nil}},
	{piece: piece{"SELECT rowid FROM users WHERE rowid = ?", []any{1}}},
}

// semantics runs statements and writes on a database and says whether a write
// that changed a result touched something the result depended on.
type semantics struct {
	t      *testing.T
	db     *sql.DB
	schema *Schema
	rng    *rand.Rand

	statements, writes, changed, kept, failed, refused int
}

// TestFactsCoverChanges is the promise of the analysis, tried: after any single
// write, a result either is what it was or depends on what the write touched.
func TestFactsCoverChanges(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	t.Logf("SEED=%d", seed)
	n := 3000
	if testing.Short() {
		n = 400
	}
	if s := os.Getenv("OPS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	x := &semantics{t: t, db: db, schema: statementSchema(), rng: rand.New(rand.NewPCG(seed, 1))}
	x.exec(semanticDDL)
	x.populate()
	for _, s := range semanticCases {
		for range 12 {
			x.populate()
			require.True(t, x.try(s, 20), s.sql)
		}
	}
	for x.statements < n && !t.Failed() {
		x.step()
	}
	t.Logf("%d statements, %d writes: %d changed the result, %d left it and its facts alone; %d statements weren't valid, %d not cacheable",
		x.statements, x.writes, x.changed, x.kept, x.failed, x.refused)
	require.Greater(t, x.changed, x.writes/50, "few writes matter")
	require.Greater(t, x.kept, x.writes/5, "facts are coarse")
	require.Less(t, x.failed, x.statements, "few statements are valid")
	require.Less(t, x.refused, x.statements/20, "many statements aren't understood")
}

func (x *semantics) exec(query string, args ...any) {
	x.t.Helper()
	_, err := x.db.Exec(query, args...)
	require.NoError(x.t, err, query)
}

func (x *semantics) populate() {
	for _, table := range []string{"users", "pets", "groups", "group_users"} {
		x.exec("DELETE FROM " + table)
	}
	for id := 1; id <= 4; id++ {
		x.exec("INSERT INTO users (id, name, age, active, boss_id) VALUES (?, ?, ?, ?, ?)", id, x.any("name"), x.any("age"), x.any("active"), x.any("boss_id"))
		x.exec("INSERT INTO pets (id, name, age, owner_id, kind) VALUES (?, ?, ?, ?, ?)", id, x.any("name"), x.any("age"), x.any("owner_id"), x.any("kind"))
		x.exec("INSERT OR IGNORE INTO group_users VALUES (?, ?)", x.rng.IntN(4), x.rng.IntN(4))
		if id < 4 {
			x.exec("INSERT INTO groups (id, name) VALUES (?, ?)", id, x.any("name"))
		}
	}
}

// any returns a value for a column.
func (x *semantics) any(column string) any {
	n := x.rng.IntN(5)
	switch column {
	case "name":
		return []any{"a", "b", "c", "d", nil}[n]
	case "kind":
		return []any{"cat", "dog", "cat", "dog", nil}[n]
	case "active":
		return []any{true, false, true, false, nil}[n]
	}
	if n == 4 && column != "id" && column != "group_id" && column != "user_id" {
		return nil
	}
	return n
}

func (x *semantics) step() {
	if x.rng.IntN(20) == 0 {
		x.populate()
	}
	g := &generator{choose: x.rng.IntN}
	if !x.try(g.statement(), 5) {
		x.failed++
	}
}

// try runs a statement, and again after each of some writes that it takes back.
// It reports whether the database accepts the statement.
func (x *semantics) try(s selected, writes int) bool {
	st := Analyze(x.schema, sqliteDialect, s.sql)
	before, err := x.run(s)
	if err != nil {
		return false
	}
	x.statements++
	if st.Reason() != Cacheable {
		x.refused++
		x.t.Logf("%s (%s): %s", st.Reason(), st.Detail(), s.sql)
		return true
	}
	have := Facts{Spell: true}
	st.Facts(&have, s.args, before)
	require.Len(x.t, have.Tags, len(have.List))
	for range writes {
		x.exec("SAVEPOINT s")
		touched, text := x.write()
		if touched != nil {
			x.compare(s, before, &have, touched, text)
		}
		x.exec("ROLLBACK TO s")
		x.exec("RELEASE s")
	}
	return true
}

func (x *semantics) compare(s selected, before *codec.Rows, have, touched *Facts, text string) {
	x.writes++
	after, err := x.run(s)
	require.NoError(x.t, err)
	same := equalRows(before, after, s.ordered)
	meet := slices.ContainsFunc(touched.List, func(f Fact) bool { return slices.Contains(have.List, f) })
	switch {
	case !same && !meet:
		x.t.Errorf("a stale result:\n%s\nargs %v\nwrite %s\nresult depends on %v\nwrite touched %v\nbefore %v\nafter %v",
			s.sql, s.args, text, have.Tags, touched.Tags, before.Values(), after.Values())
	case !same:
		x.changed++
	case !meet:
		x.kept++
	}
}

func (x *semantics) run(s selected) (*codec.Rows, error) {
	rows, err := x.db.Query(s.sql, s.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []any
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return codec.NewRows(columns, all...), rows.Err()
}

func equalRows(a, b *codec.Rows, ordered bool) bool {
	if a.N != b.N {
		return false
	}
	text := func(r *codec.Rows) []string {
		lines := make([]string, r.N)
		for i := range lines {
			lines[i] = fmt.Sprintf("%#v", r.Row(i))
		}
		if !ordered {
			slices.Sort(lines)
		}
		return lines
	}
	return slices.Equal(text(a), text(b))
}

// write changes the database and returns what that touches, by the table of
// writes: as little as is allowed. It returns nil if nothing was written.
func (x *semantics) write() (*Facts, string) {
	t := x.schema.Table([]string{"users", "users", "users", "pets", "pets", "pets", "groups", "group_users", "group_users"}[x.rng.IntN(9)])
	f := &Facts{Spell: true}
	f.Any(t)
	var columns []*Column
	for _, c := range t.Columns {
		if !c.Computed && !slices.Contains([]string{"password", "nick", "created_at", "data"}, c.Name) {
			columns = append(columns, c)
		}
	}
	var (
		query string
		args  []any
	)
	n := x.rng.IntN(10)
	switch {
	case n < 3:
		query, args = x.insert(f, t, columns)
	case n < 5 || n < 8 && len(t.ID) == 2:
		query, args = x.remove(f, t)
	case n < 8:
		query, args = x.update(f, t, columns)
	default:
		f.Table(t)
		c, v := columns[len(columns)-1], x.any(columns[len(columns)-1].Name)
		if x.rng.IntN(2) == 0 || len(t.ID) == 2 {
			query, args = "DELETE FROM "+t.Name+" WHERE "+c.Name+" = ?", []any{v}
		} else {
			query, args = "UPDATE "+t.Name+" SET name = ? WHERE "+c.Name+" = ?", []any{x.any("name"), v}
		}
	}
	if query == "" {
		return nil, ""
	}
	if _, err := x.db.Exec(query, args...); err != nil {
		require.ErrorContains(x.t, err, "constraint", query)
		return nil, ""
	}
	return f, fmt.Sprint(query, " ", args)
}

func (x *semantics) insert(f *Facts, t *Table, columns []*Column) (string, []any) {
	f.Members(t)
	var (
		names, marks []string
		args         []any
	)
	known := x.rng.IntN(2) == 0
	for _, c := range columns {
		v := x.any(c.Name)
		if immutable(c) {
			if !known {
				continue // the database assigns it
			}
			v = 1 + x.rng.IntN(6)
			f.Row(t, v)
		}
		if c.Grouped && v != nil {
			f.Group(c, v)
		}
		names, marks, args = append(names, c.Name), append(marks, "?"), append(args, v)
	}
	return "INSERT INTO " + t.Name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")", args
}

// remove deletes one row.
func (x *semantics) remove(f *Facts, t *Table) (string, []any) {
	f.Members(t)
	var (
		where []string
		args  []any
	)
	for _, c := range t.ID {
		v := 1 + x.rng.IntN(4)
		where, args = append(where, c.Name+" = ?"), append(args, v)
		if len(t.ID) == 1 {
			f.Row(t, v)
		} else {
			f.Group(c, v)
		}
	}
	for _, c := range t.Columns {
		if c.Grouped && len(t.ID) == 1 {
			f.Groups(c)
		}
	}
	return "DELETE FROM " + t.Name + " WHERE " + strings.Join(where, " AND "), args
}

// update changes some columns of one row.
func (x *semantics) update(f *Facts, t *Table, columns []*Column) (string, []any) {
	id := 1 + x.rng.IntN(4)
	f.Row(t, id)
	var (
		set  []string
		args []any
	)
	for _, c := range columns {
		if immutable(c) || x.rng.IntN(3) > 0 {
			continue
		}
		var old any
		if err := x.db.QueryRow("SELECT "+c.Name+" FROM "+t.Name+" WHERE id = ?", id).Scan(&old); err != nil {
			return "", nil
		}
		v := x.any(c.Name)
		set, args = append(set, c.Name+" = ?"), append(args, v)
		if fmt.Sprint(old) == fmt.Sprint(v) {
			continue
		}
		f.Column(c)
		if !c.Grouped {
			continue
		}
		if v != nil {
			f.Group(c, v)
		}
		switch {
		case old == nil:
		case x.rng.IntN(2) == 0:
			f.Groups(c)
		default:
			f.Group(c, old)
		}
	}
	if len(set) == 0 {
		return "", nil
	}
	return "UPDATE " + t.Name + " SET " + strings.Join(set, ", ") + " WHERE id = ?", append(args, id)
}
