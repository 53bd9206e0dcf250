package cache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every fact has a name of its own, and a read and a write find the same.
func TestFactsHaveNamesOfTheirOwn(t *testing.T) {
	seen := make(map[Fact]string)
	add := func(what string, add func(*Facts)) {
		t.Helper()
		var f Facts
		add(&f)
		require.Len(t, f.List, 1, what)
		require.NotContains(t, seen, f.List[0], "%s and %s", what, seen[f.List[0]])
		seen[f.List[0]] = what
		var g Facts
		add(&g)
		require.Equal(t, f.List, g.List)
	}
	for _, table := range []string{"users", "pets", "groups"} {
		tb := unitSchema.Table(table)
		add("any "+table, func(f *Facts) { f.Any(tb) })
		add("table "+table, func(f *Facts) { f.Table(tb) })
		add("members "+table, func(f *Facts) { f.Members(tb) })
		for _, c := range tb.Columns {
			add("column "+table+c.Name, func(f *Facts) { f.Column(c) })
			add("groups "+table+c.Name, func(f *Facts) { f.Groups(c) })
		}
		for id := range 100 {
			add("row", func(f *Facts) { require.True(t, f.Row(tb, id)) })
		}
	}
	users := unitSchema.Table("users")
	for v := range 100 {
		add("group", func(f *Facts) { require.True(t, f.Group(users.Column("manager_id"), v)) })
		add("group", func(f *Facts) { require.True(t, f.Group(users.Column("spouse_id"), v)) })
	}
	for _, v := range []string{"", "a", "b", "A"} {
		add("group", func(f *Facts) { require.True(t, f.Group(users.Column("email"), v)) })
		add("group", func(f *Facts) { require.True(t, f.Group(users.Column("region"), v)) })
	}
}

// Names are the same in every process and version.
func TestNamesOfFactsAreStable(t *testing.T) {
	var f Facts
	users := unitSchema.Table("users")
	f.Any(users)
	f.Row(users, 7)
	f.Group(users.Column("email"), "a@example.org")
	f.Row(unitSchema.Table("docs"), "doc")
	require.Equal(t, []Fact{0xa98f207d80182f5d, 0x40e214bf1c29808f, 0x99cbfca917eff87a, 0x70311a40d719b5c6}, f.List)
}

func TestTagsAreSpelledOut(t *testing.T) {
	users := unitSchema.Table("users")
	require.Equal(t, []string{
		"any(users)", "column(users,age)", "group(users,email=a)", "group(users,manager_id=-3)", "groups(users,email)",
		"members(users)", "row(users,7)", "table(users)",
	}, touches(false, func(f *Facts) {
		f.Any(users)
		f.Table(users)
		f.Members(users)
		f.Column(users.Column("age"))
		f.Groups(users.Column("email"))
		f.Row(users, 7)
		f.Group(users.Column("email"), "a")
		f.Group(users.Column("manager_id"), -3)
	}))
	require.Equal(t, "FactKind(99)", FactKind(99).String())
}

// Where a value can't be named nothing is added, and the caller is told.
func TestFactsWithoutName(t *testing.T) {
	users := unitSchema.Table("users")
	for name, add := range map[string]func(*Facts) bool{
		"nil":       func(f *Facts) bool { return f.Row(users, nil) },
		"composite": func(f *Facts) bool { return f.Row(unitSchema.Table("user_groups"), 1) },
		"view":      func(f *Facts) bool { return f.Row(unitSchema.Table("readers"), 1) },
		"folded":    func(f *Facts) bool { return f.Group(users.Column("nick"), "a") },
		"kind":      func(f *Facts) bool { return f.Row(users, "x") },
		"dialect": func(f *Facts) bool {
			f.Fold = true
			return f.Group(users.Column("email"), "a")
		},
	} {
		var f Facts
		require.False(t, add(&f), name)
		require.Empty(t, f.List, name)
	}
}

// What is coarse covers what would have been added.
func TestCoarsen(t *testing.T) {
	users, pets := unitSchema.Table("users"), unitSchema.Table("pets")
	f := Facts{Spell: true}
	f.Row(users, 1)
	f.Coarsen()
	f.Coarsen()
	for id := range 1000 {
		f.Row(users, id)
		f.Members(users)
		f.Group(pets.Column("owner_id"), id)
	}
	require.Equal(t, []Fact{f.List[0], users.any, users.table, pets.any, pets.table}, f.List)
}
