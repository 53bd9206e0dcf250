package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain makes the test's program what processes are started from.
func TestMain(m *testing.M) {
	if os.Getenv(processEnv) != "" {
		os.Exit(processMain())
	}
	os.Exit(m.Run())
}

// small is a short run with few rows. What it makes is in a folder of its own,
// which must be empty afterwards.
func small(t *testing.T) options {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("redis-server isn't installed, and CI=true: %v", err)
		}
		t.Skip("redis-server isn't installed")
	}
	// Not t.TempDir: the path of a socket must be short.
	dir, err := os.MkdirTemp("", "")
	require.NoError(t, err)
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "temporary files")
		require.NoError(t, os.Remove(dir))
	})
	return options{processes: 2, duration: 4 * time.Second, bound: time.Second, seed: 1, data: "../internal/music/testdata/tiny.json"}
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), small(t), &out)
	t.Log(out.String())
	require.NoError(t, err)
	for _, line := range []string{
		"process 2 is killed", "process 2 starts again", "with the old snapshot", "Redis starts again, empty", "all is quiet",
		"600 reads compared with the database when all was quiet: 0 differed.", "\n0 reads beyond the bound of 1s\n",
	} {
		require.Contains(t, out.String(), line)
	}
	require.Regexp(t, `\n[1-9]\d* reads with the token of a write .*: 0 missed the write\.\n`, out.String())
	require.Regexp(t, `\n[1-9]\d* prices of [1-9]\d* tracks read\.`, out.String())
}

// TestAlone: processes that share nothing serve old results, which must be
// noticed.
func TestAlone(t *testing.T) {
	var out bytes.Buffer
	o := small(t)
	o.alone, o.duration, o.bound = true, 3*time.Second, 100*time.Millisecond
	err := run(t.Context(), o, &out)
	t.Log(out.String())
	require.ErrorContains(t, err, "reads beyond the bound")
	require.NotContains(t, out.String(), "\n0 reads beyond the bound")
}

// interrupter cancels a context at a text.
type interrupter struct {
	bytes.Buffer
	at     string
	cancel context.CancelFunc
}

func (i *interrupter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), i.at) {
		i.cancel()
	}
	return i.Buffer.Write(b)
}

// TestInterrupted: an interrupted run leaves nothing behind, also while a process
// is down.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := small(t)
	o.duration = time.Second
	out := &interrupter{at: "process 2 is killed", cancel: cancel}
	require.ErrorIs(t, run(ctx, o, out), context.Canceled)
	require.NotContains(t, out.String(), "all is quiet")
}

func TestRunRefuses(t *testing.T) {
	good := options{processes: 2, duration: time.Second, bound: time.Second}
	for name, test := range map[string]struct {
		change func(*options)
		want   string
	}{
		"one process":   {func(o *options) { o.processes = 1 }, "-processes"},
		"no time":       {func(o *options) { o.duration = 0 }, "-for"},
		"a short bound": {func(o *options) { o.bound = time.Millisecond }, "-bound"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			test.change(&o)
			require.ErrorContains(t, run(t.Context(), o, new(bytes.Buffer)), test.want)
		})
	}
	_, _, err := newDatabase(t.Context(), "mysql://user:secret@host/", t.TempDir())
	require.ErrorContains(t, err, "-db")
	require.NotContains(t, err.Error(), "secret")
}
