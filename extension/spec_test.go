package extension

import (
	"strings"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/schema"
)

// The schemas below share one graph: a UUID and a folded text as ids, foreign
// keys that Ent names and such that a field names, join tables, an edge schema
// with a composite id, and actions of every kind on delete.

type User struct{ ent.Schema }

func (User) Fields() []ent.Field {
	return []ent.Field{field.UUID("id", uuid.UUID{}).Default(uuid.New), field.String("name")}
}

func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("posts", Post.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
		edge.To("drafts", Post.Type).StorageKey(edge.Column("draft_of")),
		edge.To("friends", User.Type),
		edge.To("spouse", User.Type).Unique(),
		edge.To("clubs", Club.Type).Through("members", Member.Type),
		edge.To("likes", Post.Type).StorageKey(edge.Table("liked"), edge.Columns("who", "what")),
	}
}

type Post struct{ ent.Schema }

func (Post) Annotations() []entschema.Annotation {
	return withPolicy(&schema.Policy{Groups: []string{"lang"}})
}

func (Post) Fields() []ent.Field {
	return []ent.Field{
		field.String("lang").StorageKey("language"),
		field.String("club_slug").Optional().StorageKey("club"),
	}
}

func (Post) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("author", User.Type).Ref("posts").Unique().Required(),
		edge.From("drafter", User.Type).Ref("drafts").Unique(),
		edge.From("fans", User.Type).Ref("likes"),
		edge.To("club", Club.Type).Field("club_slug").Unique(),
	}
}

type Club struct{ ent.Schema }

func (Club) Annotations() []entschema.Annotation {
	return []entschema.Annotation{entsql.Table("society")}
}

func (Club) Fields() []ent.Field {
	return []ent.Field{field.String("id").SchemaType(map[string]string{dialect.Postgres: "citext"})}
}

func (Club) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("users", User.Type).Ref("clubs").Through("members", Member.Type),
		edge.To("sponsor", User.Type).Unique().Annotations(entsql.OnDelete(entsql.Restrict)),
	}
}

type Member struct{ ent.Schema }

func (Member) Annotations() []entschema.Annotation {
	return append(withPolicy(&schema.Policy{}), field.ID("user_id", "club_id"))
}

func (Member) Fields() []ent.Field {
	return []ent.Field{field.UUID("user_id", uuid.UUID{}), field.String("club_id")}
}

func (Member) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("user", User.Type).Field("user_id").Unique().Required(),
		edge.To("club", Club.Type).Field("club_id").Unique().Required(),
	}
}

type Active struct{ ent.View }

func (Active) Annotations() []entschema.Annotation {
	return withPolicy(&schema.Policy{DependsOn: []string{"User"}})
}

func (Active) Fields() []ent.Field {
	return []ent.Field{field.UUID("id", uuid.UUID{}), field.String("name")}
}

func TestDescribe(t *testing.T) {
	spec, err := describe(graphOf(t, User{}, Post{}, Club{}, Member{}, Active{}), false)
	require.NoError(t, err)
	key := func(name string) cache.ColumnSpec {
		return cache.ColumnSpec{Name: name, Kind: cache.KindUUID, Grouped: true}
	}
	require.Equal(t, []cache.TableSpec{
		{
			Name: "actives", View: true, DependsOn: []string{"User"},
			Columns: []cache.ColumnSpec{{Name: "id", Kind: cache.KindUUID}, {Name: "name", Kind: cache.KindString}},
		},
		{
			Name: "liked", ID: []string{"who", "what"},
			Columns: []cache.ColumnSpec{key("who"), {Name: "what", Kind: cache.KindInt, Grouped: true}},
		},
		{
			Name: "members", ID: []string{"user_id", "club_id"},
			Columns: []cache.ColumnSpec{key("user_id"), {Name: "club_id", Kind: cache.KindString, Grouped: true, Folded: true}},
		},
		{
			Name: "posts", ID: []string{"id"}, Cascades: []string{"liked"},
			CascadeKeys: []cache.KeySpec{{Table: "liked", Column: "what"}},
			Columns: []cache.ColumnSpec{
				{Name: "id", Kind: cache.KindInt},
				{Name: "language", Kind: cache.KindString, Grouped: true},
				{Name: "club", Kind: cache.KindString, Grouped: true, Folded: true},
				key("user_posts"),
				key("draft_of"),
			},
		},
		{
			Name: "society", ID: []string{"id"}, Cascades: []string{"posts"},
			CascadeKeys: []cache.KeySpec{{Table: "posts", Column: "club"}},
			Columns:     []cache.ColumnSpec{{Name: "id", Kind: cache.KindString, Folded: true}, key("club_sponsor")},
		},
		{
			Name: "user_friends", ID: []string{"user_id", "friend_id"},
			Columns: []cache.ColumnSpec{key("user_id"), key("friend_id")},
		},
		{
			Name: "users", ID: []string{"id"}, Cascades: []string{"liked", "posts", "user_friends", "users"},
			CascadeKeys: []cache.KeySpec{
				{Table: "liked", Column: "who"}, {Table: "posts", Column: "draft_of"}, {Table: "posts", Column: "user_posts"},
				{Table: "user_friends", Column: "friend_id"}, {Table: "user_friends", Column: "user_id"}, {Table: "users", Column: "user_spouse"},
			},
			Columns: []cache.ColumnSpec{{Name: "id", Kind: cache.KindUUID}, {Name: "name", Kind: cache.KindString}, key("user_spouse")},
		},
	}, spec.Tables)
	require.Equal(t, []cache.TypeSpec{
		{Name: "Active", Table: "actives", Policy: &schema.Policy{DependsOn: []string{"User"}}},
		{Name: "Club", Table: "society"},
		{Name: "Member", Table: "members", Policy: &schema.Policy{}},
		{Name: "Post", Table: "posts", Policy: &schema.Policy{Groups: []string{"language"}}},
		{Name: "User", Table: "users"},
	}, spec.Types)
	require.Len(t, spec.Fingerprint, 32)

	s := cache.MustSchema(spec)
	require.Equal(t, spec.Fingerprint, s.Fingerprint)
	require.True(t, s.Table("posts").Column("language").Exact)
	require.False(t, s.Table("posts").Column("club").Exact, "a key to a folded id is as folded")
}

