package testdb

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// redisPatience bounds how long a private server may take to start or end.
const redisPatience = 30 * time.Second

// redisSecret is the password of all private servers of this process: one may be
// made a replica of another.
var redisSecret = sync.OnceValue(rand.Text)

// RedisServer is a Redis server of one test, which may do to it what servers
// suffer. It saves nothing by itself; SAVE writes the snapshot that a start
// reads.
type RedisServer struct {
	// URL and Addr reach it, also after a restart.
	URL, Addr string
	// Dir is where it keeps its snapshot.
	Dir string

	t       testing.TB
	program string
	config  string
	port    string
	busPort string
	args    []string
	process *os.Process
	ended   chan struct{}
}

// StartRedis starts a server that is stopped when the test ends. The directives
// are lines of its configuration. Where redis-server isn't installed it skips
// the test, or fails it if CI=true.
func StartRedis(t testing.TB, directives ...string) *RedisServer {
	t.Helper()
	return startRedis(t, nil, directives)
}

// startRedis starts a server with more arguments.
func startRedis(t testing.TB, args, directives []string) *RedisServer {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("entcache: redis-server isn't installed, and CI=true: %v", err)
		}
		t.Skipf("entcache: redis-server isn't installed, as \"make test\" would: %v", err)
	}
	s := &RedisServer{t: t, program: program, Dir: t.TempDir()}
	s.config = filepath.Join(s.Dir, "redis.conf")
	lines := append([]string{
		"bind 127.0.0.1", "dir " + s.Dir, "requirepass " + redisSecret(), "masterauth " + redisSecret(),
		`save ""`, "appendonly no", "enable-debug-command yes",
		// Replicas needn't wait for others.
		"repl-diskless-sync-delay 0",
	}, directives...)
	if err := os.WriteFile(s.config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	// Another program may take a port before the server does.
	for attempt := 1; ; attempt++ {
		ports, err := freePorts(2)
		if err != nil {
			t.Fatal(err)
		}
		s.port = ports[0]
		s.Addr = net.JoinHostPort("127.0.0.1", s.port)
		s.URL = "redis://:" + redisSecret() + "@" + s.Addr + "/0"
		s.args = append([]string{"--port", s.port}, args...)
		if slices.Contains(directives, clusterEnabled) {
			// The default is 10,000 above the port, where there may be none.
			s.busPort = ports[1]
			s.args = append(s.args, "--cluster-port", s.busPort)
		}
		if err = s.start(); err == nil {
			return s
		}
		if attempt == 3 {
			t.Fatal(err)
		}
	}
}

// freePorts returns ports that nobody listened at a moment ago.
func freePorts(n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
	}
	return ports, nil
}

// Start starts the server again after Kill, at the same address. The directives
// are lines of configuration for this time only, which win over those of
// StartRedis.
func (s *RedisServer) Start(directives ...string) {
	s.t.Helper()
	if err := s.start(directives...); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the server at once, and waits for that.
func (s *RedisServer) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Kill()
	<-s.ended
	s.process = nil
}

// Pause makes the server stand still until Resume. Where a process can't be made
// to, it skips the test.
func (s *RedisServer) Pause() {
	s.t.Helper()
	s.stand(true)
}

// Resume ends a Pause.
func (s *RedisServer) Resume() {
	s.t.Helper()
	s.stand(false)
}

func (s *RedisServer) stand(still bool) {
	s.t.Helper()
	if err := stand(s.process, still); errors.Is(err, errors.ErrUnsupported) {
		s.t.Skipf("entcache: redis-server can't be paused here: %v", err)
	}
}

func (s *RedisServer) start(directives ...string) error {
	args := append([]string{s.config}, s.args...)
	for _, d := range directives {
		name, value, _ := strings.Cut(d, " ")
		args = append(args, "--"+name, value)
	}
	started := make(chan error)
	ended := make(chan struct{})
	go func() {
		// The server dies with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd := exec.Command(s.program, args...)
		cmd.Dir = s.Dir
		cmd.SysProcAttr = dieWithParent()
		err := cmd.Start()
		if err == nil {
			s.process = cmd.Process
		}
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.ended = ended
	for deadline := time.Now().Add(redisPatience); ; time.Sleep(5 * time.Millisecond) {
		err := s.ping()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			s.process = nil
			return fmt.Errorf("entcache: redis-server ended by itself: %w", err)
		default:
		}
		if time.Now().After(deadline) {
			s.Kill()
			return fmt.Errorf("entcache: redis-server doesn't answer: %w", err)
		}
	}
}

// ping asks with the password, so that it is our server that answers.
func (s *RedisServer) ping() error {
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := fmt.Fprintf(c, "AUTH %s\r\nPING\r\n", redisSecret()); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	for _, want := range []string{"+OK", "+PONG"} {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) != want {
			return fmt.Errorf("it answers %q", line)
		}
	}
	return nil
}
