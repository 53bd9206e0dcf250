package cache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var truthNames = map[truth]string{unknownTruth: "unknown", trueTruth: "true", falseTruth: "false", nullTruth: "null"}

// rowImage returns an image of a row with these values; of other columns nothing is
// known.
func rowImage(t *Table, values map[string]any) (m image) {
	for name, v := range values {
		m.set(t.Column(name), v, false)
	}
	return m
}

func TestConditions(t *testing.T) {
	users := statementSchema().Table("users")
	row := map[string]any{"id": 7, "age": 5, "name": "Anna", "active": true, "boss_id": nil}
	for sql, want := range map[string]string{
		"age = 5": "true", "age = 6": "false", "age <> 5": "false", "age != 6": "true", "5 = age": "",
		"age < 5": "false", "age <= 5": "true", "age > 4": "true", "age >= 6": "false", "age > -1": "",
		"age IN (4, 5)": "true", "age IN (4)": "false", "age NOT IN (4, 5)": "false", "age IN (age)": "", "age IN ()": "",
		"boss_id = 1": "null", "boss_id IN (1, 2)": "null", "boss_id NOT IN (1, 2)": "null", "NOT (boss_id = 1)": "null",
		"boss_id IS NULL": "true", "boss_id IS NOT NULL": "false", "age IS NULL": "false", "age IS 5": "",
		"active": "true", "NOT active": "false", "active = TRUE": "true", "age": "", "NOT (NOT active)": "true",
		"NOT age = 5":  "",
		"tag = 'Anna'": "", "password IS NULL": "unknown", "data IS NULL": "unknown",
		"age = 5 OR boss_id = 1": "true", "age = 6 OR boss_id = 1": "null", "(age = 6 OR password IS NULL)": "unknown",
		"(boss_id = 1 OR password IS NULL)": "unknown", "(password IS NULL OR boss_id = 1)": "unknown", "(password IS NULL OR age = 5)": "true",
		"(age = 6 AND password IS NULL OR age = 4)": "false", "NOT (age = 5 AND boss_id = 1)": "null", "NOT (age = 6 AND boss_id = 1)": "true",
		"age = 5 OR age = (SELECT 1)": "", "age BETWEEN 4 AND 6 OR age = 1": "", "CASE WHEN age = 5 THEN 1 END OR age = 1": "",
		"age = '5'": "", "age + 1 = 6": "", "lower(name) = 'anna'": "", "age > boss_id": "", "name COLLATE NOCASE = ?": "",
	} {
		t.Run(sql, func(t *testing.T) {
			// Alone, and not one of a conjunction.
			st := Analyze(statementSchema(), sqliteDialect, "SELECT COUNT(*) FROM users WHERE "+sql+" OR age = 99")
			require.Equal(t, Cacheable, st.Reason(), st.Detail())
			if want == "" {
				require.Nil(t, st.relevance)
				return
			}
			conditions := st.relevance.occurrences[0].conditions
			require.Len(t, conditions, 1)
			m := rowImage(users, row)
			r := st.relevanceOf(&Facts{}, nil, nil)
			got := conditions[0].of(&m, r.constants)
			if want == "null" || want == "false" {
				// age = 99 is false.
				require.True(t, got.drops(), truthNames[got])
			}
			require.Equal(t, want, truthNames[got])
		})
	}
}

