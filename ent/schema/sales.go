package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/entcache"
)

// Employee of the store.
type Employee struct{ ent.Schema }

// Mixin of the Employee.
func (Employee) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{Ops: entcache.Only | entcache.First | entcache.All | entcache.Count}}
}

// Fields of the Employee.
func (Employee) Fields() []ent.Field {
	return []ent.Field{
		field.String("first_name"),
		field.String("last_name"),
		field.String("title").Optional(),
		field.Time("birth_date").Optional().Nillable(),
		field.Time("hire_date").Optional().Nillable(),
		field.String("city").Optional(),
		field.String("country").Optional(),
		field.String("phone").Optional(),
		field.String("email").Unique(),
		field.Int("manager_id").Optional().Nillable(),
	}
}

// Edges of the Employee.
func (Employee) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("reports", Employee.Type).From("manager").Field("manager_id").Unique(),
		edge.To("customers", Customer.Type),
	}
}

// Customer of the store.
type Customer struct{ ent.Schema }

// Mixin of the Customer.
func (Customer) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{TTL: time.Minute, Groups: []string{"country", "email"}}}
}

// Fields of the Customer.
func (Customer) Fields() []ent.Field {
	return []ent.Field{
		field.String("first_name"),
		field.String("last_name"),
		field.String("company").Optional().Nillable(),
		field.String("address").Optional(),
		field.String("city").Optional(),
		field.String("country").Optional(),
		field.String("postal_code").Optional(),
		field.String("phone").Optional(),
		field.String("email").Unique(),
		field.Int("support_rep_id").Optional().Nillable(),
	}
}

// Edges of the Customer.
func (Customer) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("support_rep", Employee.Type).Ref("customers").Field("support_rep_id").Unique(),
		edge.To("invoices", Invoice.Type),
	}
}

// Invoice of a purchase.
type Invoice struct{ ent.Schema }

// Mixin of the Invoice.
func (Invoice) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{TTL: time.Minute}}
}

// Fields of the Invoice.
func (Invoice) Fields() []ent.Field {
	return []ent.Field{
		field.Time("invoice_date").Default(time.Now),
		field.String("billing_address").Optional(),
		field.String("billing_city").Optional(),
		field.String("billing_country").Optional(),
		field.String("billing_postal_code").Optional(),
		field.Int64("total").Default(0).Comment("In cents."),
		field.Int("customer_id"),
	}
}

// Edges of the Invoice.
func (Invoice) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("customer", Customer.Type).Ref("invoices").Field("customer_id").Unique().Required(),
		edge.To("lines", InvoiceLine.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// InvoiceLine is one track of a purchase.
type InvoiceLine struct{ ent.Schema }

// Mixin of the InvoiceLine.
func (InvoiceLine) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{TTL: time.Minute}}
}

// Fields of the InvoiceLine.
func (InvoiceLine) Fields() []ent.Field {
	return []ent.Field{
		field.Int64("unit_price").NonNegative().Comment("In cents."),
		field.Int("quantity").Positive(),
		field.Int("invoice_id"),
		field.Int("track_id"),
	}
}

// Edges of the InvoiceLine.
func (InvoiceLine) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("invoice", Invoice.Type).Ref("lines").Field("invoice_id").Unique().Required(),
		edge.From("track", Track.Type).Ref("invoice_lines").Field("track_id").Unique().Required(),
	}
}
