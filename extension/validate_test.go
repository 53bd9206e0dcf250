package extension

import (
	"math"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/entc/gen"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

// withPolicy is what a schema has from its mixin.
func withPolicy(p *schema.Policy) []entschema.Annotation {
	if p == nil {
		return nil
	}
	return []entschema.Annotation{schema.Annotation{Policy: *p}}
}

type Pet struct {
	ent.Schema
	policy *schema.Policy
}

func (p Pet) Annotations() []entschema.Annotation { return withPolicy(p.policy) }

func (Pet) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.String("nick").StorageKey("nick_name"),
		field.Float("weight"),
		field.Time("born"),
		field.JSON("toys", []string{}),
		field.String("code").SchemaType(map[string]string{dialect.Postgres: "citext"}),
		field.Time("seen").SchemaType(map[string]string{dialect.MySQL: "timestamp on update now()"}),
	}
}

func (Pet) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("friends", Pet.Type),
		edge.To("children", Pet.Type).From("parent").Unique(),
	}
}

type PetView struct {
	ent.View
	policy *schema.Policy
}

func (v PetView) Annotations() []entschema.Annotation { return withPolicy(v.policy) }

func (PetView) Fields() []ent.Field { return []ent.Field{field.String("name")} }

type taken struct {
	ent.Schema
}

func (taken) Fields() []ent.Field { return []ent.Field{field.Int("entcache_type")} }

func (taken) Edges() []ent.Edge { return []ent.Edge{edge.To("EntcacheDriver", taken.Type)} }

type Entcache struct{ ent.Schema }

