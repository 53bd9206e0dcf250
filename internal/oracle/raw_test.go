package oracle

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

// TestRaw is TestOracle with raw statements among the writes.
func TestRaw(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		ops := 6000
		if dialectName == dialect.SQLite {
			ops = 16000
		}
		start := time.Now()
		s, err := Campaign{Dialect: dialectName, Seed: 1, Ops: ops, Raw: true, Shrink: 30 * time.Second}.Run(t.Context())
		var f *Failure
		if errors.As(err, &f) {
			var replay bytes.Buffer
			_ = f.List.Write(&replay)
			t.Fatalf("%v\nfor go run ./internal/oracle/cmd/oracle -db %s -replay FILE:\n%s", err, dialectName, &replay)
		}
		require.NoError(t, err)
		t.Log(s.Line(time.Since(start)))
		require.Greater(t, s.HitRatio(), 0.3, "without hits nothing is proved")
	})
}

func TestRawReplayFile(t *testing.T) {
	m, err := findDomain("cascade")
	require.NoError(t, err)
	l := generate(&Database{model: m}, 4, 300, true)
	var b bytes.Buffer
	require.NoError(t, l.Write(&b))
	require.Contains(t, b.String(), "\nraw\n")
	got, err := Parse(&b)
	require.NoError(t, err)
	require.True(t, got.Raw)
	require.Len(t, got.Ops, len(l.Ops))
	raw := 0
	for i, o := range got.Ops {
		require.Equal(t, l.Ops[i].String(), o.String())
		if o.Kind == Raw {
			raw++
		}
	}
	require.Greater(t, raw, 10)
}
