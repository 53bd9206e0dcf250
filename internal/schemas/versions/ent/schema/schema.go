// Package schema is for rows that say which version of them a read has seen.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/mixin"
)

// version has the fields that every write changes: ver goes up by one, and nonce
// is a text that no other write uses.
func version() []ent.Field {
	return []ent.Field{
		field.Int("id").Positive(),
		field.Int("ver"),
		field.String("nonce"),
	}
}

// Shelf has items.
type Shelf struct{ ent.Schema }

// Mixin of the Shelf.
func (Shelf) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{}}
}

// Fields of the Shelf.
func (Shelf) Fields() []ent.Field { return version() }

// Edges of the Shelf.
func (Shelf) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("items", Item.Type),
	}
}

// Item stands on a shelf, may move to another, and come and go under one id.
type Item struct{ ent.Schema }

// Mixin of the Item.
func (Item) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{}}
}

// Fields of the Item.
func (Item) Fields() []ent.Field {
	return append(version(), field.Int("shelf_id"))
}

// Edges of the Item.
func (Item) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("shelf", Shelf.Type).Ref("items").Field("shelf_id").Unique().Required(),
		edge.To("notes", Note.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Note sticks to an item, may be moved to another, and goes with it.
type Note struct{ ent.Schema }

// Mixin of the Note.
func (Note) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{}}
}

// Fields of the Note.
func (Note) Fields() []ent.Field {
	return append(version(), field.Int("item_id"))
}

// Edges of the Note.
func (Note) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("item", Item.Type).Ref("notes").Field("item_id").Unique().Required(),
	}
}
