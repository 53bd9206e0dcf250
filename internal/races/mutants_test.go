//go:build mutant

package races

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
)

// mutantEnv names the error that is switched on while the scripts are played.
const mutantEnv = "ENTCACHE_RACES_MUTANT"

func TestMain(m *testing.M) {
	if n, err := mutant.Parse(os.Getenv(mutantEnv)); err == nil {
		mutant.Set(n)
	}
	os.Exit(m.Run())
}

// Errors in what typed values are served by, and in whose they are, turn scripts red.
func TestValueMutants(t *testing.T) {
	if os.Getenv(mutantEnv) != "" {
		t.Skip("plays the scripts")
	}
	for _, n := range []mutant.Name{
		mutant.ValueUntainted, mutant.ValueUnchecked, mutant.ValueFirstProof, mutant.ValueUncloned, mutant.ValueKeptAsIs,
	} {
		t.Run(n.String(), func(t *testing.T) {
			// In a process of its own, since a script may end it.
			cmd := exec.Command(os.Args[0], "-test.run=^TestRaces$")
			cmd.Env = append(os.Environ(), mutantEnv+"="+n.String())
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "no script noticed")
			require.Contains(t, string(out), "--- FAIL: TestRaces/value_", "none of those that are meant for values")
		})
	}
}
