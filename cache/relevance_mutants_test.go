//go:build mutant

package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

// A default of the database's own, which Ent doesn't know of, may meet a condition.
func TestRelevanceFindsMutants(t *testing.T) {
	mutant.Set(mutant.AssumedKnown)
	defer mutant.Set(mutant.None)
	j := judge(t, Options{}, olderThanFive, nil, three)
	j.create(1, row{"name": "Al"})
	require.True(t, j.valid(), "TestRelevance doesn't find it")
}

func TestRecentWritesFindsMutants(t *testing.T) {
	mutant.Set(mutant.RecentDropped)
	defer mutant.Set(mutant.None)
	j := judge(t, Options{}, olderThanFive, nil, three)
	j.overrun()
	require.True(t, j.valid(), "TestRecentWritesAreBoundedInBytes doesn't find it")
}
