//go:build mutant

package precision

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Each error in what decides whether a write matters makes reads wrong that are
// compared here, with what generated code says of rows.
func TestRunFindsMutants(t *testing.T) {
	for n, names := range map[mutant.Name][]string{
		mutant.ElsewhereIgnored:  {"shop", "feed"},
		mutant.LessIsLessOrEqual: {"shop"},
		mutant.BeforeIgnored:     {"queue"},
		mutant.ListedIgnored:     {"shop", "queue"},
		mutant.DescendingIgnored: {"queue"},
	} {
		for _, name := range names {
			t.Run(n.String()+"/"+name, func(t *testing.T) {
				mutant.Set(n)
				defer mutant.Set(mutant.None)
				r, err := Run(t.Context(), workload(t, name), Options{Seed: 1, Operations: 20_000, Writes: 0.2})
				require.NoError(t, err)
				t.Logf("%d of %d reads are stale", r.Policies[Ours].Stale, r.Policies[Ours].Reads)
				require.Positive(t, r.Policies[Ours].Stale)
			})
		}
	}
}
