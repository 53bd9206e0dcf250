//go:build mutant

package traps

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Rows that aren't counted are found out by the ones that weren't locked.
func TestPhantomsFindMutant(t *testing.T) {
	for statement, write := range phantoms {
		t.Run(statement, func(t *testing.T) {
			mutant.Set(mutant.CountIgnored)
			defer mutant.Set(mutant.None)
			cached, real := phantom(t, statement, write)
			require.NotEqual(t, real, cached)
		})
	}
}
