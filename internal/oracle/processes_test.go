package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"
)

// Several processes that share a remote level never serve what one of them has
// overwritten: Strict reads, and bounded ones that carry the writer's token.
func TestProcesses(t *testing.T) {
	for _, c := range []Campaign{
		{Domains: []string{"shop"}, Processes: 2},
		{Domains: []string{"cascade"}, Processes: 2, Tokens: true},
		{Domains: []string{"o2o"}, Processes: 3},
		{Domains: []string{"tenant"}, Processes: 3, Tokens: true},
	} {
		t.Run(fmt.Sprintf("%d,tokens=%t", c.Processes, c.Tokens), func(t *testing.T) {
			c.Dialect, c.Seed, c.Ops, c.Shrink = dialect.SQLite, 1, 1000, 20*time.Second
			start := time.Now()
			s, err := c.Run(t.Context())
			var f *Failure
			if errors.As(err, &f) {
				var replay bytes.Buffer
				_ = f.List.Write(&replay)
				t.Fatalf("%v\nfor go run ./internal/oracle/cmd/oracle -replay FILE:\n%s", err, &replay)
			}
			require.NoError(t, err)
			t.Log(s.Line(time.Since(start)))
			all := float64(s.Hits + s.Misses)
			require.Greater(t, float64(s.RemoteHits), 0.03*all, "without hits at the remote level nothing is proved")
			if c.Tokens {
				// Strict reads have no others.
				require.Greater(t, float64(s.Hits-s.RemoteHits), 0.03*all, "without hits in the process nothing is proved")
			}
		})
	}
}
