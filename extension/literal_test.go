package extension

import (
	"go/parser"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/schema"
)

func TestPolicyLiteral(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy schema.Policy
		want   string
	}{
		{"zero", schema.Policy{}, `&schema.Policy{}`},
		{
			"everything",
			schema.Policy{
				TTL: 90 * time.Second, Ops: schema.Only | schema.IDs, OnDemand: true, Groups: []string{"a", `b"`},
				MaxRows: 5, MaxBytes: 6, RefreshAhead: 1.5, MaxStaleness: time.Minute, Grace: time.Second, Shared: true, DependsOn: []string{"T"},
				Functions: map[string][]string{"g": nil, "f": {"T", "u"}},
			},
			`&schema.Policy{TTL: 90 * time.Second, Ops: schema.Only | schema.IDs, OnDemand: true, Groups: []string{"a", "b\""}, ` +
				`MaxRows: 5, MaxBytes: 6, RefreshAhead: 1.5, MaxStaleness: time.Minute, Grace: time.Second, Shared: true, DependsOn: []string{"T"}, Functions: map[string][]string{"f": {"T", "u"}, "g": nil}}`,
		},
		{"all operations", schema.Policy{Ops: schema.AllOps}, `&schema.Policy{Ops: schema.Only | schema.First | schema.All | ` +
			`schema.IDs | schema.Count | schema.Exist | schema.Select | schema.GroupBy}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := policyLiteral(&tt.policy)
			require.Equal(t, tt.want, got)
			_, err := parser.ParseExpr(got)
			require.NoError(t, err)
		})
	}
}

func TestDurationLiteral(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour:               "time.Hour",
		48 * time.Hour:          "48 * time.Hour",
		5 * time.Minute:         "5 * time.Minute",
		61 * time.Second:        "61 * time.Second",
		1500 * time.Millisecond: "1500 * time.Millisecond",
		3 * time.Microsecond:    "3 * time.Microsecond",
		17:                      "17",
	} {
		require.Equal(t, want, durationLiteral(d))
	}
}

func TestColumnLiteral(t *testing.T) {
	require.Equal(t, `{Name: "a", Kind: cache.KindOther}`, columnLiteral(cache.ColumnSpec{Name: "a"}))
	require.Equal(t,
		`{Name: "a", Kind: cache.KindString, Grouped: true, Folded: true, Default: true, Computed: true, Sensitive: true, References: "b"}`,
		columnLiteral(cache.ColumnSpec{Name: "a", Kind: cache.KindString, Grouped: true, Folded: true, Default: true, Computed: true, Sensitive: true, References: "b"}))
}

// A kind without a name would make generated code that doesn't compile.
func TestKindsHaveNames(t *testing.T) {
	for k := cache.KindOther; k <= cache.KindJSON; k++ {
		require.NotEmpty(t, kindNames[k], "kind %d", k)
	}
}
