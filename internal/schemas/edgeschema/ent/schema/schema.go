// Package schema has M2M edges that go through edge schemas: one with an id of
// its own, one with a composite id, and a third that isn't cached.
package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/mixin"
)

type cached struct{ ent.Schema }

func (cached) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Mixin{}} }

// User is a member of groups and a friend of users.
type User struct{ cached }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}

// Edges of the User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("friends", User.Type).Through("friendships", Friendship.Type),
		edge.To("groups", Group.Type).Through("memberships", Membership.Type),
		edge.To("roles", Role.Type).Through("role_users", RoleUser.Type),
	}
}

// Group has users as members.
type Group struct{ cached }

// Fields of the Group.
func (Group) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}

// Edges of the Group.
func (Group) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("users", User.Type).Ref("groups").Through("memberships", Membership.Type),
	}
}

// Role is given to users.
type Role struct{ cached }

// Fields of the Role.
func (Role) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Unique(),
	}
}

// Edges of the Role.
func (Role) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("users", User.Type).Ref("roles").Through("role_users", RoleUser.Type),
	}
}

// Friendship is an edge schema with an id of its own.
type Friendship struct{ cached }

// Fields of the Friendship.
func (Friendship) Fields() []ent.Field {
	return []ent.Field{
		field.Int("weight").Default(1),
		field.Time("created_at").Default(time.Now),
		field.Int("user_id").Immutable(),
		field.Int("friend_id").Immutable(),
	}
}

// Edges of the Friendship.
func (Friendship) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("user", User.Type).Field("user_id").Unique().Required().Immutable(),
		edge.To("friend", User.Type).Field("friend_id").Unique().Required().Immutable(),
	}
}

// Membership is an edge schema with a composite id.
type Membership struct{ cached }

// Annotations of the Membership.
func (Membership) Annotations() []schema.Annotation {
	return []schema.Annotation{field.ID("user_id", "group_id")}
}

// Fields of the Membership.
func (Membership) Fields() []ent.Field {
	return []ent.Field{
		field.Bool("active").Default(true),
		field.Time("joined_at").Default(time.Now),
		field.Int("user_id"),
		field.Int("group_id"),
	}
}

// Edges of the Membership.
func (Membership) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("user", User.Type).Field("user_id").Unique().Required(),
		edge.To("group", Group.Type).Field("group_id").Unique().Required(),
	}
}

// RoleUser is an edge schema without a policy and without defaults.
type RoleUser struct{ ent.Schema }

// Annotations of the RoleUser.
func (RoleUser) Annotations() []schema.Annotation {
	return []schema.Annotation{field.ID("user_id", "role_id")}
}

// Fields of the RoleUser.
func (RoleUser) Fields() []ent.Field {
	return []ent.Field{
		field.Int("user_id"),
		field.Int("role_id"),
	}
}

// Edges of the RoleUser.
func (RoleUser) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("user", User.Type).Field("user_id").Unique().Required(),
		edge.To("role", Role.Type).Field("role_id").Unique().Required(),
	}
}
