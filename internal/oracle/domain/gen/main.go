// Command gen writes the descriptions of Ent packages for the oracle.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

const module = "github.com/entcache/ent-cache/"

//go:embed package.tmpl
var text string

// The packages by name. Paths are those of the module.
var packages = []struct{ name, path string }{
	{"shop", "ent"},
	{"bidiedges", "internal/schemas/bidiedges/ent"},
	{"cascade", "internal/schemas/cascade/ent"},
	{"edgeschema", "internal/schemas/edgeschema/ent"},
	{"fields", "internal/schemas/fields/ent"},
	{"ids", "internal/schemas/ids/ent"},
	{"o2o", "internal/schemas/o2o/ent"},
	{"privacy", "internal/schemas/privacy/ent"},
	{"tenant", "internal/schemas/tenant/ent"},
	{"upsert", "internal/schemas/upsert/ent"},
	{"view", "internal/schemas/view/ent"},
}

func main() {
	root, target := "../../..", "."
	if len(os.Args) == 3 {
		root, target = os.Args[1], os.Args[2]
	}
	for _, p := range packages {
		if err := write(root, target, p.name, p.path); err != nil {
			log.Fatalf("%s: %v", p.path, err)
		}
	}
}

func write(root, target, name, path string) error {
	dir, err := filepath.Abs(filepath.Join(root, path))
	if err != nil {
		return err
	}
	graph, err := entc.LoadGraph(filepath.Join(dir, "schema"), &gen.Config{})
	if err != nil {
		return err
	}
	funcs := make(map[string]*packageFuncs)
	for _, n := range graph.Nodes {
		f, err := parsePackage(filepath.Join(dir, n.PackageDir()))
		if err != nil {
			return err
		}
		funcs[n.Name] = f
	}
	tables, err := graph.Tables()
	if err != nil {
		return err
	}
	var names []string
	for _, t := range tables {
		if !t.View {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	tmpl := template.Must(template.New("package").Funcs(template.FuncMap{
		"title":      func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
		"funcs":      func(n *gen.Type) *packageFuncs { return funcs[n.Name] },
		"runtime":    func() bool { return hasRuntime(dir) },
		"fields":     fields,
		"references": references,
		"partition":  partition,
		"unique":     unique,
	}).Parse(text))
	var b bytes.Buffer
	err = tmpl.Execute(&b, map[string]any{"Name": name, "Path": module + path, "Nodes": graph.Nodes, "Tables": names})
	if err != nil {
		return err
	}
	out, err := format.Source(b.Bytes())
	if err != nil {
		return fmt.Errorf("%w in\n%s", err, b.String())
	}
	return os.WriteFile(filepath.Join(target, name+"_gen.go"), out, 0o644)
}

// hasRuntime reports whether schema hooks, interceptors and policies are in a
// package that has to be imported.
func hasRuntime(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "runtime", "runtime.go"))
	return err == nil && bytes.Contains(b, []byte("func init()"))
}

// packageFuncs are the functions of a type's package.
type packageFuncs struct{ Predicates, Orders []string }

func parsePackage(dir string) (*packageFuncs, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	out := &packageFuncs{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !fn.Name.IsExported() || fn.Type.Results == nil {
				continue
			}
			switch r := fn.Type.Results.List[0].Type.(type) {
			case *ast.SelectorExpr:
				if x, ok := r.X.(*ast.Ident); ok && x.Name == "predicate" {
					out.Predicates = append(out.Predicates, fn.Name.Name)
				}
			case *ast.Ident:
				if r.Name == "OrderOption" {
					out.Orders = append(out.Orders, fn.Name.Name)
				}
			}
		}
	}
	slices.Sort(out.Predicates)
	slices.Sort(out.Orders)
	return out, nil
}

// fields are the fields of a type with its id first.
func fields(n *gen.Type) []*gen.Field {
	if !n.HasOneFieldID() {
		return n.Fields
	}
	return append([]*gen.Field{n.ID}, n.Fields...)
}

func references(n *gen.Type, f *gen.Field) string {
	for _, e := range n.Edges {
		if e.Field() == f {
			return e.Type.Name
		}
	}
	return ""
}

// partition is the column of the target's table by which an eager load of the
// edge can be partitioned, if there is one.
func partition(e *gen.Edge) string {
	if e.O2M() {
		return e.Rel.Column()
	}
	return ""
}

func unique(n *gen.Type) [][]string {
	var out [][]string
	for _, f := range n.Fields {
		if f.Unique {
			out = append(out, []string{f.StorageKey()})
		}
	}
	for _, i := range n.Indexes {
		if i.Unique {
			out = append(out, i.Columns)
		}
	}
	return out
}
