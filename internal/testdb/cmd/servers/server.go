package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is a kind of database server that tests use. Another kind is one
// more value in servers.
type server struct {
	name     string   // as people say it
	dialect  string   // the dialect that needs it, as in -only
	env      string   // the variable that holds its address
	packages []string // Debian's
	users    []string // whom it may run as instead of root, the best first

	// find returns the paths of the programs that init and command use, or an
	// error that says what is missing.
	find func() (programs, error)
	// init writes the data folder.
	init func(ctx context.Context, in *instance) error
	// command returns the arguments that run the server in the foreground, on
	// in.port; stop is the signal that ends it at once and in order.
	command func(in *instance) []string
	stop    syscall.Signal
	// dsn is the address for the variable.
	dsn func(in *instance) string
	// ping connects to an address.
	ping func(ctx context.Context, dsn string) error
}

// programs are paths by name.
type programs map[string]string

// servers returns the kinds there are.
func servers() []server { return []server{postgres(), mariadb(), redisServer()} }

// An instance is one running server.
type instance struct {
	server
	programs programs
	dir      string // all that is its own
	port     int
	password string
	account  *account // nil for the one who runs this command
	cmd      *exec.Cmd
	ended    chan struct{}
}

// An account is the user that a server runs as.
type account struct{ uid, gid uint32 }

// serverAccount returns the user a server runs as: PostgreSQL and MariaDB don't
// run as root.
func serverAccount(names []string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if runtime.GOOS != "linux" {
		return nil, errors.New("it doesn't run as root: run the tests as another user")
	}
	for _, name := range append(names, "nobody") {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return &account{uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("it doesn't run as root, and there is no user nobody")
}

// startServer starts a server and waits until it answers. On an error nothing
// is left running.
func startServer(ctx context.Context, s server, found programs, base string) (*instance, error) {
	acc, err := serverAccount(s.users)
	if err != nil {
		return nil, err
	}
	var secret [12]byte
	_, _ = rand.Read(secret[:])
	in := &instance{server: s, programs: found, account: acc, dir: filepath.Join(base, s.dialect), password: hex.EncodeToString(secret[:])}
	if err := in.mkdir(in.dir); err != nil {
		return nil, err
	}
	if err := s.init(ctx, in); err != nil {
		return nil, err
	}
	// Another program can take a port between our choice and the server's
	// bind, so a server that ended by itself gets another one.
	for attempt := 1; ; attempt++ {
		err := in.launch(ctx)
		if err == nil {
			return in, nil
		}
		if ctx.Err() != nil || attempt == 3 || !errors.Is(err, errEnded) {
			return nil, err
		}
	}
}

var errEnded = errors.New("it ended by itself")

func (in *instance) launch(ctx context.Context) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	in.port = port
	log, err := os.Create(in.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	args := in.command(in)
	in.cmd = in.process(exec.Command(args[0], args[1:]...))
	in.cmd.Stdout, in.cmd.Stderr = log, log
	if err := in.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := in.cmd, make(chan struct{})
	in.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	if err := in.answers(ctx); err != nil {
		in.end()
		return fmt.Errorf("%w%s", err, in.lastLog())
	}
	return nil
}

// answers waits until the server accepts a connection with our password, which
// also proves that it is ours.
func (in *instance) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := in.ping(ctx, in.dsn(in))
		if err == nil {
			return nil
		}
		select {
		case <-in.ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("it doesn't answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// pingSQL is the ping of a database, by the name of its driver.
func pingSQL(driver string) func(ctx context.Context, dsn string) error {
	return func(ctx context.Context, dsn string) error {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return err
		}
		defer db.Close()
		return db.PingContext(ctx)
	}
}

// end stops the server and waits for that. It may be called more than once.
func (in *instance) end() {
	if in.cmd == nil {
		return
	}
	_ = in.cmd.Process.Signal(in.stop)
	select {
	case <-in.ended:
	case <-time.After(grace):
		signalGroup(in.cmd.Process, syscall.SIGKILL)
		<-in.ended
	}
	in.cmd = nil
}

// process makes a command run as the server's user, in a group of its own (a
// terminal's Ctrl-C is for the tests), and end when this process does.
func (in *instance) process(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = in.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "HOME=" + in.dir, "TMPDIR=" + in.dir, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = ownGroup(in.stop)
	if in.account != nil {
		runAs(cmd.SysProcAttr, in.account)
	}
	return cmd
}

// tool runs a program that prepares the server.
func (in *instance) tool(ctx context.Context, args ...string) error {
	cmd := in.process(exec.CommandContext(ctx, args[0], args[1:]...))
	cmd.Cancel = func() error { signalGroup(cmd.Process, syscall.SIGKILL); return nil }
	cmd.WaitDelay = grace
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w%s", filepath.Base(args[0]), err, lastLines(out))
	}
	return nil
}

// mkdir makes a folder of the server's own.
func (in *instance) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return in.own(dir)
}

// write writes a file that only the server's user can read.
func (in *instance) write(name, content string) (string, error) {
	path := filepath.Join(in.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", err
	}
	return path, in.own(path)
}

func (in *instance) own(path string) error {
	if in.account == nil {
		return nil
	}
	return os.Chown(path, int(in.account.uid), int(in.account.gid))
}

func (in *instance) path(name string) string { return filepath.Join(in.dir, name) }
func (in *instance) logPath() string         { return in.path("log") }

func (in *instance) lastLog() string {
	f, err := os.Open(in.logPath())
	if err != nil {
		return ""
	}
	defer f.Close()
	out, _ := io.ReadAll(io.LimitReader(f, 1<<20))
	return lastLines(out)
}

// lastLines returns the end of a program's output, on one line.
func lastLines(out []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	if len(lines) > 3 {
		lines = lines[len(lines)-3:]
	}
	text := strings.TrimSpace(strings.Join(lines, " | "))
	if text == "" {
		return ""
	}
	return ": " + text
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
