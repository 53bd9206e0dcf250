//go:build mutant

package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Each error in what results depend on is found by TestFactsCoverChanges.
func TestFactsCoverChangesFindsMutants(t *testing.T) {
	for _, n := range []mutant.Name{
		mutant.SkipCreated, mutant.SkipDeleted, mutant.SkipColumn, mutant.SkipRow, mutant.SkipRows, mutant.SkipUnkeyed, mutant.SkipField, mutant.SkipRewritten, mutant.SkipBulk,
		mutant.SkipEntered, mutant.SkipEnteredAny, mutant.SkipLeft, mutant.SkipLeftAny, mutant.SkipWithin, mutant.SkipWithinAny,
		mutant.SkipProjected, mutant.NotFoundByRow, mutant.GroupCovers, mutant.IgnoreJoins, mutant.IgnoreSubqueries, mutant.IgnoreViews,
		mutant.NeverAlone, mutant.PinsOutwards, mutant.ForeignOutwards, mutant.UnionPins, mutant.OuterPins, mutant.OldIsNew,
		mutant.ElsewhereIgnored, mutant.LessIsLessOrEqual, mutant.OuterConditions, mutant.BeforeIgnored, mutant.ListedIgnored, mutant.WindowNeverFull,
		mutant.DescendingIgnored, mutant.TiesBehind, mutant.ReplacedIgnored,
	} {
		t.Run(n.String(), func(t *testing.T) {
			mutant.Set(n)
			defer mutant.Set(mutant.None)
			x := newSemantics(t, 1, n == mutant.ForeignOutwards || n == mutant.ReplacedIgnored)
			x.play(6000)
			t.Logf("after %d statements", x.statements)
			require.NotEmpty(t, x.stale)
		})
	}
}
