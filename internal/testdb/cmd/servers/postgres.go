package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/entcache/ent-cache/internal/testdb"
	_ "github.com/lib/pq" // the driver "postgres"
)

// postgresDirs are where distributions put PostgreSQL's programs, which aren't
// on the PATH there.
var postgresDirs = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
}

func postgres() server {
	return server{
		name:     "PostgreSQL",
		dialect:  "postgres",
		env:      testdb.PostgresEnv,
		packages: []string{"postgresql"},
		users:    []string{"postgres"},
		ping:     pingSQL("postgres"),
		find:     func() (programs, error) { return findPostgres(postgresDirs) },
		init:     initPostgres,
		command:  postgresCommand,
		stop:     syscall.SIGINT, // a "fast" shutdown: doesn't wait for clients
		dsn: func(in *instance) string {
			return fmt.Sprintf("postgres://entcache:%s@127.0.0.1:%d/postgres?sslmode=disable", in.password, in.port)
		},
	}
}

// findPostgres prefers the newest version of the folders, then the PATH.
func findPostgres(patterns []string) (programs, error) {
	var dirs []string
	for _, p := range patterns {
		matches, _ := filepath.Glob(p)
		dirs = append(dirs, matches...)
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range dirs {
		initdb, err1 := exec.LookPath(filepath.Join(dir, "initdb"))
		server, err2 := exec.LookPath(filepath.Join(dir, "postgres"))
		if err1 == nil && err2 == nil {
			return programs{"initdb": initdb, "postgres": server}, nil
		}
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return nil, errors.New("it isn't installed")
	}
	server, err := exec.LookPath("postgres")
	if err != nil {
		return nil, errors.New("initdb is installed, postgres isn't")
	}
	return programs{"initdb": initdb, "postgres": server}, nil
}

// version returns the major version in the path of a folder of programs, as in
// 16 for /usr/lib/postgresql/16/bin and /usr/pgsql-16/bin.
func version(dir string) int {
	name := filepath.Base(filepath.Dir(dir))
	digits := strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyz-@")
	major, _, _ := strings.Cut(digits, ".")
	n, _ := strconv.Atoi(major)
	return n
}

func initPostgres(ctx context.Context, in *instance) error {
	password, err := in.write("password", in.password+"\n")
	if err != nil {
		return err
	}
	return in.tool(ctx, in.programs["initdb"], "--pgdata", in.path("data"), "--username", "entcache", "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync")
}

func postgresCommand(in *instance) []string {
	return []string{in.programs["postgres"], "-D", in.path("data"), "-p", strconv.Itoa(in.port), "-h", "127.0.0.1",
		"-c", "unix_socket_directories=",
		"-c", "max_connections=200",
		// The data needs to outlive nothing.
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "autovacuum=off",
		// In the data folder, so that nothing stays in /dev/shm after a crash.
		"-c", "dynamic_shared_memory_type=mmap", "-c", "shared_buffers=64MB",
		"-c", "timezone=UTC", "-c", "log_timezone=UTC"}
}
