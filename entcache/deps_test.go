package entcache_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFaceLinksNothingItShouldnt looks at what every program that uses the cache
// links, because its Ent schema imports this package.
func TestFaceLinksNothingItShouldnt(t *testing.T) {
	forbidden := map[string]string{
		"entgo.io/ent/entc":         "code generation belongs to entc.go; it links the Go compiler's packages",
		"github.com/redis/":         "a client library is the program's choice",
		"github.com/lib/pq":         "a driver is the program's choice",
		"github.com/jackc/":         "a driver is the program's choice",
		"github.com/go-sql-driver/": "a driver is the program's choice",
		"modernc.org/":              "a driver is the program's choice",
		"github.com/stretchr/":      "only tests use it",
		"testing":                   "only tests use it",
	}
	out, err := exec.Command("go", "list", "-deps", "github.com/entcache/ent-cache/entcache").Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "github.com/entcache/ent-cache/cache")
	for _, dep := range deps {
		for prefix, why := range forbidden {
			if dep == prefix || strings.HasPrefix(dep, strings.TrimSuffix(prefix, "/")+"/") {
				t.Errorf("entcache links %s: %s", dep, why)
			}
		}
	}
}