// Only keys that the migration creates, to an id of one column, are declared.
func TestDescribeEnforcedForeignKeys(t *testing.T) {
	g := graphOf(t, User{}, Post{}, Club{}, Member{}, Active{})
	loose, err := New().describe(g)
	require.NoError(t, err)
	spec, err := New(EnforcedForeignKeys()).describe(g)
	require.NoError(t, err)
	require.NotEqual(t, loose.Fingerprint, spec.Fingerprint, "facts of results differ")
	found := make(map[string]string)
	for i := range spec.Tables {
		for k := range spec.Tables[i].Columns {
			c := &spec.Tables[i].Columns[k]
			if c.References != "" {
				found[spec.Tables[i].Name+"."+c.Name] = c.References
				c.References = ""
			}
		}
	}
	require.Equal(t, map[string]string{
		"liked.who": "users", "liked.what": "posts", "members.user_id": "users", "members.club_id": "society",
		"posts.user_posts": "users", "posts.draft_of": "users", "posts.club": "society", "society.club_sponsor": "users",
		"user_friends.user_id": "users", "user_friends.friend_id": "users", "users.user_spouse": "users",
	}, found)
	spec.Fingerprint = loose.Fingerprint
	require.Equal(t, loose, spec, "nothing else changes")
}

// The generated file says so, and without the option nothing of it.
func TestTemplateEnforcedForeignKeys(t *testing.T) {
	g := graphOf(t, User{}, Post{}, Club{}, Member{}, Active{})
	for _, opts := range [][]Option{{EnforcedForeignKeys()}, nil} {
		var text strings.Builder
		require.NoError(t, New(opts...).Templates()[0].ExecuteTemplate(&text, "entcache/helper/schema", g))
		if opts != nil {
			require.Contains(t, text.String(), `{Name: "draft_of", Kind: cache.KindUUID, Grouped: true, References: "users"},`)
		} else {
			require.Contains(t, text.String(), `{Name: "draft_of", Kind: cache.KindUUID, Grouped: true},`)
			require.NotContains(t, text.String(), "References")
		}
	}
}

func TestDescribeIsDeterministic(t *testing.T) {
	first, err := describe(graphOf(t, User{}, Post{}, Club{}, Member{}, Active{}), false)
	require.NoError(t, err)
	for range 20 {
		again, err := describe(graphOf(t, User{}, Post{}, Club{}, Member{}, Active{}), false)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
	// The order in which Ent found the schemas doesn't matter.
	again, err := describe(graphOf(t, Active{}, Member{}, Club{}, Post{}, User{}), false)
	require.NoError(t, err)
	require.Equal(t, first.Fingerprint, again.Fingerprint)
}

func TestFingerprintSeesWhatRowsAreScannedInto(t *testing.T) {
	print := func(f ent.Field) string {
		spec, err := describe(graphOf(t, oneField{f: f}), false)
		require.NoError(t, err)
		return spec.Fingerprint
	}
	seen := make(map[string]string)
	for name, f := range map[string]ent.Field{
		"int":       field.Int("f"),
		"int64":     field.Int64("f"),
		"named":     field.Int("f").GoType(number(0)),
		"optional":  field.Int("f").Optional(),
		"nillable":  field.Int("f").Optional().Nillable(),
		"string":    field.String("f"),
		"sensitive": field.String("f").Sensitive(),
		"enum":      field.Enum("f").Values("a"),
		"renamed":   field.Int("g"),
		"column":    field.Int("f").StorageKey("g"),
	} {
		p := print(f)
		require.Empty(t, seen[p], "%s has the fingerprint of %s", name, seen[p])
		seen[p] = name
		require.Equal(t, p, print(f), name)
	}
	// What only checks or documents a value doesn't change how it is stored.
	require.Equal(t, print(field.Int("f")), print(field.Int("f").Positive().Comment("a number")))
}

type number int
