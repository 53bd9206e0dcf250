//go:build mutant

package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

func TestRecentWritesFindsMutants(t *testing.T) {
	mutant.Set(mutant.RecentDropped)
	defer mutant.Set(mutant.None)
	j := judge(t, Options{}, olderThanFive, nil, three)
	j.overrun()
	require.True(t, j.valid(), "TestRecentWritesAreBoundedInBytes doesn't find it")
}
