// Package schema has ids of every kind, and edges between them.
package schema

import (
	"github.com/google/uuid"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/internal/schemas/ids/ident"
	"github.com/entcache/ent-cache/mixin"
)

type cached struct{ ent.Schema }

func (cached) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Mixin{OldValues: true}} }

// Account has a UUID.
type Account struct{ cached }

// Fields of the Account.
func (Account) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(uuid.New),
		field.String("name"),
	}
}

// Edges of the Account.
func (Account) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("devices", Device.Type),
		edge.To("teams", Team.Type),
		edge.To("documents", Document.Type),
	}
}

// Device has a string.
type Device struct{ cached }

// Fields of the Device.
func (Device) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").MaxLen(64).NotEmpty(),
		field.String("name"),
		field.UUID("account_id", uuid.UUID{}).Optional().Nillable(),
	}
}

// Edges of the Device.
func (Device) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("account", Account.Type).Ref("devices").Field("account_id").Unique(),
		edge.To("tokens", Token.Type),
	}
}

// Team has an unsigned integer.
type Team struct{ cached }

// Fields of the Team.
func (Team) Fields() []ent.Field {
	return []ent.Field{
		field.Uint64("id"),
		field.String("name"),
	}
}

// Edges of the Team.
func (Team) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("members", Account.Type).Ref("teams"),
	}
}

// Document has a custom type that is stored as a string.
type Document struct{ cached }

// Fields of the Document.
func (Document) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").GoType(ident.Doc("")).DefaultFunc(ident.NewDoc),
		field.String("title"),
	}
}

// Edges of the Document.
func (Document) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("owner", Account.Type).Ref("documents").Unique(),
		edge.To("related", Document.Type),
	}
}

// Token has a custom type that is stored as bytes.
type Token struct{ cached }

// Fields of the Token.
func (Token) Fields() []ent.Field {
	return []ent.Field{
		field.Bytes("id").GoType(ident.Token{}).DefaultFunc(ident.NewToken).
			SchemaType(map[string]string{dialect.MySQL: "varbinary(16)"}),
		field.String("name"),
	}
}

// Edges of the Token.
func (Token) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("device", Device.Type).Ref("tokens").Unique(),
		edge.To("events", Event.Type),
	}
}

// Event has a named integer that the database assigns.
type Event struct{ cached }

// Fields of the Event.
func (Event) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("id").GoType(ident.Number(0)),
		field.String("name"),
	}
}

// Edges of the Event.
func (Event) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("token", Token.Type).Ref("events").Unique(),
	}
}
