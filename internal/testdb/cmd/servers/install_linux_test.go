package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeApt puts an apt-get on the PATH that runs the script and logs its
// arguments and what the policy says.
func fakeApt(t *testing.T, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	body := "#!/bin/sh\necho \"$@\" >> " + dir + "/log\n" + script + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "apt-get"), []byte(body), 0o755))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// fakeServer is found once the file is there.
func fakeServer(file string) server {
	return server{name: "FakeDB", dialect: "fake", env: "ENTCACHE_TEST_FAKE", packages: []string{"fake-server", "fake-client"},
		find: func() (programs, error) {
			if _, err := os.Stat(file); err != nil {
				return nil, errors.New("it isn't installed")
			}
			return programs{"fake": file}, nil
		}}
}

func TestInstall(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	dir := fakeApt(t, `case "$*" in *install*) "`+policy+`"; echo "policy: $?" >> "$(dirname "$0")/log"; esac`)
	require.NoError(t, install(t.Context(), []string{"a", "b"}, policy))
	assert.Equal(t, "-q -o DPkg::Lock::Timeout=300 update\n"+
		"-q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends a b\n"+
		"policy: 101\n", read(t, filepath.Join(dir, "log")))
	assert.NoFileExists(t, policy)
}

func TestInstallKeepsTheMachinesPolicy(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	require.NoError(t, os.WriteFile(policy, []byte("theirs"), 0o644))
	fakeApt(t, "")
	require.NoError(t, install(t.Context(), []string{"a"}, policy))
	assert.Equal(t, "theirs", read(t, policy))
}

func TestInstallFails(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy-rc.d")
	fakeApt(t, "echo 'E: no network'; exit 100")
	err := install(t.Context(), []string{"a"}, policy)
	require.ErrorContains(t, err, "apt-get install failed: exit status 100: E: no network")
	assert.NoFileExists(t, policy)
}

// An update that fails is no obstacle where the package can be had.
func TestInstallWithOldLists(t *testing.T) {
	fakeApt(t, `case "$*" in *update*) exit 100; esac`)
	require.NoError(t, install(t.Context(), []string{"a"}, filepath.Join(t.TempDir(), "policy-rc.d")))
}

func TestProvideInstallsWhatIsMissing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root installs")
	}
	file := filepath.Join(t.TempDir(), "fake")
	dir := fakeApt(t, `case "$*" in *install*) touch "`+file+`"; esac`)
	var out bytes.Buffer
	b := &bench{stderr: &out, install: true, policy: filepath.Join(t.TempDir(), "policy-rc.d")}
	require.NoError(t, b.provide(t.Context(), []server{fakeServer(file)}))
	assert.FileExists(t, file)
	assert.Equal(t, "entcache: installing fake-server fake-client (apt-get)\n", out.String())
	assert.Contains(t, read(t, filepath.Join(dir, "log")), "install -y --no-install-recommends fake-server fake-client\n")

	require.NoError(t, os.Remove(filepath.Join(dir, "log")))
	require.NoError(t, b.provide(t.Context(), []server{fakeServer(file)}))
	assert.NoFileExists(t, filepath.Join(dir, "log"), "it was installed already")
}

func TestMissingServerIsOneLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "fake")
	for _, tc := range []struct {
		name    string
		install bool
		path    string
		want    string
	}{
		{"not to be installed", false, "/usr/bin:/bin", "it isn't installed, and -install=false"},
		{"no apt-get", true, "/nowhere", "it isn't installed, and there is no apt-get to install it with"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("PATH", tc.path)
			var out bytes.Buffer
			b := &bench{stderr: &out, install: tc.install}
			env, missing := b.start(t.Context(), []server{fakeServer(file)})
			assert.True(t, missing)
			assert.Empty(t, env)
			assert.Equal(t, "entcache: FakeDB isn't available ("+tc.want+"): its tests are skipped\n", out.String())
		})
	}
}

func TestFindPostgresTakesTheNewest(t *testing.T) {
	root := t.TempDir()
	for _, v := range []string{"9.6", "10", "15", "16", "17"} {
		dir := filepath.Join(root, v, "bin")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		for _, name := range []string{"initdb", "postgres"} {
			if v == "17" && name == "postgres" {
				continue // half of an installation
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755))
		}
	}
	found, err := findPostgres([]string{filepath.Join(root, "*", "bin")})
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(root, "16", "bin", "postgres"), found["postgres"])
	assert.Equal(t, filepath.Join(root, "16", "bin", "initdb"), found["initdb"])
}

func TestFindNothing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findPostgres(nil)
	assert.EqualError(t, err, "it isn't installed")
	_, err = findMariaDB(nil)
	assert.EqualError(t, err, "it isn't installed")
}

func TestFindHalf(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{"initdb", "mariadbd"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755))
	}
	_, err := findPostgres(nil)
	assert.EqualError(t, err, "initdb is installed, postgres isn't")
	_, err = findMariaDB(nil)
	assert.EqualError(t, err, "mariadbd is installed, mariadb-install-db isn't")
}
