package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

// The test binary also plays the command, and what the command runs.
const (
	roleEnv     = "ENTCACHE_SERVERS_ROLE"
	roleCommand = "command"
	roleTables  = "tables"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case roleCommand:
		os.Unsetenv(roleEnv)
		os.Exit(run(os.Args[1:], os.Stderr))
	case roleTables:
		os.Exit(makeTables())
	}
	os.Exit(m.Run())
}

// makeTables creates a table in every database and prints what it finds there,
// and whether Redis answers.
func makeTables() int {
	for _, name := range testdb.Dialects() {
		if err := makeTable(name); err != nil {
			fmt.Println(name, err)
			return 1
		}
	}
	if err := pingRedis(context.Background(), os.Getenv(testdb.RedisEnv)); err != nil {
		fmt.Println("redis", err)
		return 1
	}
	fmt.Println("redis answers")
	return 0
}

func makeTable(name string) error {
	d, err := testdb.New(context.Background(), name)
	if err != nil {
		return err
	}
	defer d.Close()
	db, err := d.Open()
	if err != nil {
		return err
	}
	defer db.Close()
	var n int
	for _, query := range []string{"CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)"} {
		if _, err := db.Exec(query); err != nil {
			return err
		}
	}
	if err := db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil {
		return err
	}
	fmt.Println(name, n, "rows")
	return nil
}

// A commandRun is a run of the command, whose temporary files are in dir.
type commandRun struct {
	*exec.Cmd
	dir string
	out bytes.Buffer
}

// command prepares a run without servers of anybody's.
func command(t *testing.T, args ...string) *commandRun {
	t.Helper()
	dir, err := os.MkdirTemp("", "servers-test-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	// The servers' users must get through it.
	require.NoError(t, os.Chmod(dir, 0o711))
	exe, err := os.Executable()
	require.NoError(t, err)
	c := &commandRun{Cmd: exec.Command(exe, args...), dir: dir}
	c.Env = append(os.Environ(), roleEnv+"="+roleCommand, "TMPDIR="+dir, "CI=", testdb.PostgresEnv+"=", testdb.MySQLEnv+"=", testdb.RedisEnv+"=")
	c.Stdout, c.Stderr = &c.out, &c.out
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.out.String())
		}
	})
	return c
}

// status runs the command and returns its exit status.
func (c *commandRun) status(t *testing.T) int {
	t.Helper()
	require.NoError(t, c.Start())
	return c.wait(t)
}

func (c *commandRun) wait(t *testing.T) int {
	t.Helper()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Wait() }()
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		_ = c.Process.Kill()
		<-ended
		t.Fatal("the command didn't end")
	}
	return exitStatus(c.ProcessState)
}

// nothingLeft checks that no process of the run is left, nor a file.
func (c *commandRun) nothingLeft(t *testing.T) {
	t.Helper()
	assert.Empty(t, processes(t, c.dir))
	files, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	assert.Empty(t, files)
}

// processes returns the command lines that contain the text.
func processes(t *testing.T, text string) (lines []string) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, p := range paths {
		line, err := os.ReadFile(p)
		if err == nil && bytes.Contains(line, []byte(text)) {
			lines = append(lines, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return lines
}

// needServers skips the test where the programs aren't installed: make test
// installs them, or was given servers of others.
func needServers(t *testing.T) {
	t.Helper()
	for _, s := range servers() {
		if _, err := s.find(); err != nil {
			t.Skipf("%s: %v", s.name, err)
		}
	}
}

// awaitFile waits for a file that a command writes when it has got so far.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	var content []byte
	require.Eventually(t, func() bool {
		content, _ = os.ReadFile(path)
		return len(content) > 0
	}, time.Minute, 10*time.Millisecond)
	return strings.TrimSpace(string(content))
}

func TestExitStatus(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want int
	}{
		{"success", []string{"-only", "sqlite3", "--", "true"}, 0},
		{"the command's own", []string{"-only", "sqlite3", "--", "sh", "-c", "exit 7"}, 7},
		{"the command was killed", []string{"-only", "sqlite3", "--", "sh", "-c", "kill -KILL $$"}, 137},
		{"no such command", []string{"-only", "sqlite3", "--", "/no/such/command"}, 1},
		{"no command", []string{"-only", "sqlite3"}, 2},
		{"unknown database", []string{"-only", "oracle", "--", "true"}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := command(t, tc.args...)
			assert.Equal(t, tc.want, c.status(t))
			c.nothingLeft(t)
		})
	}
}

