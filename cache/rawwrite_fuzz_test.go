package cache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Any text is read, and what may be cached writes nothing.
func FuzzReadRaw(f *testing.F) {
	for _, text := range []string{
		"SELECT id FROM users WHERE id IN (?, 2) ORDER BY name", "UPDATE users SET name = ? WHERE id = ? AND (age = 1)",
		"WITH x AS (DELETE FROM pets RETURNING *) INSERT INTO users SELECT * FROM x ON CONFLICT (id) DO UPDATE SET age = 1",
		"DELETE a, b FROM users a JOIN pets b; TRUNCATE toys, ONLY pets CASCADE", "MERGE INTO users USING pets ON 1 = 1 WHEN MATCHED THEN DELETE",
		"INSERT OR REPLACE INTO users (id) VALUES (1) -- done", "RELEASE SAVEPOINT a; COMMIT AND CHAIN", "EXPLAIN ANALYZE SELECT 1", "SET autocommit = 0",
		"SELECT count(*) FROM users /* a */ FOR NO KEY UPDATE", "PRAGMA main.table_info(users)", "UPDATE users, pets SET users.age = 1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range []string{sqliteDialect, postgresDialect, mysqlDialect} {
			w := ReadRaw(d, text)
			if Analyze(unitSchema, d, text).Reason() == Cacheable {
				require.Empty(t, w.unread, "%s: %q", d, text)
				require.Empty(t, w.effects, "%s: %q", d, text)
				require.Equal(t, RawNone, w.control, "%s: %q", d, text)
			}
		}
	})
}
