// Package schema is for inserts that turn into updates.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/entcache/ent-cache/mixin"
)

// Store has prices.
type Store struct{ ent.Schema }

// Mixin of the Store.
func (Store) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{}}
}

// Fields of the Store.
func (Store) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Unique(),
		field.String("city").Optional(),
	}
}

// Edges of the Store.
func (Store) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("prices", Price.Type),
	}
}

// Price is unique for a store and an article.
type Price struct{ ent.Schema }

// Mixin of the Price.
func (Price) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{Groups: []string{"article"}}}
}

// Fields of the Price.
func (Price) Fields() []ent.Field {
	return []ent.Field{
		field.String("article"),
		field.Int64("cents"),
		field.Int("version").Default(1),
		field.Int("store_id"),
	}
}

// Edges of the Price.
func (Price) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("store", Store.Type).Ref("prices").Field("store_id").Unique().Required(),
	}
}

// Indexes of the Price.
func (Price) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("store_id", "article").Unique(),
	}
}