func TestValidate(t *testing.T) {
	pet := func(p schema.Policy) []ent.Interface { return []ent.Interface{Pet{policy: &p}} }
	view := func(p *schema.Policy) []ent.Interface { return []ent.Interface{Pet{}, PetView{policy: p}} }
	for _, tt := range []struct {
		name    string
		schemas []ent.Interface
		want    string // every line of the error, "" for none
	}{
		{"no policy", []ent.Interface{Pet{}}, ""},
		{"zero policy", pet(schema.Policy{}), ""},
		{
			"everything set", pet(schema.Policy{
				TTL: time.Second, Ops: schema.AllOps, OnDemand: true, MaxRows: 1, MaxBytes: 1,
				Groups:    []string{"name", "nick", "pet_children"},
				Functions: map[string][]string{"f": {"Pet", "pet_friends"}, "g": nil},
			}), "",
		},
		{"group by column name", pet(schema.Policy{Groups: []string{"nick_name"}}), ""},
		{
			"negative TTL", pet(schema.Policy{TTL: -time.Second}),
			"entcache: schema Pet: TTL is negative (-1s); set a positive one, or leave it out for 5m0s",
		},
		{
			"negative bounds", pet(schema.Policy{MaxRows: -1, MaxBytes: -2}),
			"entcache: schema Pet: MaxRows is negative (-1); set a positive bound, or leave it out for 10000\n" +
				"entcache: schema Pet: MaxBytes is negative (-2); set a positive bound, or leave it out for 1048576",
		},
		{
			"negative refreshes", pet(schema.Policy{RefreshAhead: -1, MaxStaleness: -time.Second, Grace: -time.Second}),
			"entcache: schema Pet: RefreshAhead is -1; set a positive number, 1 is a good one, or leave it out\n" +
				"entcache: schema Pet: MaxStaleness is negative (-1s); set a positive one, or leave it out\n" +
				"entcache: schema Pet: Grace is negative (-1s); set a positive one, or leave it out",
		},
		{
			"unknown operation", pet(schema.Policy{Ops: schema.Only | 1<<12}),
			"entcache: schema Pet: Ops holds bits that are no operation (0x1000); combine the operations of package schema with |",
		},
		{
			"unknown group", pet(schema.Policy{Groups: []string{"color"}}),
			`entcache: schema Pet: group "color" is no field; there are name, nick, pet_children`,
		},
		{
			"group named twice", pet(schema.Policy{Groups: []string{"nick", "nick_name"}}),
			`entcache: schema Pet: group "nick_name" is named twice; name it once`,
		},
		{
			"group by id", pet(schema.Policy{Groups: []string{"id"}}),
			`entcache: schema Pet: group "id": reads by id are told apart anyway; leave it out`,
		},
		{
			"group by what Go can't compare", pet(schema.Policy{Groups: []string{"weight", "born", "toys"}}),
			`entcache: schema Pet: group "weight": values of this type can't be compared outside the database; leave it out: integers, booleans, UUIDs, bytes, enums and plain strings can be grouped` + "\n" +
				`entcache: schema Pet: group "born": values of this type can't be compared outside the database; leave it out: integers, booleans, UUIDs, bytes, enums and plain strings can be grouped` + "\n" +
				`entcache: schema Pet: group "toys": values of this type can't be compared outside the database; leave it out: integers, booleans, UUIDs, bytes, enums and plain strings can be grouped`,
		},
		{
			"group by folded text", pet(schema.Policy{Groups: []string{"code"}}),
			`entcache: schema Pet: group "code": the database may call two texts equal that Go tells apart, because of the column's type or collation; leave it out, or use a plain text type with the collation C`,
		},
		{
			"group by what the database changes", pet(schema.Policy{Groups: []string{"seen"}}),
			`entcache: schema Pet: group "seen": the database changes the column by itself; leave it out`,
		},
		{
			"DependsOn of a table", pet(schema.Policy{DependsOn: []string{"pets"}}),
			"entcache: schema Pet: DependsOn is for views, and this schema is a table; remove it: what a query reads is seen in the query\n" +
				"entcache: schema Pet: DependsOn names the view itself; name what it reads",
		},
		{
			"function of unknown table", pet(schema.Policy{Functions: map[string][]string{"f": {"Cat"}}}),
			`entcache: schema Pet: function "f" reads "Cat", which is neither a type nor a table; there are Pet, pet_friends, pets`,
		},
		{
			"function without a name", pet(schema.Policy{Functions: map[string][]string{" ": nil}}),
			"entcache: schema Pet: Functions holds a function without a name; name it as the SQL does, without parentheses",
		},
		{"view without a policy", view(nil), ""},
		{"view", view(&schema.Policy{DependsOn: []string{"Pet"}}), ""},
		{"view over a join table", view(&schema.Policy{DependsOn: []string{"PET_FRIENDS"}}), ""},
		{
			"view that doesn't say what it reads", view(&schema.Policy{}),
			"entcache: schema PetView: a view is cached only if its policy says what it reads; name its tables or types in DependsOn, or remove the mixin",
		},
		{
			"view of unknown table", view(&schema.Policy{DependsOn: []string{"cats"}}),
			`entcache: schema PetView: DependsOn names "cats", which is neither a type nor a table; there are Pet, PetView, pet_friends, pet_views, pets`,
		},
		{
			"view of itself", view(&schema.Policy{DependsOn: []string{"PetView", "pet_views"}}),
			"entcache: schema PetView: DependsOn names the view itself; name what it reads\n" +
				"entcache: schema PetView: DependsOn names the view itself; name what it reads",
		},
		{
			"group of a view", view(&schema.Policy{DependsOn: []string{"Pet"}, Groups: []string{"name"}}),
			`entcache: schema PetView: group "name": a view has no rows that writes touch; leave it out`,
		},
		{
			"names of generated methods", []ent.Interface{taken{}},
			`entcache: schema taken: field "entcache_type": names that begin with entcache are those of generated methods; rename the field and keep its column with StorageKey("entcache_type")` + "\n" +
				`entcache: schema taken: edge "EntcacheDriver": names that begin with entcache are those of generated methods; rename the edge`,
		},
		{
			"name of the generated file", []ent.Interface{Entcache{}},
			`entcache: schema Entcache: its files would replace those of the cache; give the schema another name and keep its table with entsql.Table("entcaches")`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := validate(graphOf(t, tt.schemas...))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
		})
	}
}

// Ent hands annotations on as JSON, in which a number has 53 bits.
func TestValidateUnreadablePolicy(t *testing.T) {
	err := validate(graphOf(t, Pet{policy: &schema.Policy{TTL: math.MaxInt64}}))
	require.ErrorContains(t, err, "entcache: schema Pet: the policy can't be read: ")
	require.ErrorContains(t, err, "give each field a value in its range")
}

func TestValidateStorage(t *testing.T) {
	cfg := configOf(t, "gremlin")
	g, err := gen.NewGraph(cfg, loaded(t, []ent.Interface{Pet{}})...)
	require.NoError(t, err)
	require.EqualError(t, g.Gen(), "entcache: the cache reads SQL; generate with the sql storage driver, or without this extension")
}

// A refused policy must not leave half of the files behind.
func TestGenerationStopsBeforeItWrites(t *testing.T) {
	g := graphOf(t, Pet{policy: &schema.Policy{TTL: -1}})
	require.ErrorContains(t, g.Gen(), "TTL is negative")
	require.NoFileExists(t, g.Target+"/client.go")
}
