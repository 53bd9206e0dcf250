package cache

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemo(t *testing.T) {
	var m memo
	const query = "SELECT `users`.`id` FROM `users`"
	st := m.get(unitSchema, "n", "sqlite3", query)
	require.Equal(t, Cacheable, st.Reason())
	require.Equal(t, []Fact{unitSchema.Table("users").any}, st.tables)
	require.Same(t, st, m.get(unitSchema, "n", "sqlite3", query))
	require.NotSame(t, st, m.get(unitSchema, "n", "mysql", query))
	require.NotSame(t, st, m.get(MustSchema(SchemaSpec{}), "n", "sqlite3", query))
	require.Empty(t, m.get(unitSchema, "n", "sqlite3", "DELETE FROM users").tables, "not cacheable")
}

// A full generation becomes the old one; what is used moves over, the rest goes.
func TestMemoIsBounded(t *testing.T) {
	var m memo
	text := func(i int) string { return fmt.Sprintf("SELECT %d", i) }
	get := func(i int) *prepared { return m.get(unitSchema, "", "sqlite3", text(i)) }
	used, unused := get(-1), get(-2)
	for i := range 2 * memoSize {
		get(i)
		if i%1000 == 0 {
			require.Same(t, used, get(-1))
		}
	}
	require.Same(t, used, get(-1))
	require.NotSame(t, unused, get(-2))
	n := 0
	for _, g := range []*generation{m.gen.Load(), m.last.Load()} {
		g.statements.Range(func(any, any) bool { n++; return true })
	}
	require.LessOrEqual(t, n, 2*memoSize+1)
}

// Goroutines that meet a statement for the first time at once agree on it.
func TestMemoOfManyGoroutines(t *testing.T) {
	var (
		m  memo
		wg sync.WaitGroup
	)
	for g := range 8 {
		wg.Go(func() {
			for i := range memoSize {
				q := fmt.Sprintf("SELECT `id` FROM `users` LIMIT %d", i)
				st := m.get(unitSchema, "", "sqlite3", q)
				if st.seed != prepareSeed(q) {
					t.Errorf("goroutine %d got another statement for %q", g, q)
					return
				}
			}
		})
	}
	wg.Wait()
}

func prepareSeed(q string) [32]byte { return prepare(unitSchema, "", "sqlite3", q).seed }
