package cache

import (
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"
)

// describe says what was read of a text, in one line.
func (w *RawWrite) describe() string {
	var words []string
	for _, e := range w.effects {
		s := [...]string{rawInsert: "insert ", rawUpdate: "update ", rawRemove: "delete ", rawAny: "any "}[e.kind] + e.table
		if e.kind == rawUpdate {
			s += "(" + strings.Join(e.columns, ",") + ")"
		}
		for _, p := range e.pins {
			s += " " + p.column
			for _, v := range p.values {
				if v.arg >= 0 {
					s += fmt.Sprint(" ?", v.arg)
				} else {
					s += fmt.Sprint(" ", v.literal)
				}
			}
		}
		words = append(words, s)
	}
	for _, c := range w.calls {
		words = append(words, "call "+c)
	}
	if w.unread != "" {
		words = append(words, "unread: "+w.unread)
	}
	if w.control != RawNone {
		words = append(words, [...]string{RawBegin: "begin", RawSavepoint: "savepoint", RawRelease: "release", RawCommit: "commit", RawRollback: "rollback"}[w.control]+w.savepoint)
	}
	return strings.Join(words, "; ")
}

func TestReadRaw(t *testing.T) {
	const (
		all    = ""
		sqlite = dialect.SQLite
		pg     = dialect.Postgres
		my     = dialect.MySQL
	)
	for _, c := range []struct{ dialect, text, want string }{
		// What only reads.
		{all, "", ""},
		{all, ";", ""},
		{all, "SELECT 1", ""},
		{all, "select a, COUNT(*) from t where lower(b) = 'x' group by a;", ""},
		{all, "SELECT a FROM t WHERE b IN (SELECT b FROM u) ORDER BY now()", ""},
		{all, "WITH x AS (SELECT 1) SELECT * FROM x", ""},
		{all, "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT * FROM x", ""},
		{all, "(SELECT 1) UNION (SELECT 2)", ""},
		{all, "VALUES (1)", ""},
		{pg, "SELECT a FROM t FOR UPDATE", ""},
		{pg, "SELECT a FROM t FOR NO KEY UPDATE OF t SKIP LOCKED", ""},
		{pg, "SELECT * FROM (VALUES (1)) AS v(a)", ""},
		{pg, "SELECT a::varchar(10), pg_catalog.lower(b), nextval('s') FROM t", ""},
		{my, "SELECT INSERT(a, 1, 2, 'x') FROM t", ""},
		{sqlite, "PRAGMA foreign_keys", ""},
		{sqlite, "PRAGMA main.table_info(t)", ""},
		{sqlite, "SELECT * FROM pragma_table_info('t')", ""},
		{sqlite, "SELECT date('now'), replace(a, 'x', 'y') FROM t", ""},
		{all, "EXPLAIN DELETE FROM t", ""},
		{pg, "SET search_path TO a", ""},
		{pg, "SHOW search_path", ""},
		{all, "-- name: GetUser :one\nSELECT 1", ""},
		{all, "SELECT 1 /* traceparent='00-1' */", ""},
		{all, "SELECT /* a */ 1, -- b\n 2", ""},
		{all, "ROLLBACK TO SAVEPOINT a", ""},

		// Inserts.
		{all, "INSERT INTO t (a, b) VALUES (?, 1)", "insert t"},
		{all, "insert into t values (1), (2)", "insert t"},
		{all, "INSERT INTO s.t SELECT a FROM u", "insert t"},
		{pg, `INSERT INTO "t" AS x ("a") VALUES ($1) RETURNING "id"`, "insert t"},
		{pg, "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO NOTHING", "any t"},
		{pg, "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a", "any t"},
		{my, "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)", "any t"},
		{my, "INSERT IGNORE t SET a = 1", "insert t"},
		{sqlite, "INSERT OR REPLACE INTO t VALUES (1)", "any t"},
		{sqlite, "INSERT OR IGNORE INTO t VALUES (1)", "insert t"},
		{my, "REPLACE INTO `t` VALUES (1)", "any t"},
		{sqlite, "REPLACE INTO [t] VALUES (1)", "any t"},

		// Updates.
		{all, "UPDATE t SET a = 1", "update t(a)"},
		{all, "UPDATE t SET a = a + 1, b = (SELECT max(c) FROM u WHERE d = 1), c = coalesce(a, b)", "update t(a,b,c)"},
		{sqlite, "UPDATE t SET a = ? WHERE id = ?", "update t(a) id ?1"},
		{sqlite, "UPDATE t AS x SET a = ? WHERE x.id IN (?, 7) AND b > 3", "update t(a) id ?1 7"},
		{pg, "UPDATE ONLY s.t SET a = $2 WHERE (t.id = $1 AND (b OR c)) RETURNING a", "update t(a) id ?0"},
		{all, "UPDATE t SET a = 1 WHERE id = 1 OR b = 2", "update t(a)"},
		{all, "UPDATE t SET a = 1 WHERE b = 1 OR c = 2 AND id = 1", "update t(a)"},
		{all, "UPDATE t SET a = 1 WHERE b BETWEEN 1 AND id = 1", "update t(a)"},
		{all, "UPDATE t SET a = 1 WHERE CASE WHEN b THEN c AND id = 1 AND c END", "update t(a)"},
		{my, "UPDATE t SET a = 1 WHERE b || c AND id = 1", "update t(a)"},
		{my, "UPDATE t SET a = 1 WHERE b XOR c AND id = 1", "update t(a)"},
		{pg, "UPDATE t SET a = 1 WHERE b || c = 'x' AND id = 1", "update t(a) id 1"},
		{all, "UPDATE t SET a = 1 WHERE NOT b AND id = 1", "update t(a) id 1"},
		{all, "UPDATE t SET a = 1 WHERE NOT id = 1", "update t(a)"},
		{all, "UPDATE t SET a = 1 WHERE id = 1 + 1", "update t(a)"},
		{all, "UPDATE t SET a = 1 WHERE u.id = 1", "update t(a)"},
		{all, "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM u)", "update t(a)"},
		{all, "UPDATE t SET a = 1 WHERE id = '7'", "update t(a)"},
		{my, "UPDATE t SET a = 1 WHERE id = 1 || b", "update t(a)"},
		{my, "UPDATE t SET a = 1 WHERE id = 1 XOR b", "update t(a)"},
		{my, "UPDATE t SET a = 1 WHERE id = 1 ORDER BY b LIMIT 1", "update t(a) id 1"},
		{pg, "UPDATE t SET a = u.a FROM u WHERE t.id = 1", "update t(a)"},
		{pg, "UPDATE t SET a = b IS DISTINCT FROM c, d = 2 WHERE id = 1", "update t(a,d) id 1"},
		{pg, "UPDATE t SET (a, b) = (1, 2) WHERE id = 1", "any t id 1"},
		{pg, "UPDATE t SET a[1] = 2 WHERE id = 1", "any t id 1"},
		{pg, "UPDATE t SET a.b = 2 WHERE id = 1", "any t id 1"},
		{my, "UPDATE t SET t.b = 2 WHERE id = 1", "update t(b) id 1"},
		{pg, "UPDATE t SET a = ARRAY[1, 2], b = 1", "update t(a,b)"},
		{pg, "UPDATE t SET a = 1 WHERE CURRENT OF c", "update t(a)"},
		{sqlite, "UPDATE OR REPLACE t SET a = 1 WHERE id = 1", "any t id 1"},
		{my, "UPDATE t JOIN u ON t.id = u.id SET t.a = 1, u.b = 2", "any t; any u"},
		{my, "UPDATE t, s.u SET t.a = 1", "any t; any u"},
		{my, "UPDATE (t JOIN u) SET t.a = 1", "unread: near ("},
		{pg, "UPDATE t SET a = f(1) WHERE id = 1", "update t(a) id 1; call f"},

		// Deletes.
		{all, "DELETE FROM t", "delete t"},
		{sqlite, "DELETE FROM t WHERE id = ?", "delete t id ?0"},
		{pg, "DELETE FROM t x WHERE x.id = $1 RETURNING *", "delete t id ?0"},
		{pg, "DELETE FROM t USING u WHERE t.id = 1", "delete t"},
		{my, "DELETE t, u FROM t JOIN u ON t.id = u.id WHERE t.id = 1", "any t; any u"},
		{my, "DELETE FROM x USING t AS x JOIN u", "any t; any u"},
		{my, "DELETE FROM t WHERE id = 1 LIMIT 1", "delete t id 1"},

		// Writes within others.
		{pg, "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "delete t"},
		{pg, "WITH x AS MATERIALIZED (UPDATE t SET a = 1 WHERE id = 1 RETURNING *), y (b) AS (SELECT 1) INSERT INTO u SELECT b FROM y", "update t(a) id 1; insert u"},
		{all, "WITH x AS (SELECT 1) UPDATE t SET a = 1", "update t(a)"},
		{all, "WITH x AS (SELECT 1) DELETE FROM t WHERE id IN (SELECT * FROM x)", "delete t"},
		{pg, "SELECT * FROM (WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x) y", "unread: DELETE inside of a statement"},
		{pg, "WITH x AS (SELECT 1) SEARCH DEPTH FIRST BY a SET b SELECT * FROM x", "unread: near SEARCH"},
		{pg, "SELECT a INTO b FROM t", "unread: INTO inside of a statement"},
		{pg, "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (1)", "any t"},

		// Several statements.
		{all, "UPDATE t SET a = 1 WHERE id = 1; DELETE FROM u;", "update t(a); delete u"},
		{all, "SELECT 1; DELETE FROM t", "delete t"},
		{all, "BEGIN; DELETE FROM t; COMMIT", "delete t; unread: several statements that control a transaction; commit"},

		// What isn't about rows.
		{pg, "TRUNCATE t, ONLY u RESTART IDENTITY", "any t; any u"},
		{pg, "TRUNCATE TABLE t CASCADE", "any ; any t"},
		{my, "TRUNCATE t", "any t"},
		{all, "ALTER TABLE t ADD COLUMN a int", "unread: ALTER"},
		{all, "DROP TABLE t", "unread: DROP"},
		{all, "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM u; END", "unread: CREATE"},
		{pg, "EXPLAIN ANALYZE DELETE FROM t", "unread: EXPLAIN ANALYZE"},
		{pg, "EXPLAIN (ANALYZE) DELETE FROM t", "unread: EXPLAIN ANALYZE"},
		{my, "CALL p(1)", "unread: CALL"},
		{pg, "DO 'x'", "unread: DO"},
		{pg, "COPY t FROM STDIN", "unread: COPY"},
		{pg, "LOCK TABLE t", ""},
		{my, "LOCK TABLES t WRITE", "unread: LOCK"},
		{my, "SET STATEMENT max_statement_time = 1 FOR DELETE FROM t", "unread: DELETE inside of a statement"},
		{my, "SET a = f()", "call f"},
		{sqlite, "PRAGMA writable_schema = 1", "unread: PRAGMA writable_schema"},
		{all, "SELECT f(1)", "call f"},
		{pg, "SELECT s.lower('x')", "call lower"},
		{pg, "SELECT pg_reload_conf()", "call pg_reload_conf"},
		{pg, `SELECT "Lower"('x')`, "call lower"},
		{all, "HOW about this", "unread: HOW"},
		{my, "SELECT /*! 1 */ 1", "unread: a comment"},
		{my, "SELECT 1 --1", "unread: a comment"},
		{pg, "SELECT /* a /* b */ c */ 1", "unread: a comment"},
		{pg, "SELECT $$ a $$", "unread: a dollar sign"},
		{all, "SELECT (1", "unread: an open parenthesis"},

		// Transactions.
		{all, "BEGIN", "begin"},
		{all, "START TRANSACTION", "begin"},
		{all, "COMMIT", "commit"},
		{all, "ROLLBACK", "rollback"},
		{pg, "END", "commit"},
		{pg, "COMMIT AND CHAIN", "begin"},
		{pg, "COMMIT PREPARED 'a'", "unread: COMMIT PREPARED"},
		{all, "SAVEPOINT a", "savepointa"},
		{all, "RELEASE SAVEPOINT A", "releasea"},
		{all, "RELEASE a", "releasea"},
		{my, "SET autocommit = 0", "begin"},
		{my, "SET autocommit = 1", "commit"},
	} {
		for _, d := range []string{sqlite, pg, my} {
			if c.dialect != all && c.dialect != d || d == pg && strings.Contains(c.text, "?") {
				continue
			}
			require.Equal(t, c.want, ReadRaw(d, c.text).describe(), "%s: %s", d, c.text)
		}
	}
	require.Equal(t, `unread: the dialect "gremlin"`, ReadRaw("gremlin", "SELECT 1").describe())
	require.Equal(t, "unread: a text longer than 1 MiB", ReadRaw(sqlite, "SELECT '"+strings.Repeat("a", maxRaw)+"'").describe())
}

func TestRawEscapes(t *testing.T) {
	for text, want := range map[string][3]bool{ // SQLite, PostgreSQL, MySQL
		"SELECT 1":           {},
		"DELETE FROM t":      {},
		"SELECT f()":         {},
		"SAVEPOINT a":        {},
		"RELEASE a":          {},
		"ROLLBACK TO a":      {},
		"COMMIT":             {true, true, true},
		"BEGIN":              {true, true, true},
		"ALTER TABLE t":      {true, true, true},
		"what is this":       {true, true, true},
		"TRUNCATE t":         {false, false, true},
		"SELECT 1; COMMIT":   {true, true, true},
		"SELECT 1; SELECT 2": {},
	} {
		for i, d := range []string{dialect.SQLite, dialect.Postgres, dialect.MySQL} {
			require.Equal(t, want[i], ReadRaw(d, text).Escapes(), "%s: %s", d, text)
		}
	}
}

func TestRawMemo(t *testing.T) {
	var m RawMemo
	first := m.Read(dialect.SQLite, "DELETE FROM t")
	require.Same(t, first, m.Read(dialect.SQLite, "DELETE FROM t"))
	for i := range 2*memoSize + 2 {
		m.Read(dialect.SQLite, fmt.Sprint("SELECT ", i))
	}
	require.LessOrEqual(t, m.current.Load().n.Load()+m.last.Load().n.Load(), int64(2*memoSize))
	require.NotSame(t, first, m.Read(dialect.SQLite, "DELETE FROM t"))
	long := "SELECT '" + strings.Repeat("a", maxRemembered) + "'"
	require.NotSame(t, m.Read(dialect.SQLite, long), m.Read(dialect.SQLite, long))
	require.Zero(t, testing.AllocsPerRun(10, func() { m.Read(dialect.SQLite, "SELECT 1") }))
}

// What a text says becomes facts as what a mutation says.
func TestRawFacts(t *testing.T) {
	c, err := New(Options{Near: newMapNear(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer c.Close()
	facts := func(text string, args ...any) *Facts {
		f := &Facts{Spell: true}
		c.RawFacts(t.Context(), f, ReadRaw(dialect.SQLite, text), args)
		return f
	}
	require.True(t, facts("DELETE FROM users").All, "nothing was read yet")
	c.learn(unitSchema)
	like := func(want func(*Facts), text string, args ...any) {
		t.Helper()
		var f Facts
		want(&f)
		got := facts(text, args...)
		require.False(t, got.All, text)
		require.Equal(t, unique(f.List), unique(got.List), text)
	}
	users, pets := unitSchema.Table("users"), unitSchema.Table("pets")
	whole := func(f *Facts) { f.WholeTable(users) }
	table := func(f *Facts) { f.Any(users); f.Table(users) }
	row := func(id any, columns ...string) func(*Facts) {
		return func(f *Facts) {
			spec := &sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "users", ID: &sqlgraph.FieldSpec{Column: "id", Value: id}}}
			for _, c := range columns {
				spec.Fields.Add = append(spec.Fields.Add, &sqlgraph.FieldSpec{Column: c})
			}
			unitSchema.UpdateFacts(f, spec, nil)
		}
	}
	remove := func(id any) func(*Facts) {
		return func(f *Facts) {
			unitSchema.DeleteFacts(f, &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: "users"}}, id, nil)
		}
	}
	like(row(7, "age"), "UPDATE users SET age = 1 WHERE id = 7")
	like(row(7, "age"), "UPDATE USERS SET AGE = ? WHERE ID = ?", 1, 7)
	like(row(7, "age", "email"), "UPDATE users SET age = 1, email = ? WHERE id = ? AND age > ?", "x", int32(7), 3)
	like(table, "UPDATE users SET age = 1")
	like(table, "UPDATE users SET age = ? WHERE id = ?", 1, 7.0)
	like(table, "UPDATE users SET age = ? WHERE id = ?", 1, "07")
	like(table, "UPDATE users SET age = ? WHERE id = ?", 1, nil)
	like(table, "UPDATE users SET age = ? WHERE id = ?", 7)
	like(table, "UPDATE users SET age = ? WHERE id = ?", 1, 7, 8)
	like(table, "UPDATE users SET age = ? WHERE id = ?", sql.Named("age", 1), 7)
	like(table, "UPDATE users SET age = ? WHERE name = ?", 1, "x")
	like(whole, "UPDATE users SET id = 8 WHERE id = 7")
	like(whole, "UPDATE users SET (age) = (1) WHERE id = 7")
	like(remove(7), "DELETE FROM users WHERE id = ?", 7)
	like(whole, "DELETE FROM users WHERE age = ?", 7)
	like(whole, "REPLACE INTO users (id) VALUES (1)")
	like(func(f *Facts) { f.Any(pets); f.inserted(pets, image{}, false) }, "INSERT INTO pets (name) VALUES (?)", "x")
	like(func(f *Facts) { row(1, "age")(f); f.WholeTable(pets) },
		"WITH x AS (UPDATE users SET age = 1 WHERE id = 1 RETURNING id) DELETE FROM pets WHERE owner_id IN (SELECT id FROM x)")
	like(func(*Facts) {}, "SELECT rank(1), pure()")
	by := c.RawCause(ReadRaw(dialect.SQLite, "UPDATE users SET age = 1, email = 2"))
	require.Equal(t, Cause{Op: WriteRaw, Type: "User", Columns: []string{"age", "email"}}, by)
	require.Equal(t, Cause{Op: WriteRaw}, c.RawCause(ReadRaw(dialect.SQLite, "DELETE FROM users; DELETE FROM pets")))
	// A number in the place of a text is compared as a number by some databases.
	f := facts("DELETE FROM docs WHERE id = 7")
	require.Contains(t, f.List, unitSchema.Table("docs").table)

	for _, text := range []string{
		"DELETE FROM nowhere", "DELETE FROM readers", "SELECT f(1)", "DROP TABLE users", "what", "COMMIT",
		"DELETE FROM pets; DELETE FROM nowhere", "TRUNCATE pets CASCADE",
	} {
		f := facts(text)
		require.True(t, f.All, text)
		for _, table := range unitSchema.tables {
			require.Subset(t, f.List, []Fact{table.any, table.table}, "%s can be held", text)
		}
	}
	f = &Facts{}
	c.RawFacts(t.Context(), f, ReadRaw(dialect.MySQL, "DELETE FROM docs WHERE id = ?"), []any{"x"})
	require.Contains(t, f.List, unitSchema.Table("docs").table, "MySQL compares texts otherwise than Go")
}
