package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a server of this program's own. It saves only what it is told
// to, in a snapshot that the next start reads.
type redisServer struct {
	program, dir, password, address string
	running                         *child
}

// newRedisServer starts a server at a free port of 127.0.0.1.
func newRedisServer(ctx context.Context, dir string, out io.Writer) (*redisServer, error) {
	program, err := findRedis(ctx, out)
	if err != nil {
		return nil, err
	}
	s := &redisServer{program: program, dir: dir, password: rand.Text()}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	// Another program may take the port before the server does.
	for range 3 {
		if s.address, err = freeAddress(); err != nil {
			return nil, err
		}
		if err = s.start(ctx); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// findRedis returns the path of the program. Where it is missing it has the tests'
// starter of servers install it.
func findRedis(ctx context.Context, out io.Writer) (string, error) {
	if path, err := exec.LookPath("redis-server"); err == nil {
		return path, nil
	}
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		fmt.Fprintln(out, "redis-server isn't installed: installing it")
		// A Ctrl-C reaches it too, and it ends when the packages are in order.
		cmd := exec.Command("go", "run", "github.com/entcache/ent-cache/internal/testdb/cmd/servers", "-only", "redis", "--", "true")
		cmd.Env = append(os.Environ(), "ENTCACHE_TEST_REDIS=")
		cmd.Stderr = os.Stderr
		_ = cmd.Run()
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errors.New("redis-server isn't installed; install Redis 7.0 or newer, as with: apt-get install redis-server")
	}
	return path, nil
}

func (s *redisServer) url() string { return "redis://:" + s.password + "@" + s.address }

// start starts the server and waits until it answers.
func (s *redisServer) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	// Its configuration comes from the standard input: other users see arguments.
	cmd := exec.Command(s.program, "-")
	cmd.Dir = s.dir
	cmd.Stdin = strings.NewReader(strings.Join([]string{
		"bind 127.0.0.1", "port " + port, "requirepass " + s.password, `save ""`, "appendonly no", "",
	}, "\n"))
	if s.running, err = startChild(cmd); err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.Close()
	for range 500 {
		if err = client.Ping(ctx).Err(); err == nil {
			return nil
		}
		select {
		case <-s.running.ended:
			return fmt.Errorf("redis-server ended by itself: %w", err)
		case <-ctx.Done():
			s.kill()
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.kill()
	return fmt.Errorf("redis-server doesn't answer: %w", err)
}

// kill ends the server at once.
func (s *redisServer) kill() { s.running.kill() }

// save writes the snapshot.
func (s *redisServer) save(ctx context.Context) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Save(ctx).Err()
}

// forget removes the snapshot.
func (s *redisServer) forget() error { return os.Remove(filepath.Join(s.dir, "dump.rdb")) }

func (s *redisServer) client() (*redis.Client, error) {
	o, err := redis.ParseURL(s.url())
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled, o.MaxRetries = true, -1
	return redis.NewClient(o), nil
}
