//go:build faults && mutant

package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

// TestMutants makes errors in the engine that one process alone can't show, and
// injects the fault that must show them. It needs the flag -long.
func TestMutants(t *testing.T) {
	if !*runLong {
		t.Skip("a long run: go test -tags 'faults mutant' -run '^TestMutants$' -timeout 0 -v ./internal/faults -args -long")
	}
	for _, tc := range []struct {
		mutant mutant.Name
		policy Policy
		only   string
	}{
		{mutant.NeverAnnounced, Refusing, "crash"},
		{mutant.GateOpen, Refusing, "half open, replies lost"},
		{mutant.StrictNear, Refusing, "messages held back"},
		{mutant.TokenIgnored, Refusing, "messages held back"},
		{mutant.ProbeBlind, Refusing, "messages held back"},
		{mutant.CaptureLate, Refusing, "delay"},
		{mutant.FillUnchecked, Refusing, "delay"},
		{mutant.EpochIgnored, Refusing, "flushall"},
		{mutant.DebtForgotten, Refusing, "partition"},
		{mutant.SettledInPlace, GoingOn, "partition"},
		{mutant.DebtIgnored, GoingOn, "partition"},
	} {
		t.Run(tc.mutant.String(), func(t *testing.T) {
			for attempt := range uint64(3) {
				o := Defaults()
				o.Seed, o.Dialect, o.Policy, o.Only, o.Mutant = 1+attempt, database(long.Dialect), tc.policy, tc.only, tc.mutant.String()
				o.Duration, o.Phase = 20*time.Second, 8*time.Second
				rec := &recorder{TB: t}
				Start(rec, o)
				if len(rec.errors) > 0 {
					return
				}
			}
			require.Fail(t, "nobody noticed")
		})
	}
}
