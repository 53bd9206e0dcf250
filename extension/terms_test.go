package extension

import (
	"path/filepath"
	"regexp"
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
