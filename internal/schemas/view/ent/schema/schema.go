// Package schema has views: one that is cached, one over another view, and one
// without a policy.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/mixin"
)

type cached struct{ ent.Schema }

func (cached) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Mixin{}} }

// User owns pets.
type User struct{ cached }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.String("password").Sensitive(),
		field.Bool("active").Default(true),
	}
}

// Edges of the User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("pets", Pet.Type),
	}
}

// Pet has an owner.
type Pet struct{ cached }

// Fields of the Pet.
func (Pet) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.Int("owner_id").Optional(),
	}
}

// Edges of the Pet.
func (Pet) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("owner", User.Type).Ref("pets").Field("owner_id").Unique(),
	}
}

// CleanUser is the users without what nobody should see.
type CleanUser struct{ ent.View }

// Mixin of the CleanUser.
func (CleanUser) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{DependsOn: []string{"User"}}}
}

// Annotations of the CleanUser.
func (CleanUser) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.View("SELECT id, name FROM users WHERE active"),
	}
}

// Fields of the CleanUser.
func (CleanUser) Fields() []ent.Field {
	return []ent.Field{
		field.Int("id"),
		field.String("name"),
	}
}

// PetCount reads a view and a table.
type PetCount struct{ ent.View }

// Mixin of the PetCount.
func (PetCount) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{DependsOn: []string{"CleanUser", "pets"}}}
}

// Annotations of the PetCount.
func (PetCount) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.View("SELECT u.name AS name, COUNT(p.id) AS pets FROM clean_users u JOIN pets p ON p.owner_id = u.id GROUP BY u.name"),
	}
}

// Fields of the PetCount.
func (PetCount) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.Int("pets"),
	}
}

// PetName has no policy and isn't cached.
type PetName struct{ ent.View }

// Annotations of the PetName.
func (PetName) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.View("SELECT name FROM pets"),
	}
}

// Fields of the PetName.
func (PetName) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}