func TestConditionArguments(t *testing.T) {
	users := statementSchema().Table("users")
	for _, c := range []struct {
		sql  string
		arg  any
		row  map[string]any
		want truth
	}{
		{"age > ?", 5, map[string]any{"age": 6}, trueTruth},
		{"age > ?", int64(5), map[string]any{"age": 5}, falseTruth},
		{"age > ?", 5.5, map[string]any{"age": 5}, unknownTruth},
		{"age > ?", "5", map[string]any{"age": 5}, falseTruth},
		{"age > ?", nil, map[string]any{"age": 5}, nullTruth},
		{"age > ?", uint64(1) << 63, map[string]any{"age": 5}, falseTruth},
		{"age < ?", uint64(1) << 63, map[string]any{"age": -5}, trueTruth},
		{"age > ?", -5, map[string]any{"age": -4}, trueTruth},
		{"age < ?", -5, map[string]any{"age": 4}, falseTruth},
		{"age > ?", 5, nil, unknownTruth},
		{"name = ?", "a", map[string]any{"name": "a"}, trueTruth},
		{"name = ?", "A", map[string]any{"name": "a"}, falseTruth},
		{"name <> ?", []byte("a"), map[string]any{"name": "a"}, unknownTruth}, // true in SQLite
		{"name <> ?", "a", map[string]any{"name": []byte("a")}, unknownTruth},
		{"age <> ?", []byte("5"), map[string]any{"age": 5}, unknownTruth},
		{"age <> ?", 5, map[string]any{"age": []byte("5")}, unknownTruth},
		{"active <> ?", wrapped{[]byte("1")}, map[string]any{"active": true}, unknownTruth},
		{"active <> ?", wrapped{true}, map[string]any{"active": true}, falseTruth},
		{"name LIKE ?", "An%", map[string]any{"name": "Anna"}, trueTruth},
		{"name LIKE ?", "an%", map[string]any{"name": "Anna"}, unknownTruth}, // true in SQLite, false in PostgreSQL
		{"name LIKE ?", "Bo%", map[string]any{"name": "Anna"}, falseTruth},
		{"name LIKE ?", "%na", map[string]any{"name": "Anna"}, trueTruth},
		{"name LIKE ?", "%nn%", map[string]any{"name": "Anna"}, trueTruth},
		{"name LIKE ?", "%bb%", map[string]any{"name": "Anna"}, falseTruth},
		{"name LIKE ?", "Anna", map[string]any{"name": "Anna"}, trueTruth},
		{"name LIKE ?", "Ann", map[string]any{"name": "Anna"}, falseTruth},
		{"name LIKE ?", "", map[string]any{"name": "Anna"}, falseTruth},
		{"name LIKE ?", "%", map[string]any{"name": "Anna"}, unknownTruth},
		{"name LIKE ?", "A_na", map[string]any{"name": "Anna"}, unknownTruth},
		{"name LIKE ?", "A%a", map[string]any{"name": "Anna"}, unknownTruth},
		{"name LIKE ?", `B\%%`, map[string]any{"name": "Anna"}, unknownTruth},
		{"name LIKE ?", "Å%", map[string]any{"name": "Anna"}, unknownTruth},
		{"name LIKE ?", "B%", map[string]any{"name": "Änna"}, unknownTruth},
		{"name LIKE ?", nil, map[string]any{"name": "Anna"}, nullTruth},
		{"name LIKE ?", "A%", map[string]any{"name": nil}, nullTruth},
		{"name NOT LIKE ?", "Bo%", map[string]any{"name": "Anna"}, trueTruth},
		{"name NOT LIKE ?", "an%", map[string]any{"name": "Anna"}, unknownTruth},
	} {
		st := Analyze(statementSchema(), sqliteDialect, "SELECT COUNT(*) FROM users WHERE "+c.sql)
		require.NotNil(t, st.relevance, c.sql)
		m := rowImage(users, c.row)
		r := st.relevanceOf(&Facts{}, []any{c.arg}, nil)
		require.Equal(t, truthNames[c.want], truthNames[st.relevance.occurrences[0].conditions[0].of(&m, r.constants)], "%s, %v, %v", c.sql, c.arg, c.row)
	}
	// What MySQL compares by rules of its own isn't compared.
	st := Analyze(statementSchema(), mysqlDialect, "SELECT COUNT(*) FROM users WHERE name = ?")
	m := image{}
	m.set(users.Column("name"), "a", true)
	r := st.relevanceOf(&Facts{Fold: true}, []any{"b"}, nil)
	require.Equal(t, unknownTruth, st.relevance.occurrences[0].conditions[0].of(&m, r.constants))
}
