package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/entcache"
)

// User posts items and follows others.
type User struct{ ent.Schema }

// Mixin of the User.
func (User) Mixin() []ent.Mixin { return []ent.Mixin{entcache.Mixin{}} }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}

// Edges of the User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("following", User.Type).From("followers"),
		edge.To("items", Item.Type),
		edge.To("comments", Comment.Type),
	}
}

// Item is what a user has posted.
type Item struct{ ent.Schema }

// Mixin of the Item.
func (Item) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{Groups: []string{"topic"}, OldValues: true}}
}

// Fields of the Item.
func (Item) Fields() []ent.Field {
	return []ent.Field{
		field.String("title"),
		field.String("body"),
		field.String("topic"),
		field.Int("views").Default(0),
		field.Int("likes").Default(0),
		field.Time("created_at"),
		field.Int("author_id"),
	}
}

// Edges of the Item.
func (Item) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("author", User.Type).Ref("items").Field("author_id").Unique().Required(),
		edge.To("comments", Comment.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Comment is what a user has said to an item.
type Comment struct{ ent.Schema }

// Mixin of the Comment.
func (Comment) Mixin() []ent.Mixin { return []ent.Mixin{entcache.Mixin{}} }

// Fields of the Comment.
func (Comment) Fields() []ent.Field {
	return []ent.Field{
		field.String("text"),
		field.Time("created_at"),
		field.Int("item_id"),
		field.Int("author_id"),
	}
}

// Edges of the Comment.
func (Comment) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("item", Item.Type).Ref("comments").Field("item_id").Unique().Required(),
		edge.From("author", User.Type).Ref("comments").Field("author_id").Unique().Required(),
	}
}
