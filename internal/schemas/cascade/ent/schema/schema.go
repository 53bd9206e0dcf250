// Package schema is for what the database does by itself when a row is deleted.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/mixin"
)

type cached struct{ ent.Schema }

func (cached) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Mixin{OldValues: true}} }

// Company is at the top: its departments go with it, and all below them.
type Company struct{ cached }

// Fields of the Company.
func (Company) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}

// Edges of the Company.
func (Company) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("departments", Department.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
		// The way back makes a cycle of tables.
		edge.To("founder", Person.Type).Unique().Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Department belongs to a company.
type Department struct{ cached }

// Fields of the Department.
func (Department) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}

// Edges of the Department.
func (Department) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("company", Company.Type).Ref("departments").Unique().Required(),
		edge.To("people", Person.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Person belongs to a department.
type Person struct{ cached }

// Fields of the Person.
func (Person) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.Int("mentor_id").Optional().Nillable(),
	}
}

// Edges of the Person.
func (Person) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("department", Department.Type).Ref("people").Unique(),
		edge.To("students", Person.Type).Annotations(entsql.OnDelete(entsql.SetNull)).
			From("mentor").Field("mentor_id").Unique(),
		edge.To("badges", Badge.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
		edge.To("projects", Project.Type),
	}
}

// Badge goes with its person; it isn't cached.
type Badge struct{ ent.Schema }

// Fields of the Badge.
func (Badge) Fields() []ent.Field {
	return []ent.Field{
		field.String("number"),
	}
}

// Edges of the Badge.
func (Badge) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("person", Person.Type).Ref("badges").Unique().Required(),
	}
}

// Project has people, and papers that keep it from being deleted.
type Project struct{ cached }

// Fields of the Project.
func (Project) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
	}
}

// Edges of the Project.
func (Project) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("people", Person.Type).Ref("projects"),
		edge.To("papers", Paper.Type).Annotations(entsql.OnDelete(entsql.Restrict)),
	}
}

// Paper belongs to a project.
type Paper struct{ cached }

// Fields of the Paper.
func (Paper) Fields() []ent.Field {
	return []ent.Field{
		field.String("title"),
	}
}

// Edges of the Paper.
func (Paper) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", Project.Type).Ref("papers").Unique().Required(),
	}
}
