// Command servers runs a command with private servers for its tests:
//
//	servers [-only postgres,mysql] [-install=false] -- go test ./...
//
// It starts PostgreSQL, MariaDB and Redis on free ports of 127.0.0.1, with their data
// in a temporary folder and a password of their own, and gives the command
// their addresses in the variables that package testdb reads. A variable that
// is already set is left as it is, and no server is started for it. What isn't
// installed is installed with apt-get, where that exists and the user is root.
//
// A server that can't be had costs one line, and its tests are skipped; with
// CI=true it is a failure. When the command ends, or on SIGINT, SIGTERM and
// SIGHUP (which the command gets first), the servers are stopped and the folder
// is removed. The exit status is the command's, or 128 and the signal's number.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// grace is how long a command or a server may take to end after it was told to.
const grace = 15 * time.Second

func init() {
	// Servers are told to end when the thread that started them does, so they
	// are all started by the main goroutine, on a thread that lives as long as
	// the process.
	runtime.LockOSThread()
}

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// A signalError says which signal ended the run.
type signalError struct{ syscall.Signal }

func (e signalError) Error() string { return "interrupted: " + e.Signal.String() }

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("servers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "all", "the servers to start, by the dialects that need them: all, or a list of sqlite3, postgres, mysql, redis")
	install := flags.Bool("install", true, "install missing servers, as root and with apt-get")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		fmt.Fprintln(stderr, "entcache: no command to run: servers -- go test ./...")
		return 2
	}
	wanted, err := selectServers(*only)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}

	// The first signal ends the run, the second ends it at once.
	ctx, interrupt := context.WithCancelCause(context.Background())
	now, hurry := context.WithCancel(context.Background())
	defer hurry()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		s := <-signals
		interrupt(signalError{s.(syscall.Signal)})
		<-signals
		hurry()
	}()

	b := &bench{stderr: stderr, install: *install, policy: policyFile}
	defer b.close()
	env, missing := b.start(ctx, wanted)
	var interrupted signalError
	if errors.As(context.Cause(ctx), &interrupted) {
		return 128 + int(interrupted.Signal)
	}
	if missing && os.Getenv("CI") == "true" {
		fmt.Fprintln(stderr, "entcache: CI=true, so every server is needed")
		return 1
	}
	return runCommand(ctx, now, flags.Args(), env, stderr)
}

func selectServers(only string) ([]server, error) {
	all := servers()
	if only == "all" {
		return all, nil
	}
	names := strings.Split(only, ",")
	var wanted []server
	for _, s := range all {
		if slices.Contains(names, s.dialect) {
			wanted = append(wanted, s)
		}
	}
	for _, n := range names {
		if n != "sqlite3" && n != "sqlite" && !slices.ContainsFunc(all, func(s server) bool { return s.dialect == n }) {
			return nil, fmt.Errorf("entcache: unknown database %q: use all, sqlite3, postgres, mysql or redis", n)
		}
	}
	return wanted, nil
}

// runCommand runs the command in a process group of its own, so that a signal
// reaches what it started too (go test doesn't pass signals on to the tests).
func runCommand(ctx, now context.Context, args, env []string, stderr io.Writer) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = ownGroup(syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(stderr, "entcache:", err)
		return 1
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the state says all that matters
	}()
	select {
	case <-ended:
		return exitStatus(cmd.ProcessState)
	case <-ctx.Done():
	}
	var interrupted signalError
	errors.As(context.Cause(ctx), &interrupted)
	signalGroup(cmd.Process, interrupted.Signal)
	select {
	case <-ended:
	case <-now.Done():
	case <-time.After(grace):
	}
	// Also what the command left behind.
	signalGroup(cmd.Process, syscall.SIGKILL)
	<-ended
	return 128 + int(interrupted.Signal)
}

func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}