func TestServersServeAndLeaveNothing(t *testing.T) {
	needServers(t)
	exe, err := os.Executable()
	require.NoError(t, err)
	c := command(t, "--", "env", roleEnv+"="+roleTables, exe)
	require.Equal(t, 0, c.status(t))
	assert.Equal(t, "sqlite3 2 rows\npostgres 2 rows\nmysql 2 rows\nredis answers\n", c.out.String())
	c.nothingLeft(t)
}

func TestServersOfOthersAreUsed(t *testing.T) {
	c := command(t, "-install=false", "--", "sh", "-c", `echo "$ENTCACHE_TEST_POSTGRES $ENTCACHE_TEST_MYSQL $ENTCACHE_TEST_REDIS"`)
	c.Env = append(c.Env, testdb.PostgresEnv+"=theirs", testdb.MySQLEnv+"=too", testdb.RedisEnv+"=also")
	require.Equal(t, 0, c.status(t))
	assert.Equal(t, "theirs too also\n", c.out.String())
}

func TestSignalsEndEverything(t *testing.T) {
	needServers(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			started := filepath.Join(t.TempDir(), "pid")
			// A grandchild, as tests are of go test.
			c := command(t, "--", "sh", "-c", `sleep 1000 & echo $! > "$0"; wait`, started)
			require.NoError(t, c.Start())
			pid, err := strconv.Atoi(awaitFile(t, started))
			require.NoError(t, err)
			require.Len(t, processes(t, filepath.Join(c.dir, "entcache-servers-")), 3, "the servers")
			require.NoError(t, c.Process.Signal(s))
			assert.Equal(t, 128+int(s), c.wait(t))
			c.nothingLeft(t)
			assert.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, 10*time.Millisecond, "the grandchild runs on")
		})
	}
}

// gone reports whether the process has ended; its parent may not have noticed.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

func TestSecondSignalDoesNotWait(t *testing.T) {
	started := filepath.Join(t.TempDir(), "pid")
	c := command(t, "-only", "sqlite3", "--", "sh", "-c", `trap "" INT TERM; echo $$ > "$0"; while :; do sleep 1; done`, started)
	require.NoError(t, c.Start())
	awaitFile(t, started)
	start := time.Now()
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
	time.Sleep(100 * time.Millisecond) // two signals that wait at once are one
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 128+int(syscall.SIGINT), c.wait(t))
	assert.Less(t, time.Since(start), grace)
}

// What a kill leaves is files; the servers end.
func TestServersEndWhenTheCommandIsKilled(t *testing.T) {
	needServers(t)
	started := filepath.Join(t.TempDir(), "pid")
	c := command(t, "--", "sh", "-c", `echo $$ > "$0"; exec sleep 1000`, started)
	require.NoError(t, c.Start())
	awaitFile(t, started)
	require.NotEmpty(t, processes(t, c.dir))
	require.NoError(t, c.Process.Kill())
	c.wait(t)
	assert.Eventually(t, func() bool { return len(processes(t, c.dir)) == 0 }, 30*time.Second, 20*time.Millisecond)
}

func TestServerThatCanNotBeHad(t *testing.T) {
	needServers(t)
	t.Run("its tests are skipped", func(t *testing.T) {
		c := command(t, "--", "echo", "ran")
		c.Env = append(c.Env, "TMPDIR=/no/such/folder")
		assert.Equal(t, 0, c.status(t))
		assert.Regexp(t, `(?m)^entcache: PostgreSQL isn't available \(.*/no/such/folder.*\): its tests are skipped$`, c.out.String())
		assert.Regexp(t, `(?m)^entcache: MariaDB isn't available \(.*\): its tests are skipped$`, c.out.String())
		assert.Regexp(t, `(?m)^entcache: Redis isn't available \(.*\): its tests are skipped$`, c.out.String())
		assert.True(t, strings.HasSuffix(c.out.String(), "\nran\n"))
	})
	t.Run("a failure in CI", func(t *testing.T) {
		c := command(t, "--", "echo", "ran")
		c.Env = append(c.Env, "TMPDIR=/no/such/folder", "CI=true")
		assert.Equal(t, 1, c.status(t))
		assert.NotContains(t, c.out.String(), "ran\n")
	})
}
