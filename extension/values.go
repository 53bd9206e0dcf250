package extension

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"entgo.io/ent/entc/gen"
	"entgo.io/ent/schema/field"
)

// values is what generated code knows of the typed results of a type.
type values struct {
	// Refused says why they can't be kept, as far as it is known yet.
	Refused string
	Fields  []valueField
	Edges   []valueEdge
	// The names of the struct fields that Ent generates.
	Entity, EdgeNames, Query []string
	// ID is the Deep of a list of ids that can't be copied by assignment.
	ID string
	// ForeignKeys, Modifiers and Schemas say what a query builder has.
	ForeignKeys, Modifiers, Schemas bool
	// BackReferences says that children point back to their parents.
	BackReferences bool
}

// valueField is a field of an entity that an assignment doesn't copy, or that
// points to memory.
type valueField struct {
	Name string
	// Text fields are strings, Pointer fields point to a value that an
	// assignment copies, to a string if both are set. Others have a Deep.
	Text, Pointer bool
	Deep          string
}

// valueEdge is an edge as entities and builders have it.
type valueEdge struct {
	*gen.Edge
	Index int
	// Refused says why an edge keeps a query's result from being kept.
	Refused string
	// Shared says that two entities may have the same one of this edge.
	Shared bool
	// Named says that the edge can be loaded under names.
	Named bool
}

// valuesOf describes the typed results of a type.
func valuesOf(n *gen.Type) (*values, error) {
	v := &values{
		Entity: []string{"config", "selectValues"},
		Query:  []string{"config", "ctx", "order", "inters", "predicates", "sql", "path"},
	}
	p, err := policyOf(n)
	if err != nil {
		return nil, err
	}
	if p == nil {
		v.Refused = "the type isn't cached"
	}
	enabled := func(name string) bool {
		ok, _ := n.Config.FeatureEnabled(name)
		return ok
	}
	v.Schemas = enabled("sql/schemaconfig")
	v.BackReferences = enabled("bidiedges")
	if v.Modifiers = enabled("sql/modifier") || enabled("sql/lock"); v.Modifiers {
		v.Query = append(v.Query, "modifiers")
	}
	if name := foreignTemplate(n.Config); name != "" && v.Refused == "" {
		v.Refused = fmt.Sprintf("the template %s may change what reads do", name)
	}
	if n.HasOneFieldID() {
		v.Entity = append(v.Entity, "ID")
		v.addField(n, "ID", n.ID)
		if !plain(n.ID) {
			v.ID = deepIdent(n, "IDs")
		}
	}
	for _, f := range n.Fields {
		v.Entity = append(v.Entity, f.StructField())
		v.addField(n, f.StructField(), f)
	}
	for _, fk := range n.UnexportedForeignKeys() {
		v.ForeignKeys = true
		v.Entity = append(v.Entity, fk.StructField())
		v.addField(n, fk.StructField(), fk.Field)
	}
	if v.ForeignKeys {
		v.Query = append(v.Query, "withFKs")
	}
	for i, e := range n.Edges {
		if err := v.addEdge(i, e, enabled("namedges")); err != nil {
			return nil, err
		}
	}
	if len(n.Edges) > 0 {
		v.Entity = append(v.Entity, "Edges")
		v.EdgeNames = append(v.EdgeNames, "loadedTypes")
	}
	return v, nil
}

func (v *values) addField(n *gen.Type, name string, f *gen.Field) {
	text := f.Type.Type == field.TypeString || f.Type.Type == field.TypeEnum
	if f.Type.RType != nil {
		text = f.Type.RType.Kind == reflect.String
	}
	switch {
	case !plain(f):
		v.Fields = append(v.Fields, valueField{Name: name, Deep: deepIdent(n, name)})
	case f.NillableValue():
		v.Fields = append(v.Fields, valueField{Name: name, Pointer: true, Text: text})
	case text:
		v.Fields = append(v.Fields, valueField{Name: name, Text: true})
	}
}

func (v *values) addEdge(i int, e *gen.Edge, named bool) error {
	p, err := policyOf(e.Type)
	if err != nil {
		return err
	}
	edge := valueEdge{
		Edge: e, Index: i,
		Shared: e.M2M() || e.OwnFK() || v.BackReferences,
		Named:  named && !e.Unique,
	}
	switch {
	case p == nil:
		edge.Refused = fmt.Sprintf("the edge %s is of a type that isn't cached", e.Name)
	case e.Type.NumPolicy() > 0:
		edge.Refused = fmt.Sprintf("the edge %s is of a type with a privacy policy", e.Name)
	}
	v.Edges = append(v.Edges, edge)
	v.EdgeNames = append(v.EdgeNames, e.StructField())
	v.Query = append(v.Query, e.EagerLoadField())
	if edge.Named {
		v.EdgeNames = append(v.EdgeNames, "named"+e.StructField())
		v.Query = append(v.Query, e.EagerLoadNamedField())
	}
	return nil
}

// plain reports whether an assignment copies the value of a field, the one it
// points to if it is nillable.
func plain(f *gen.Field) bool {
	t := f.Type
	if t.RType != nil && t.Type != field.TypeEnum {
		switch k := t.RType.Kind; {
		case k == reflect.String, k >= reflect.Bool && k <= reflect.Float64:
			return !f.IsJSON()
		default:
			return t.Type == field.TypeUUID && t.PkgPath == "github.com/google/uuid" && k == reflect.Array
		}
	}
	switch t.Type {
	case field.TypeBytes, field.TypeJSON, field.TypeOther, field.TypeUUID:
		return false
	case field.TypeEnum:
		return t.RType == nil || t.RType.Kind == reflect.String || t.RType.Kind >= reflect.Int && t.RType.Kind <= reflect.Uint64
	default:
		return true
	}
}

// deepIdent is the name of the variable that copies a field.
func deepIdent(n *gen.Type, name string) string {
	return "entcache" + n.Name + "Deep" + strings.ToUpper(name[:1]) + name[1:]
}

// Templates by which other extensions take part in reads. Those that only add
// methods, struct fields (which are looked at), or what ends up in the SQL of a
// path do no harm.
var (
	readTemplates = []string{
		"ent", "base", "client", "query", "model", "dialect/sql/query", "dialect/sql/query/*", "dialect/sql/query/*/*",
		"dialect/sql/query/*/*/*", "dialect/sql/select", "dialect/sql/decode/*", "dialect/sql/model/*",
	}
	harmlessTemplates = []string{
		"dialect/sql/query/fields/additional/*", "dialect/sql/query/additional/*",
		"dialect/sql/query/path/*", "dialect/sql/query/from/*", "dialect/sql/model/fields", "dialect/sql/model/additional",
		// Those of Ent's GraphQL extension do what fields of the builder ask for.
		"dialect/sql/query/spec/internal_modify", "dialect/sql/query/all/nodes/namedges_load_total",
	}
)

// foreignTemplate returns the name of a template, neither Ent's nor of this
// package, that may change what a read does, or nothing.
func foreignTemplate(cfg *gen.Config) string {
	var names []string
	for _, root := range cfg.Templates {
		for _, t := range root.Templates() {
			if name := t.Name(); matches(readTemplates, name) && !matches(harmlessTemplates, name) && path.Base(name) != "entcache" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name)
		return ok
	})
}

// schemaConfigFields returns the fields of the generated SchemaConfig.
func schemaConfigFields(g *gen.Graph) (names []string) {
	for _, n := range g.Nodes {
		names = append(names, n.Name)
		for _, e := range n.Edges {
			if e.M2M() && e.Inverse == "" {
				names = append(names, n.Name+e.StructField())
			}
		}
	}
	return names
}
