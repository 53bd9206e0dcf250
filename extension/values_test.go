package extension

import (
	"testing"

	"entgo.io/ent/entc/gen"
	"github.com/stretchr/testify/require"
)

func TestForeignTemplate(t *testing.T) {
	for name, refused := range map[string]bool{
		"anything":                                 false,
		"model/additional/mine":                    false,
		"model/fields/additional":                  false,
		"client/additional/mine":                   false,
		"dialect/sql/query/additional/mine":        false,
		"dialect/sql/query/fields/additional/mine": false,
		"dialect/sql/query/path/mine":              false,
		"dialect/sql/model/fields/mine":            false,
		"dialect/sql/query/spec/entcache":          false,
		"dialect/sql/query/spec/internal_modify":   false,
		"dialect/sql/query/spec/mine":              true,
		"dialect/sql/query/selector/mine":          true,
		"dialect/sql/query/all/nodes/mine":         true,
		"dialect/sql/query/eagerloading/join/mine": true,
		"dialect/sql/query":                        true,
		"dialect/sql/decode/one":                   true,
		"query":                                    true,
		"model":                                    true,
	} {
		cfg := &gen.Config{Templates: []*gen.Template{
			gen.MustParse(gen.NewTemplate("others").Parse(`{{ define "harmless" }}x{{ end }}`)),
			gen.MustParse(gen.NewTemplate("mine").Parse(`{{ define "` + name + `" }}x{{ end }}`)),
		}}
		want := ""
		if refused {
			want = name
		}
		require.Equal(t, want, foreignTemplate(cfg))
	}
	require.Empty(t, foreignTemplate(&gen.Config{Templates: New().Templates()}))
}
