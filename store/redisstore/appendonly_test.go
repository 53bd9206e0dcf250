package redisstore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// TestRace_R17b_AppendOnlyFile: a server that keeps its state in an append-only
// file comes back with all of it if it was killed, and without the last writes
// if the machine ended before they were on disk.
func TestRace_R17b_AppendOnlyFile(t *testing.T) {
	for name, lost := range map[string]bool{"killed": false, "the last writes are lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testdb.StartRedis(t, "appendonly yes", "appendfsync everysec")
			p := join(t, s)
			old := p.settle()
			p.store(1, "0")
			p.store(2, "0")
			miss := p.miss(3)
			files, err := filepath.Glob(filepath.Join(s.Dir, "appendonlydir", "*.incr.aof"))
			require.NoError(t, err)
			require.Len(t, files, 1)
			size := func() int64 {
				require.Eventually(t, func() bool {
					return p.client.InfoMap(t.Context(), "persistence").Val()["Persistence"]["aof_buffer_length"] == "0"
				}, patient, 10*time.Millisecond)
				info, err := os.Stat(files[0])
				require.NoError(t, err)
				return info.Size()
			}
			synced := size()
			p.write(1) // commits 1
			require.Equal(t, cache.FillStored, p.fill(p.miss(1), 1, "1"))
			require.Greater(t, size(), synced)
			s.Kill()
			if lost {
				require.NoError(t, os.Truncate(files[0], synced))
			}
			s.Start()

			entry, err := p.client.Get(t.Context(), key("q:"+keyText(1))).Result()
			require.NoError(t, err)
			value := entry[len(entry)-1:]
			require.Equal(t, map[bool]string{false: "1", true: "0"}[lost], value, "what the server still has")
			epoch, err := p.client.HGet(t.Context(), key("c"), "e").Result()
			require.NoError(t, err)
			require.Equal(t, string(old.Epoch[:]), epoch)

			for n := range 3 {
				again := p.miss(n)
				require.True(t, again.Void)
				require.NotEqual(t, old.Epoch, again.Epoch)
			}
			require.Equal(t, cache.FillOtherEpoch, p.fill(miss, 3, "0"))
			p.settle()
			p.store(1, "1")
		})
	}
}
