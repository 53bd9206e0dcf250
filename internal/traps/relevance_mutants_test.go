//go:build mutant

package traps

import (
	"context"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/internal/mutant"
)

func TestExistIsNotFirstFindsMutant(t *testing.T) {
	mutant.Set(mutant.ExistSharesKey)
	defer mutant.Set(mutant.None)
	w := newStore(t, dialect.SQLite)
	q := w.cached.Track.Query().Where(track.GenreID(1))
	require.True(t, q.Clone().ExistX(t.Context()))
	require.Equal(t, []string{"Track: hit"}, outcomes(t, t.Context(), func(ctx context.Context) { q.Clone().FirstIDX(ctx) }),
		"TestTrap_ExistIsNotFirst doesn't find it")
}
