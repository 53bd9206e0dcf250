package testdb

import (
	"os"
	"testing"
)

// RedisEnv holds the URL of a Redis server (7.0 or newer) or Valkey, as in
// redis://:password@127.0.0.1:6379/0. Tests use keys of namespaces that they
// make up, and drop those.
const RedisEnv = "ENTCACHE_TEST_REDIS"

// RedisURL returns the URL of the server. If none is known it skips the test, or
// fails it if CI=true.
func RedisURL(t testing.TB) string {
	t.Helper()
	if err := known(RedisEnv); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return os.Getenv(RedisEnv)
}
