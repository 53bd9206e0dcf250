package cache

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

// entry is one that depends on facts and was read now.
func (c *Cache) entry(t *testing.T, table *Table, add func(*Facts)) *Entry {
	t.Helper()
	var f Facts
	add(&f)
	e := &Entry{Rows: &codec.Rows{}, Proof: &Proof{Facts: f.List, Tables: []Fact{table.any}, Position: c.ledger.Now()}}
	require.True(t, c.valid(e))
	return e
}

func TestHoldAndTouch(t *testing.T) {
	c := newCache(t, Options{})
	ctx := t.Context()
	users := unitSchema.Table("users")
	row := func(id int) func(*Facts) {
		return func(f *Facts) {
			f.Any(users)
			f.Row(users, id)
		}
	}
	dependsOn := func(id int) *Entry { return c.entry(t, users, func(f *Facts) { f.Row(users, id) }) }
	one, two := dependsOn(1), dependsOn(2)
	var f Facts
	row(1)(&f)

	h, err := c.Hold(ctx, &f)
	require.NoError(t, err)
	require.False(t, c.valid(one), "held")
	require.True(t, c.valid(two))
	late := &Entry{Rows: &codec.Rows{}, Proof: &Proof{Facts: one.Facts, Tables: one.Tables, Position: c.ledger.Now()}}
	require.False(t, c.valid(late), "read while it was held")
	g, err := c.Hold(ctx, &f)
	require.NoError(t, err)
	c.Touch(ctx, h, &f, Cause{Type: "User"})
	require.False(t, c.valid(one))
	late = &Entry{Rows: &codec.Rows{}, Proof: &Proof{Facts: one.Facts, Tables: one.Tables, Position: c.ledger.Now()}}
	require.False(t, c.valid(late), "held by the other still")
	c.Touch(ctx, g, &Facts{}, Cause{Type: "User"})
	require.True(t, c.valid(late), "the other wrote nothing")
	require.False(t, c.valid(one))
	require.True(t, c.valid(two))
	one = dependsOn(1)
	require.True(t, c.valid(one))

	// What is touched beside what was held.
	h, err = c.Hold(ctx, &f)
	require.NoError(t, err)
	row(2)(&f)
	c.Touch(ctx, h, &f, Cause{Type: "User"})
	require.False(t, c.valid(two))
	require.EqualValues(t, 2, c.Stats().Invalidations, "ending a hold without a write isn't one")

	two = dependsOn(2)
	c.Touch(ctx, nil, &Facts{}, Cause{Type: "User"})
	require.True(t, c.valid(two))
	c.InvalidateAll(ctx)
	require.False(t, c.valid(two))
}

func TestInvalidateByHand(t *testing.T) {
	c := newCache(t, Options{})
	ctx := t.Context()
	require.NoError(t, c.InvalidateType(ctx, "Anything"), "before a client has shown its schema nothing is cached")
	c.learn(unitSchema)
	for _, err := range []error{
		c.InvalidateType(ctx, "Anything"), c.InvalidateIDs(ctx, "users", 1), c.InvalidateEntity(ctx, &struct{ ID int }{}),
		c.InvalidateEntity(ctx, &struct{ Name string }{}), c.InvalidateEntity(ctx, nil), c.InvalidateEntity(ctx, 1),
		c.InvalidateEntity(ctx, (*struct{ ID int })(nil)),
	} {
		require.ErrorContains(t, err, "entcache: ")
	}
	require.ErrorContains(t, c.InvalidateType(ctx, "Anything"), "Doc, User")

	users, petsTable := unitSchema.Table("users"), unitSchema.Table("pets")
	entries := func() map[string]*Entry {
		return map[string]*Entry{
			"row 1":   c.entry(t, users, func(f *Facts) { f.Row(users, 1) }),
			"row 2":   c.entry(t, users, func(f *Facts) { f.Row(users, 2) }),
			"members": c.entry(t, users, func(f *Facts) { f.Created(users) }),
			"column":  c.entry(t, users, func(f *Facts) { f.Column(users.Column("age")) }),
			"group": c.entry(t, users, func(f *Facts) {
				email := users.grouping(users.Column("email"))
				f.entered(email.of(canonical{tag: 's', text: []byte("a")}))
				f.entered(group{by: email})
			}),
			"table": c.entry(t, users, func(f *Facts) { f.Table(users) }),
			"pets":  c.entry(t, petsTable, func(f *Facts) { f.Table(petsTable) }),
		}
	}
	valid := func(list map[string]*Entry) (out []string) {
		for name, e := range list {
			if c.valid(e) {
				out = append(out, name)
			}
		}
		return out
	}
	list := entries()
	require.NoError(t, c.InvalidateIDs(ctx, "User", 1))
	require.ElementsMatch(t, []string{"row 2", "table", "pets"}, valid(list))
	list = entries()
	type User struct{ ID int }
	require.NoError(t, c.InvalidateEntity(ctx, &User{ID: 2}))
	require.ElementsMatch(t, []string{"row 1", "table", "pets"}, valid(list))
	list = entries()
	require.NoError(t, c.InvalidateIDs(ctx, "User", 1, uuid.New()), "an id that isn't one of the type's")
	require.NotContains(t, valid(list), "table")
	list = entries()
	// Every result depends on the tables it reads; these leave that out.
	delete(list, "row 1")
	require.NoError(t, c.InvalidateType(ctx, "User"))
	require.NotContains(t, valid(list), "table")
	require.NotContains(t, valid(list), "pets", "what the database deletes in turn")
	docs := unitSchema.Table("docs")
	doc := c.entry(t, docs, func(f *Facts) { f.Table(docs) })
	require.NoError(t, c.InvalidateIDs(ctx, "Doc", "a"), "texts are compared by rules of the database's own")
	require.False(t, c.valid(doc))
}

func TestDistrust(t *testing.T) {
	c := newCache(t, Options{Logger: slog.New(slog.DiscardHandler)})
	ctx := t.Context()
	users, groups := unitSchema.Table("users"), unitSchema.Table("groups")
	one := c.entry(t, users, func(f *Facts) { f.Table(users) })
	other := c.entry(t, groups, func(f *Facts) { f.Table(groups) })
	var f Facts
	f.Any(users)
	f.Row(users, 1)
	for range 2 {
		c.Distrust(ctx, unitSchema.Type("User"), &f)
		require.False(t, c.valid(one))
		require.True(t, c.valid(other))
		c.Touch(ctx, nil, &f, Cause{Type: "User"})
		late := &Entry{Rows: &codec.Rows{}, Proof: &Proof{Facts: one.Facts, Tables: one.Tables, Position: c.ledger.Now()}}
		require.False(t, c.valid(late), "for good")
	}
	c.Distrust(ctx, unitSchema.Type("User"), &Facts{All: true})
	require.False(t, c.valid(other))
}
