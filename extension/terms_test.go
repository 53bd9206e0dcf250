package extension

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
	"github.com/stretchr/testify/require"
)

// The templates of conditions and orders generate what Ent's own do, but for the
// package of the functions. If this fails with another version of Ent, its templates
// have changed, and so must those here.
func TestTermsAreThoseOfEnt(t *testing.T) {
	if testing.Short() {
		t.Skip("generates schemas twice")
	}
	edge := regexp.MustCompile(`entcacheterms\.HasEdge(With)?\(Edge\w+,( preds,)? func(?s)(.*?)\n\t\}\)\)\n`)
	byField := regexp.MustCompile(`sql\.(OrderByField\(\w+, opts\.\.\.\))\.ToFunc\(\)`)
	for _, dir := range []string{"internal/schemas/fields/ent", "internal/schemas/edgeschema/ent", "internal/schemas/ids/ent", "ent"} {
		names := features(t, filepath.Join(root, dir, "entc.go"))
		of := func(opts ...entc.Option) map[string]string {
			target := t.TempDir()
			cfg := &gen.Config{Target: target, Package: module + "/" + dir}
			require.NoError(t, entc.Generate(filepath.Join(root, dir, "schema"), cfg, append(opts, entc.FeatureNames(names...))...))
			return goFiles(t, target)
		}
		ents, ours := of(), of(entc.Extensions(New()))
		terms, edges := 0, 0
		for name, want := range ents {
			if filepath.Dir(name) == "." || filepath.Base(filepath.Dir(name))+".go" != filepath.Base(name) && filepath.Base(name) != "where.go" {
				continue
			}
			// Ent imports its package for what the cache has as well.
			simple := func(text string) string {
				text = byField.ReplaceAllString(text, "sql.$1")
				edges += strings.Count(text, "entcacheterms.HasEdge")
				text = edge.ReplaceAllString(text, "func$3\n\t})\n")
				terms += strings.Count(text, "entcacheterms.Field")
				text = strings.ReplaceAll(text, "entcacheterms.", "sql.")
				_, body, _ := strings.Cut(text, "\n)\n")
				return body
			}
			require.Equal(t, simple(want), simple(ours[name]), filepath.Join(dir, name))
		}
		require.NotZero(t, terms, dir)
		require.NotZero(t, edges, dir)
	}
}

// The version of Ent that all of this is tested with is among those that were compared,
// and with others nothing of Ent is replaced.
func TestTermsOfOtherVersions(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	tested := regexp.MustCompile(`entgo\.io/ent (v\S+)`).FindSubmatch(mod)
	require.NotNil(t, tested)
	info := func(version string, replace *debug.Module) *debug.BuildInfo {
		return &debug.BuildInfo{Deps: []*debug.Module{{Path: "x", Version: "v1"}, {Path: "entgo.io/ent", Version: version, Replace: replace}}}
	}
	require.Empty(t, foreignTerms(info(string(tested[1]), nil)))
	require.Empty(t, foreignTerms(nil))
	require.Empty(t, foreignTerms(&debug.BuildInfo{}))
	require.Contains(t, foreignTerms(info("v0.99.0", nil)), "v0.99.0")
	require.Contains(t, foreignTerms(info(string(tested[1]), &debug.Module{Path: "example.com/fork"})), "example.com/fork")

	e := New()
	e.noTerms = foreignTerms(info("v0.99.0", nil))
	target := t.TempDir()
	cfg := &gen.Config{Target: target, Package: module + "/internal/schemas/fields/ent"}
	require.NoError(t, entc.Generate(filepath.Join(root, "internal/schemas/fields/ent/schema"), cfg, entc.Extensions(e)))
	for name, text := range goFiles(t, target) {
		require.NotContains(t, text, "entcacheterms", name)
	}
}

// Conditions on edges that a program's templates change are left to Ent.
func TestEdgeTerms(t *testing.T) {
	require.True(t, edgeTerms(nil))
	require.True(t, edgeTerms([]string{"dialect/sql/predicate/edge/has/ctxschemaconfig"}))
	require.False(t, edgeTerms([]string{"dialect/sql/predicate/edge/has/ctxschemaconfig", "dialect/sql/predicate/edge/has/mine"}))
}

func TestTermsPackage(t *testing.T) {
	for code, want := range map[string]string{
		"EQ": "entcacheterms", "NotIn": "entcacheterms", "IsNull": "entcacheterms",
		"Contains": "entcacheterms", "HasPrefix": "entcacheterms", "EqualFold": "sql", "ContainsFold": "sql", "": "sql",
	} {
		require.Equal(t, want, termsPackage(code), code)
	}
}
