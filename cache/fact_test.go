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
		add("created "+table, func(f *Facts) { f.Created(tb) })
		add("deleted "+table, func(f *Facts) { f.Deleted(tb) })
		add("rows "+table, func(f *Facts) { f.Rows(tb) })
		add("bulk "+table, func(f *Facts) { f.bulkAny(tb) })
		for _, c := range tb.Columns {
			add("column "+table+c.Name, func(f *Facts) { f.Column(c) })
		}
		for _, c := range tb.grouped {
			add("bulk "+table+c.Name, func(f *Facts) { f.bulk(c, nil) })
		}
		for _, g := range tb.groupings {
			add("entered "+table+g.name, func(f *Facts) { f.entered(group{by: g}) })
			add("left "+table+g.name, func(f *Facts) { f.left(group{by: g}) })
			for _, c := range tb.Columns {
				add("within "+table+c.Name+g.name, func(f *Facts) { f.within(group{by: g}, c) })
			}
		}
		for id := range 100 {
			add("row", func(f *Facts) { require.True(t, f.Row(tb, id)) })
		}
	}
	users := unitSchema.Table("users")
	of := func(value any, columns ...string) group {
		list, values := make([]*Column, len(columns)), make([]canonical, len(columns))
		for i, name := range columns {
			list[i] = users.Column(name)
			v, ok := list[i].canonical(value, false)
			require.True(t, ok)
			values[i] = v
		}
		return newGrouping(list...).of(values...)
	}
	for v := range 100 {
		for _, columns := range [][]string{{"manager_id"}, {"spouse_id"}, {"manager_id", "spouse_id"}} {
			add("entered", func(f *Facts) { f.entered(of(v, columns...)) })
			add("left", func(f *Facts) { f.left(of(v, columns...)) })
			add("within", func(f *Facts) { f.within(of(v, columns...), users.Column("age")) })
			add("within", func(f *Facts) { f.within(of(v, columns...), users.Column("email")) })
		}
		add("bulk", func(f *Facts) { require.True(t, f.bulkOf(users.Column("manager_id"), v)); f.List = f.List[1:2] })
	}
	for _, v := range []string{"", "a", "b", "A"} {
		add("entered", func(f *Facts) { f.entered(of(v, "email")) })
		add("entered", func(f *Facts) { f.entered(of(v, "region")) })
	}
	one, two := canonical{tag: 'i', num: 1}, canonical{tag: 'i', num: 2}
	pair := newGrouping(users.Column("manager_id"), users.Column("spouse_id"))
	require.NotEqual(t, pair.of(one, two).hash, pair.of(two, one).hash)
}

// Names are the same in every process and version.
func TestNamesOfFactsAreStable(t *testing.T) {
	var f Facts
	users := unitSchema.Table("users")
	f.Any(users)
	f.Row(users, 7)
	after := image{}
	after.set(users.Column("email"), "a@example.org", false)
	after.set(users.Column("manager_id"), nil, false)
	f.inserted(users, after, true)
	f.Row(unitSchema.Table("docs"), "doc")
	require.Equal(t, []Fact{0xa98f207d80182f5d, 0x61eb34f3cb48cddb, 0x19a5c05dd702d20b, 0xfe4bcfd8c0db39c3, 0x924981589748c498, 0x3da79d452a1a4c25, 0x7feb5bc1a68f42b2}, f.List)
}

func TestTagsAreSpelledOut(t *testing.T) {
	users := unitSchema.Table("users")
	require.Equal(t, []string{
		"any(users)", "bulk(users,manager_id)", "bulk(users,manager_id=-3)", "column(users,age)", "created(users)", "deleted(users)",
		"entered(users,email)", "left(users,email=a)", "row(users,7)", "rows(users)", "table(users)", "within(users,age,email=a)",
	}, touches(false, func(f *Facts) {
		f.Any(users)
		f.Table(users)
		f.Created(users)
		f.Deleted(users)
		f.Rows(users)
		f.Column(users.Column("age"))
		f.Row(users, 7)
		email := users.grouping(users.Column("email"))
		f.entered(group{by: email})
		f.left(email.of(canonical{tag: 's', text: []byte("a")}))
		f.within(email.of(canonical{tag: 's', text: []byte("a")}), users.Column("age"))
		f.bulkOf(users.Column("manager_id"), -3)
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
		"folded":    func(f *Facts) bool { return f.bulkOf(users.Column("nick"), "a") },
		"kind":      func(f *Facts) bool { return f.Row(users, "x") },
		"dialect": func(f *Facts) bool {
			f.Fold = true
			return f.bulkOf(users.Column("email"), "a")
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
		f.Created(users)
		f.bulkOf(pets.Column("owner_id"), id)
	}
	require.Equal(t, []Fact{f.List[0], users.any, users.table, pets.any, pets.table}, f.List)
}
