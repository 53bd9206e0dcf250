// Package schema has the edges that are easily mixed up: one to one, to the own
// type, in both directions, and two between the same types.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/mixin"
)

type cached struct{ ent.Schema }

func (cached) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Mixin{}} }

// User has most of the edges.
type User struct{ cached }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.Int("age").Optional(),
	}
}

// Edges of the User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("card", Card.Type).Unique(),
		edge.To("spouse", User.Type).Unique(),
		edge.To("friends", User.Type),
		edge.To("following", User.Type).From("followers"),
		edge.To("written", Post.Type),
		edge.To("reviewed", Post.Type),
	}
}

// Card belongs to one user.
type Card struct{ cached }

// Fields of the Card.
func (Card) Fields() []ent.Field {
	return []ent.Field{
		field.String("number"),
	}
}

// Edges of the Card.
func (Card) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("owner", User.Type).Ref("card").Unique(),
	}
}

// Post has two edges to User.
type Post struct{ cached }

// Fields of the Post.
func (Post) Fields() []ent.Field {
	return []ent.Field{
		field.String("title"),
	}
}

// Edges of the Post.
func (Post) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("author", User.Type).Ref("written").Unique(),
		edge.From("reviewer", User.Type).Ref("reviewed").Unique(),
		edge.To("category", Category.Type).Unique(),
	}
}

// Node is a linked list.
type Node struct{ cached }

// Fields of the Node.
func (Node) Fields() []ent.Field {
	return []ent.Field{
		field.Int("value"),
	}
}

// Edges of the Node.
func (Node) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("next", Node.Type).Unique().From("prev").Unique(),
	}
}

// Category is a tree; it isn't cached.
type Category struct{ ent.Schema }

// Fields of the Category.
func (Category) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}

// Edges of the Category.
func (Category) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("children", Category.Type).From("parent").Unique(),
	}
}
