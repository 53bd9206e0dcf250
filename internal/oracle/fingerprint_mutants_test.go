//go:build mutant

package oracle

import (
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

// What a fingerprint leaves out shows as one of two queries.
func TestFingerprintMutants(t *testing.T) {
	for n, domain := range map[mutant.Name]string{
		mutant.PrintSkipsBounds: "shop",
		mutant.PrintSkipsArgs:   "shop",
		mutant.PrintSkipsOrder:  "shop",
		mutant.PrintSkipsEdges:  "shop",
		mutant.CopySharesFields: "fields",
	} {
		t.Run(n.String(), func(t *testing.T) {
			mutant.Set(n)
			defer mutant.Set(mutant.None)
			w := newWatch(t)
			w.play(t, domain, dialect.SQLite, 1, 1000)
			require.NotEmpty(t, w.wrong)
			t.Log(w.wrong[0])
		})
	}
}

// A statement that is known by less than its fingerprint shows as another query's.
func TestKnownStatementsFindMutant(t *testing.T) {
	mutant.Set(mutant.KnownByHash)
	defer mutant.Set(mutant.None)
	for seed := range uint64(8) {
		if p := playKnown(t, "shop", dialect.SQLite, seed, 1500); p.wrong != "" {
			t.Log(p.wrong)
			return
		}
	}
	t.Fatal("not found")
}
