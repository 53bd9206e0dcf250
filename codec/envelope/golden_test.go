package envelope

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata")

// TestGolden opens frames that processes wrote once and others have to read as
// long as Version stays. Only what has neither a nonce nor the choices of a
// compressor is compared with what is sealed now.
func TestGolden(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			e := newTest(t, kind.opts...)
			payload := rows(300)
			path := filepath.Join("testdata", fmt.Sprintf("%s.v%d.hex", kind.name, Version))
			sealed, err := e.Seal(nil, payload, aad)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(wrap(hex.EncodeToString(sealed))), 0o644))
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			golden, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
			require.NoError(t, err)
			require.Equal(t, kind.flags, golden[flagsAt])

			opened, err := e.Open(nil, golden, aad)
			require.NoError(t, err, "frames of other processes must stay readable: raise Version")
			require.Equal(t, string(payload), string(opened))
			if kind.flags == 0 {
				require.Equal(t, golden, sealed, "other processes don't know these frames: raise Version")
			}
		})
	}
}

func wrap(s string) string {
	var b strings.Builder
	for len(s) > 64 {
		b.WriteString(s[:64] + "\n")
		s = s[64:]
	}
	return b.String() + s + "\n"
}
