package extension

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
	entschema "entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Job is what a queue has: it is looked for by state, of which writes know both
// sides.
type Job struct{ ent.Schema }

func (Job) Annotations() []entschema.Annotation {
	return withPolicy(&schema.Policy{
		TTL: 90 * 1e9, Ops: schema.All | schema.Count, Groups: []string{"state", "urgent"}, MaxRows: 10, Grace: 1e9, Shared: true, OldValues: true,
		Functions: map[string][]string{"pure": nil, "backlog": {"Worker", "jobs"}},
	})
}

func (Job) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("state").Values("new", "done").StorageKey("status"),
		field.Bool("urgent").Default(false),
		field.String("note").Optional(),
		field.String("payload").Immutable(),
		field.Int("tries").Default(0),
	}
}

func (Job) Edges() []ent.Edge {
	return []ent.Edge{edge.From("worker", Worker.Type).Ref("jobs").Unique(), edge.To("blocks", Job.Type).From("blocked_by").Unique()}
}

// Worker isn't cached, and has a secret.
type Worker struct{ ent.Schema }

func (Worker) Fields() []ent.Field {
	return []ent.Field{field.String("id"), field.String("token").Sensitive().Unique(), field.Int("seen").UpdateDefault(func() int { return 1 })}
}

func (Worker) Edges() []ent.Edge {
	return []ent.Edge{edge.To("jobs", Job.Type), edge.To("friends", Worker.Type)}
}

// Loads doesn't say what it reads.
type Loads struct{ ent.View }

func (Loads) Annotations() []entschema.Annotation { return withPolicy(&schema.Policy{}) }

func (Loads) Fields() []ent.Field { return []ent.Field{field.Int("n")} }

func TestPlanGolden(t *testing.T) {
	for name, schemas := range map[string][]ent.Interface{
		"queue": {Job{}, Worker{}, Loads{}},
		"keys":  {User{}, Post{}, Club{}, Member{}, Active{}},
	} {
		t.Run(name, func(t *testing.T) {
			have, err := plan(graphOf(t, schemas...))
			require.NoError(t, err)
			again, err := plan(graphOf(t, schemas...))
			require.NoError(t, err)
			require.Equal(t, string(have), string(again), "the same schema gives the same plan")
			golden := filepath.Join("testdata", "plan_"+name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, have, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(have), "go test ./extension -update rewrites the file, if the change is meant")
		})
	}
}

// The plan tells values apart by its own names only.
func TestPlanNamesValues(t *testing.T) {
	text, err := plan(graphOf(t, Job{}, Worker{}, User{}, Post{}, Club{}, Member{}))
	require.NoError(t, err)
	for _, l := range strings.Split(string(text[len(planHeader):]), "\n") {
		for _, f := range strings.FieldsFunc(l, func(r rune) bool { return strings.ContainsRune(" ,()", r) }) {
			if _, v, ok := strings.Cut(f, "="); ok {
				require.Contains(t, []string{planNew, planOld, planID, planOther, ""}, v, l)
			}
		}
		require.NotRegexp(t, `\d{12}`, l)
	}
}

// The header explains every kind of fact there is.
func TestPlanHeaderIsComplete(t *testing.T) {
	for k := cache.FactKind(1); !strings.HasPrefix(k.String(), "FactKind("); k++ {
		require.Contains(t, planHeader, k.String()+"(", k)
	}
}

func TestPlanFile(t *testing.T) {
	g := graphOf(t, Job{}, Worker{})
	name := filepath.Join(g.Config.Target, PlanFile)
	require.NoError(t, writePlan(g, false), "there is none")
	require.NoError(t, writePlan(g, true))
	have, err := os.ReadFile(name)
	require.NoError(t, err)
	want, err := plan(g)
	require.NoError(t, err)
	require.Equal(t, string(want), string(have))
	require.NoError(t, writePlan(g, false))
	require.NoFileExists(t, name)
	require.NoError(t, os.WriteFile(name, []byte("mine"), 0o600))
	require.NoError(t, writePlan(g, false))
	require.FileExists(t, name, "not the extension's")
}

