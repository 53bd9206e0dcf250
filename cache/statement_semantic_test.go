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

// enforcedDDL are the tables with foreign keys that the database enforces.
var enforcedDDL = strings.NewReplacer("boss_id INTEGER", "boss_id INTEGER REFERENCES users", "owner_id INTEGER", "owner_id INTEGER REFERENCES users",
	"group_id INTEGER", "group_id INTEGER REFERENCES groups", "user_id INTEGER", "user_id INTEGER REFERENCES users").Replace(semanticDDL)

// enforcedCases are statements in which it matters that keys are enforced, and such
// in which it doesn't.
var enforcedCases = []selected{
	{piece: piece{"SELECT users.id, users.name FROM users JOIN (SELECT group_users.user_id FROM group_users WHERE group_users.group_id = ?) AS t1 ON users.id = t1.user_id", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM users JOIN pets ON users.id = pets.owner_id WHERE pets.kind = ? AND users.age > 0", []any{"cat"}}},
	{piece: piece{"SELECT pets.id FROM pets JOIN users ON users.id = pets.owner_id WHERE pets.id IN (?, ?)", []any{1, 2}}},
	{piece: piece{"SELECT users.id, users.name FROM users JOIN pets ON users.id = pets.owner_id WHERE users.name = 'a'", nil}},
	{piece: piece{"SELECT users.id, users.age FROM users JOIN pets ON users.id = pets.owner_id WHERE users.age > 1", nil}},
	{piece: piece{"SELECT users.id FROM users WHERE users.active AND EXISTS (SELECT 1 FROM pets WHERE pets.owner_id = users.id)", nil}},
	{piece: piece{"SELECT COUNT(*) FROM users JOIN pets ON users.id = pets.owner_id WHERE pets.owner_id = ?", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM users JOIN pets ON users.age = pets.owner_id", nil}},
	{piece: piece{"SELECT users.id FROM users JOIN group_users ON users.id = group_users.user_id JOIN groups ON groups.id = group_users.group_id WHERE groups.name = 'a'", nil}},
	{piece: piece{"SELECT pets.id FROM pets WHERE EXISTS (SELECT users.id FROM users WHERE pets.owner_id = users.id AND users.name = 'a')", nil}},
	{piece: piece{"SELECT pets.id FROM pets WHERE NOT EXISTS (SELECT users.id FROM users WHERE pets.owner_id = users.id AND users.name = 'a')", nil}},
	{piece: piece{"SELECT users.id FROM users WHERE NOT EXISTS (SELECT pets.owner_id FROM pets WHERE users.id = pets.owner_id)", nil}},
	{piece: piece{"SELECT users.id, pets.id FROM users LEFT JOIN pets ON users.id = pets.owner_id", nil}},
	{piece: piece{"SELECT pets.id, users.name FROM pets LEFT JOIN users ON users.id = pets.owner_id WHERE users.id = pets.owner_id", nil}},
	{piece: piece{"SELECT pets.id, users.id FROM pets FULL JOIN users ON users.age = pets.age WHERE users.id = pets.owner_id", nil}},
	{piece: piece{"SELECT pets.id, users.id FROM pets RIGHT JOIN users ON users.id = pets.owner_id", nil}},
	{piece: piece{"SELECT COUNT(*) FROM users JOIN (SELECT owner_id AS id FROM pets UNION SELECT id FROM groups) AS t1 ON users.id = t1.id", nil}},
	{piece: piece{"SELECT COUNT(*) FROM users JOIN pets ON users.id = pets.age", nil}},
	{piece: piece{"SELECT COUNT(*) FROM users JOIN pets ON users.id = pets.owner_id OR users.age = pets.age", nil}},
	{piece: piece{"SELECT COUNT(*) FROM users JOIN users AS boss ON boss.id = users.boss_id WHERE users.active", nil}},
}

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
	{piece: piece{"SELECT users.id FROM users JOIN (SELECT group_users.user_id FROM group_users JOIN (SELECT groups.id FROM groups WHERE groups.id = ?) AS t1 ON group_users.group_id = t1.id) AS t1 ON users.id = t1.user_id", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM pets JOIN (SELECT users.id FROM users WHERE users.id = ?) AS t1 ON pets.owner_id = t1.id", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM pets JOIN (SELECT id FROM users WHERE id = ? UNION SELECT id FROM groups WHERE id = ?) AS t1 ON pets.owner_id = t1.id", []any{1, 2}}},
	{piece: piece{"SELECT COUNT(*) FROM pets LEFT JOIN (SELECT users.id FROM users WHERE users.id = ?) AS t1 ON pets.owner_id = t1.id", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM pets LEFT JOIN users ON pets.owner_id = users.id AND users.boss_id = ?", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM pets JOIN (SELECT boss_id AS id, COUNT(*) AS n FROM users WHERE boss_id IN (?, ?) GROUP BY boss_id) AS t1 ON pets.owner_id = t1.id WHERE t1.n > 0", []any{1, 2}}},
	{piece: piece{"SELECT COUNT(*) FROM users WHERE users.boss_id = ? AND EXISTS (SELECT 1 FROM pets WHERE pets.owner_id = users.boss_id AND pets.age > 1)", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM users WHERE NOT EXISTS (SELECT 1 FROM pets WHERE pets.owner_id = ? AND pets.owner_id = users.boss_id)", []any{1}}},
	{piece: piece{"SELECT COUNT(*) FROM users, pets WHERE users.boss_id = pets.owner_id AND pets.kind = ? AND pets.owner_id = ?", []any{"cat", 1}}},
	{piece: piece{"SELECT id, name FROM pets WHERE owner_id = ? ORDER BY age, id LIMIT 1 OFFSET 1", []any{1}}, ordered: true},
	{piece: piece{"SELECT id, name FROM pets WHERE owner_id = ? ORDER BY age, id LIMIT 1, 1", []any{1}}, ordered: true},
	{piece: piece{"SELECT id, name FROM pets WHERE owner_id = ? ORDER BY age, id LIMIT 2", []any{1}}, ordered: true},
	{piece: piece{"SELECT id, age, owner_id AS age FROM pets ORDER BY age, id LIMIT 2", nil}, ordered: true},
	{piece: piece{"SELECT id, owner_id AS age, age FROM pets ORDER BY age, id LIMIT 2", nil}, ordered: true},
	{piece: piece{"SELECT id, ROW_NUMBER() OVER (ORDER BY age, id) FROM pets WHERE owner_id = ? LIMIT 2", []any{1}}},
	{piece: piece{"SELECT users.id, pets.id FROM users RIGHT JOIN pets ON users.age = pets.age WHERE users.id > 1 OR users.id IS NULL", nil}},
	{piece: piece{"SELECT COUNT(*) FROM pets WHERE owner_id = ? AND kind = ?", []any{1, "cat"}}},
	{piece: piece{"SELECT id, name FROM pets WHERE owner_id = ?", []any{1}}},
	{piece: piece{"SELECT id FROM users WHERE age > 1 AND name <> 'a'", nil}},
	{piece: piece{"SELECT p.id, p.name FROM pets p JOIN pets q ON q.age = p.age WHERE q.name = 'a'", nil}},
	{piece: piece{"SELECT COUNT(*) FROM pets WHERE owner_id IN (?, ?) AND kind IN (?, ?) AND age > 1", []any{1, 2, "cat", "dog"}}},
}

// semantics runs statements and writes on a database and says whether a write
// that changed a result touched something the result depended on.
type semantics struct {
	t      *testing.T
	db     *sql.DB
	schema *Schema
	rng    *rand.Rand
	cases  []selected
	// enforced is set if the database enforces foreign keys.
	enforced bool

	statements, writes, changed, kept, spared, failed, refused int
	// certain says that a write knows all of its rows.
	certain bool
	// stale describes the first result that was missed.
	stale string
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
	for _, enforced := range []bool{false, true} {
		t.Run(fmt.Sprintf("enforced=%t", enforced), func(t *testing.T) { testFactsCoverChanges(t, seed, enforced) })
	}
}

func testFactsCoverChanges(t *testing.T, seed uint64, enforced bool) {
	n := 3000
	if testing.Short() || raceDetector {
		n = 400
	}
	if s := os.Getenv("OPS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err)
	}
	x := newSemantics(t, seed, enforced)
	x.play(n)
	require.Empty(t, x.stale)
	t.Logf("%d statements, %d writes: %d changed the result, %d left it and its facts alone, %d touched those and didn't matter; %d statements weren't valid, %d not cacheable",
		x.statements, x.writes, x.changed, x.kept, x.spared, x.failed, x.refused)
	require.Greater(t, x.changed, x.writes/50, "few writes matter")
	require.Greater(t, x.kept, x.writes/5, "facts are coarse")
	if x.statements > 12*len(x.cases)+1000 {
		// Of random statements, and not of the cases.
		require.Greater(t, x.spared, x.writes/50, "few writes are irrelevant")
	}
	require.Less(t, x.failed, x.statements, "few statements are valid")
	require.Less(t, x.refused, x.statements/20, "many statements aren't understood")
}

func newSemantics(t *testing.T, seed uint64, enforced bool) *semantics {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(1)
	x := &semantics{t: t, db: db, schema: statementSchema(), rng: rand.New(rand.NewPCG(seed, 1)), cases: semanticCases, enforced: enforced}
	if enforced {
		x.schema, x.cases = enforcedSchema(), slices.Concat(enforcedCases, semanticCases)
		x.exec(enforcedDDL)
	} else {
		x.exec(semanticDDL)
	}
	x.populate()
	return x
}

// play tries the cases and then random statements, n in all, until a result was
// missed.
func (x *semantics) play(n int) {
	for _, s := range x.cases {
		for range 12 {
			if x.stale != "" {
				return
			}
			x.populate()
			require.True(x.t, x.try(s, 20), s.sql)
		}
	}
	for x.statements < n && x.stale == "" {
		x.step()
	}
}

func (x *semantics) exec(query string, args ...any) {
	x.t.Helper()
	_, err := x.db.Exec(query, args...)
	require.NoError(x.t, err, query)
}

func (x *semantics) populate() {
	if x.enforced {
		x.exec("PRAGMA foreign_keys = OFF")
		defer func() {
			for _, q := range []string{
				"UPDATE users SET boss_id = NULL WHERE boss_id NOT IN (SELECT id FROM users)",
				"UPDATE pets SET owner_id = NULL WHERE owner_id NOT IN (SELECT id FROM users)",
				"DELETE FROM group_users WHERE user_id NOT IN (SELECT id FROM users) OR group_id NOT IN (SELECT id FROM groups)",
				"PRAGMA foreign_keys = ON",
			} {
				x.exec(q)
			}
		}()
	}
	for _, table := range []string{"users", "pets", "groups", "group_users"} {
		x.exec("DELETE FROM " + table)
	}
	for id := 1; id <= 4; id++ {
		if x.enforced && x.rng.IntN(4) == 0 {
			continue // a row that is created may have a key that other columns hold
		}
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
	s := g.page
	if x.rng.IntN(2) == 0 {
		s = g.statement
	}
	if !x.try(s(), 5) {
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
	have := Facts{Spell: true, exist: s.exist}
	st.Facts(&have, s.args, before)
	require.Len(x.t, have.Tags, len(have.List))
	for range writes {
		x.exec("SAVEPOINT s")
		var touched []*Facts
		text := ""
		// A transaction may create a row and what refers to it, and what one write did
		// another may undo.
		for range 1 + x.rng.IntN(6)/4 {
			if f, w := x.write(); f != nil {
				touched = append(touched, f)
				text += "; " + w
			}
		}
		if touched != nil {
			x.compare(s, st, before, &have, touched, text)
		}
		x.exec("ROLLBACK TO s")
		x.exec("RELEASE s")
	}
	return true
}

func (x *semantics) compare(s selected, st *Statement, before *codec.Rows, have *Facts, writes []*Facts, text string) {
	x.writes++
	after, err := x.run(s)
	require.NoError(x.t, err)
	same := equalRows(before, after, s.ordered)
	if s.exist {
		same = before.N > 0 == (after.N > 0)
	}
	relevance := st.relevanceOf(have, s.args, before)
	meet, matters := false, false
	var touched []Tag
	for _, f := range writes {
		var by []Fact
		for _, fact := range f.List {
			if slices.Contains(have.List, fact) {
				by = append(by, fact)
			}
		}
		meet = meet || by != nil
		if relevance != nil && by != nil {
			by = relevance.mattered(&recentWrite{facts: f.List, changes: f.changes}, by)
		}
		matters = matters || by != nil
		touched = append(touched, f.Tags...)
	}
	switch {
	case !same && !matters:
		x.stale = fmt.Sprintf("a stale result:\n%s\nargs %v\nwrite %s\nresult depends on %v\nwrite touched %v, which is %t\nbefore %v\nafter %v",
			s.sql, s.args, text, have.Tags, touched, meet, before.Values(), after.Values())
	case !same:
		x.changed++
	case !meet:
		x.kept++
	case !matters:
		x.spared++
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
