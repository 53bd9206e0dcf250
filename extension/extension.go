// Package extension is the Ent code generation extension of the cache. Only
// the program that generates code imports it.
package extension

import (
	"embed"
	"log"
	"runtime/debug"
	"text/template"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

//go:embed templates/*.tmpl
var templates embed.FS

//go:embed templates/terms/*.tmpl
var terms embed.FS

// Extension adds to the generated code what the cache needs: what the tables
// are, a few small methods for query builders and mutations, and the hook that
// sees every write. Conditions and orders call functions of the cache that do what
// Ent's of the same names do and can be asked what they are; with a version of Ent
// that it doesn't know yet they stay Ent's, which costs hits time.
//
//	entc.Generate("./schema", &gen.Config{}, entc.Extensions(extension.New()))
//
// Generation fails, before it writes a file, on a policy that can't be kept;
// the error names the schema, the field and the remedy.
//
// Beside the code it writes a plan for people, [PlanFile]: which reads are cached
// and what each write touches.
type Extension struct {
	entc.DefaultExtension
	noPlan   bool
	enforced bool
	// noTerms says why conditions and orders are left to Ent.
	noTerms string
}

// Option is an option of New.
type Option func(*Extension)

// WithoutPlan leaves the plan out, and removes the one that was there.
func WithoutPlan() Option { return func(e *Extension) { e.noPlan = true } }

// EnforcedForeignKeys states that the database enforces every foreign key of the
// schema, as Ent's migration creates them: no row refers to one that isn't there. A
// row that is created then drops no result in which only rows matter that others refer
// to; a new product drops no list of the products of an order.
//
// The default is off, because no schema tells, and because reads would be wrong where
// it isn't true. It isn't
//   - with schema.WithForeignKeys(false), or another migration that leaves them out;
//   - on databases that don't enforce them: Vitess and PlanetScale unless they are set
//     up to, tables of MySQL that aren't InnoDB's;
//   - on SQLite, unless every connection has PRAGMA foreign_keys = ON;
//   - where rows break them: such as were written with foreign_key_checks = 0 in MySQL,
//     with session_replication_role = replica or disabled triggers in PostgreSQL, or
//     before a constraint was added without a check of what was there (NOT VALID in
//     PostgreSQL, until it is validated).
//
// Constraints may be deferred, and it doesn't matter what they do on delete. Only keys
// that are numbers or UUIDs profit.
func EnforcedForeignKeys() Option { return func(e *Extension) { e.enforced = true } }

var _ entc.Extension = (*Extension)(nil)

// New returns the extension.
func New(opts ...Option) *Extension {
	info, _ := debug.ReadBuildInfo()
	e := &Extension{noTerms: foreignTerms(info)}
	for _, o := range opts {
		o(e)
	}
	return e
}

// Hooks implements entc.Extension: it validates the schema, and writes the plan.
func (e *Extension) Hooks() []gen.Hook {
	return []gen.Hook{func(next gen.Generator) gen.Generator {
		return gen.GenerateFunc(func(g *gen.Graph) error {
			if err := validate(g); err != nil {
				return err
			}
			if e.noTerms != "" {
				log.Printf("entcache: generated conditions are left to Ent, and hits have to build SQL for them, since %s: update the cache", e.noTerms)
			}
			if err := next.Generate(g); err != nil {
				return err
			}
			return writePlan(g, !e.noPlan)
		})
	}}
}

// Templates implements entc.Extension.
func (e *Extension) Templates() []*gen.Template {
	t := gen.MustParse(
		gen.NewTemplate("entcache").Funcs(funcs).Funcs(template.FuncMap{"entcacheSpec": e.describe}).ParseFS(templates, "templates/*.tmpl"),
	)
	if e.noTerms == "" {
		t = gen.MustParse(t.ParseFS(terms, "templates/terms/*.tmpl"))
	}
	return []*gen.Template{t}
}

// funcs are the decisions of the templates. Their names share a prefix because
// Ent keeps the functions of all extensions in one map.
var funcs = template.FuncMap{
	"entcacheColumn":    columnLiteral,
	"entcachePolicy":    policyLiteral,
	"entcacheList":      listLiteral,
	"entcacheType":      typeIdent,
	"entcacheValues":    valuesOf,
	"entcacheSchemas":   schemaConfigFields,
	"entcacheTerms":     termsPackage,
	"entcacheEdgeTerms": edgeTerms,
}
