// Package schema has fields of every type, with what can be said about them.
package schema

import (
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"net/url"
	"time"

	"github.com/google/uuid"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/internal/schemas/fields/types"
	"github.com/entcache/ent-cache/mixin"
)

// Item has a field of every type.
type Item struct{ ent.Schema }

// Mixin of the Item.
func (Item) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{Groups: []string{"kind", "active", "level", "sku", "ref", "digest", "grade"}, OldValues: true}}
}

// Fields of the Item.
func (Item) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.Text("notes").Optional(),
		field.String("secret").Optional().Sensitive(),
		field.Enum("kind").Values("book", "disc", "other").Default("other"),
		field.Enum("size").GoType(types.Size("")).Optional(),
		field.Bool("active").Default(true),
		field.Int8("level").Default(3),
		field.Uint64("serial").Optional(),
		field.Int("views").Optional().Nillable(),
		field.Float("weight").Optional(),
		field.Float32("ratio").Optional(),
		field.UUID("ref", uuid.UUID{}).Optional().Nillable(),
		field.Bytes("digest").Optional(),
		field.String("sku").Optional().
			SchemaType(map[string]string{dialect.Postgres: "text"}),
		field.Int("grade").GoType(types.Grade(0)).Optional(),
		// A custom type that is a string in the database.
		field.String("color").GoType(types.Color{}).Optional(),
		// The same through a pointer.
		field.String("link").GoType(&types.Link{}).Optional(),
		// An external ValueScanner.
		field.String("encoded").Optional().ValueScanner(field.ValueScannerFunc[string, *sql.NullString]{
			V: encode, S: decode,
		}),
		field.String("homepage").GoType(&url.URL{}).Optional().ValueScanner(field.BinaryValueScanner[*url.URL]{}),
		field.Other("price", types.Decimal{}).Optional().
			SchemaType(map[string]string{
				dialect.MySQL:    "decimal(12,2)",
				dialect.Postgres: "numeric(12,2)",
				dialect.SQLite:   "text",
			}),
		field.JSON("tags", []string{}).Optional(),
		field.JSON("attributes", map[string]any{}).Optional(),
		field.Time("released_at").Optional().Nillable(),
		field.Time("seen_at").Optional(),
		field.Time("created_at").Default(time.Now).Immutable(),
		field.Time("modified_at").Optional().
			// Ent's migration can't set up ON UPDATE; the option says that
			// the database does it all the same.
			Annotations(entsql.Annotation{DefaultExpr: "CURRENT_TIMESTAMP", Options: "ON UPDATE CURRENT_TIMESTAMP"}),
		field.String("region").Optional().Annotations(entsql.Default("none")),
		field.String("code").Optional().SchemaType(map[string]string{dialect.Postgres: "char(8)"}),
		field.String("renamed").Optional().StorageKey("old_name"),
	}
}

// Edges of the Item.
func (Item) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("parts", Part.Type),
	}
}

// Part belongs to an item, which a column says that Ent names.
type Part struct{ ent.Schema }

// Mixin of the Part.
func (Part) Mixin() []ent.Mixin {
	return []ent.Mixin{mixin.Mixin{}}
}

// Fields of the Part.
func (Part) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Unique(),
		field.Int("count").Default(0),
	}
}

// Edges of the Part.
func (Part) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("item", Item.Type).Ref("parts").Unique(),
	}
}

func encode(s string) (driver.Value, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil }

func decode(s *sql.NullString) (string, error) {
	if !s.Valid {
		return "", nil
	}
	b, err := base64.StdEncoding.DecodeString(s.String)
	return string(b), err
}