// With the option no plan is written; without it there is one. The test of what is
// committed compares its text.
func TestWithoutPlan(t *testing.T) {
	for _, opts := range [][]Option{nil, {WithoutPlan()}} {
		cfg := &gen.Config{Schema: "example.com/shop/ent/schema", Package: "example.com/shop/ent", Target: t.TempDir()}
		var err error
		cfg.Storage, err = gen.NewStorage("sql")
		require.NoError(t, err)
		require.NoError(t, entc.Extensions(New(opts...))(cfg))
		g, err := gen.NewGraph(cfg, loaded(t, []ent.Interface{Worker{}, Job{}})...)
		require.NoError(t, err)
		require.NoError(t, g.Gen())
		if name := filepath.Join(cfg.Target, PlanFile); opts == nil {
			require.FileExists(t, name)
		} else {
			require.NoFileExists(t, name)
		}
	}
}

// The specifications of the plan are those of the generated builders: the edges
// and columns that these spell.
func TestPlanSpecificationsAreThoseOfBuilders(t *testing.T) {
	for _, dir := range []string{"ent", "internal/schemas/edgeschema/ent", "internal/schemas/o2o/ent", "internal/schemas/names/ent", "internal/schemas/cascade/ent"} {
		t.Run(dir, func(t *testing.T) {
			base := filepath.Join(root, dir)
			g, err := entc.LoadGraph(filepath.Join(base, "schema"), &gen.Config{Package: module + "/" + dir, Target: t.TempDir()})
			require.NoError(t, err)
			spec, err := describe(g, false)
			require.NoError(t, err)
			p := planner{schema: cache.MustSchema(spec)}
			edges := 0
			for _, n := range g.Nodes {
				if n.IsView() {
					continue
				}
				var want []string
				for _, e := range n.EdgesWithID() {
					s := p.edge(e, true)
					want = append(want, strings.Join(append([]string{s.Rel.String(), strconv.FormatBool(s.Inverse), strconv.FormatBool(s.Bidi), s.Table}, s.Columns...), " "))
					edges++
				}
				slices.Sort(want)
				require.Equal(t, slices.Compact(want), edgesOf(t, base, n), n.Name)
			}
			require.NotZero(t, edges)
		})
	}
}

// edgesOf returns the edges that the create builder of a type has in its source.
func edgesOf(t *testing.T, base string, n *gen.Type) (found []string) {
	t.Helper()
	constants := constantsOf(t, filepath.Join(base, n.PackageDir(), n.PackageDir()+".go"))
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(base, n.PackageDir()+"_create.go"), nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(x ast.Node) bool {
		lit, ok := x.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "EdgeSpec" {
			return true
		}
		fields := make(map[string]string)
		for _, e := range lit.Elts {
			kv := e.(*ast.KeyValueExpr)
			switch v := kv.Value.(type) {
			case *ast.SelectorExpr:
				fields[kv.Key.(*ast.Ident).Name] = v.Sel.Name
			case *ast.Ident:
				fields[kv.Key.(*ast.Ident).Name] = v.Name
			case *ast.CompositeLit:
				fields[kv.Key.(*ast.Ident).Name] = v.Elts[0].(*ast.SelectorExpr).Sel.Name
			}
		}
		found = append(found, strings.Join([]string{
			fields["Rel"], fields["Inverse"], fields["Bidi"], constants[fields["Table"]], constants[fields["Columns"]],
		}, " "))
		return true
	})
	slices.Sort(found)
	return slices.Compact(found)
}

// constantsOf returns the texts of a file's constants, and the lists of texts of
// its variables.
func constantsOf(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	require.NoError(t, err)
	out := make(map[string]string)
	ast.Inspect(file, func(x ast.Node) bool {
		spec, ok := x.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		var parts []string
		ast.Inspect(spec.Values[0], func(x ast.Node) bool {
			if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				parts = append(parts, text)
			}
			return true
		})
		out[spec.Names[0].Name] = strings.Join(parts, " ")
		return true
	})
	return out
}
