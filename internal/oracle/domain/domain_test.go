package domain

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The descriptions are those of the schemas as they are now.
func TestGeneratedIsCurrent(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "run", "./gen", "../../..", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	files, err := filepath.Glob("*_gen.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		want, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "run make generate: %s isn't what the schema says", name)
	}
}
