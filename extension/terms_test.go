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
		terms := 0
		for name, want := range ents {
			if filepath.Dir(name) == "." || filepath.Base(filepath.Dir(name))+".go" != filepath.Base(name) && filepath.Base(name) != "where.go" {
				continue
			}
			// Ent imports its package for what the cache has as well.
			simple := func(text string) string {
				text = byField.ReplaceAllString(text, "sql.$1")
				terms += strings.Count(text, "entcacheterms.Field")
				text = strings.ReplaceAll(text, "entcacheterms.", "sql.")
				_, body, _ := strings.Cut(text, "\n)\n")
				return body
			}
			require.Equal(t, simple(want), simple(ours[name]), filepath.Join(dir, name))
		}
		require.NotZero(t, terms, dir)
	}
}

func TestTermsPackage(t *testing.T) {
	for code, want := range map[string]string{
		"EQ": "entcacheterms", "NotIn": "entcacheterms", "IsNull": "entcacheterms",
		"Contains": "sql", "EqualFold": "sql", "HasPrefix": "sql", "": "sql",
	} {
		require.Equal(t, want, termsPackage(code), code)
	}
}
