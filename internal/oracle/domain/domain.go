// Package domain describes generated Ent packages to the oracle: their types,
// fields and edges, and every predicate and order function they have. What
// builders can do the oracle finds by reflection.
package domain

import (
	"context"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
)

//go:generate go run ./gen

// Package is a generated Ent package.
type Package struct {
	// Name is the name the oracle knows the package by.
	Name string
	// Open returns a new *Client on a driver.
	Open func(dialect.Driver) any
	// Migrate creates the tables.
	Migrate func(ctx context.Context, client any) error
	// Intercept registers an interceptor on all types of a client.
	Intercept func(client any, i ent.Interceptor)
	// Use registers a hook on all types of a client.
	Use func(client any, h ent.Hook)
	// OnCommit makes a transaction call after once it committed.
	OnCommit func(tx any, after func())
	// Types are the package's types, views too.
	Types []*Type
	// Tables are all tables that hold rows.
	Tables []string
}

// Type is an Ent type.
type Type struct {
	// Name is the type's name, which the client's field of it bears too.
	Name string
	// Table is the type's table or view, and View tells the two apart.
	Table string
	View  bool
	// ID is nil for a type without an id of its own.
	ID     *Field
	Fields []*Field
	Edges  []*Edge
	// Predicates and Orders are the functions of the type's package. They are
	// listed by name.
	Predicates []Func
	Orders     []Func
	// Unique are the columns of unique indexes.
	Unique [][]string
	// Entity is a nil pointer to the type's struct.
	Entity any
}

// Func is a named function.
type Func struct {
	Name string
	Func any
}

// Field is a field of a type. Methods that builders don't have are empty.
type Field struct {
	// Name is the field's name in the type's struct, Column in the database.
	Name, Column string
	// Set, Add and Clear are methods of the builders of mutations.
	Set, Add, Clear string
	// Required fields have neither a default nor are they optional.
	Required, Immutable bool
	// Unique fields differ in every row.
	Unique bool
	// Scanner is set for fields with an external ValueScanner.
	Scanner bool
	// Numeric fields can be added up.
	Numeric bool
	// References is the type whose id the field holds, if it is a foreign key.
	References string
	// Values are the values of an enum.
	Values []any
}

// Edge is an edge of a type. Methods that builders don't have are empty.
type Edge struct {
	// Name is the edge's name in the type's struct; the methods that query and
	// load it are named after it.
	Name, Target string
	Unique       bool
	Required     bool
	Immutable    bool
	// Field is set if one of the type's fields is the edge's foreign key.
	Field bool
	// Relation is the same for an edge and its way back, and for no other.
	Relation string
	// Column is the foreign key in the target's table, by which an eager load
	// can be partitioned; JoinTable says that it is in a join table.
	Column    string
	JoinTable bool
	// Set takes an id, Add and Remove take several.
	Set, Add, Remove, Clear string
}
