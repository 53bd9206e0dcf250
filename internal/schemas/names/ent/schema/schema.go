// Package schema uses the names that generated code could trip over: those of
// the cache's packages, of builder fields and of local variables.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/mixin"
)

type cached struct{ ent.Schema }

func (cached) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Mixin{}} }

// Cache is named like a package.
type Cache struct{ cached }

// Fields of the Cache.
func (Cache) Fields() []ent.Field {
	return []ent.Field{
		field.String("driver"),
		field.String("config").Optional(),
		field.String("hooks").Optional(),
		field.Int("inters").Optional(),
		field.String("own").Optional(),
		field.String("type").Optional(),
		field.Bool("unique").Default(false),
	}
}

// Edges of the Cache.
func (Cache) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("mutations", Pending.Type),
		edge.To("write", Write.Type).Unique(),
	}
}

// Pending is named like a type of the hook package.
type Pending struct{ cached }

// Fields of the Pending.
func (Pending) Fields() []ent.Field {
	return []ent.Field{
		field.String("ctx").Optional(),
		field.String("mutation").Optional(),
		field.String("spec").Optional(),
	}
}

// Edges of the Pending.
func (Pending) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("cache", Cache.Type).Ref("mutations").Unique(),
		edge.To("driver", PlusOne.Type),
	}
}

// Write is named like another.
type Write struct{ cached }

// PlusOne ends like the name of a builder.
type PlusOne struct{ cached }

// Fields of the PlusOne.
func (PlusOne) Fields() []ent.Field {
	return []ent.Field{
		field.String("op").Optional(),
		field.Int("limit").Optional(),
	}
}

// Context is named like a standard package.
type Context struct{ cached }

// Dialect is named like one of Ent's packages.
type Dialect struct{ cached }
