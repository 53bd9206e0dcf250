package benchmarks

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a private server with a client of it. It ends with the context it was
// started under, or when it is closed.
type Redis struct {
	Addr string
	// Client ends operations at their deadlines, as redisstore recommends.
	Client *redis.Client

	dir     string
	process *exec.Cmd
	ended   chan struct{}
	trips   atomic.Uint64
}

// StartRedis starts a server that saves nothing.
func StartRedis(ctx context.Context) (*Redis, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Redis{Addr: l.Addr().String(), ended: make(chan struct{})}
	_, port, err := net.SplitHostPort(r.Addr)
	if err == nil {
		err = l.Close()
	}
	if err == nil {
		r.dir, err = os.MkdirTemp("", "entcache-redis-")
	}
	if err != nil {
		return nil, err
	}
	r.process = exec.CommandContext(ctx, "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", r.dir, "--save", "", "--appendonly", "no")
	if err := r.process.Start(); err != nil {
		_ = os.RemoveAll(r.dir)
		return nil, err
	}
	go func() {
		defer close(r.ended)
		_ = r.process.Wait()
	}()
	r.Client = NewRedisClient(r.Addr)
	r.Client.AddHook(counting{&r.trips})
	for range 500 {
		if err = r.Client.Ping(ctx).Err(); err == nil {
			return r, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	_ = r.Close()
	return nil, fmt.Errorf("entcache: redis-server doesn't answer: %w", err)
}

// NewRedisClient returns a client that ends operations at their deadlines.
func NewRedisClient(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
}

// Kill ends the server at once, and waits for that.
func (r *Redis) Kill() {
	_ = r.process.Process.Kill()
	<-r.ended
}

// Hang makes the server accept connections and answer nothing for some time.
func (r *Redis) Hang(ctx context.Context, d time.Duration) error {
	return r.Client.Do(ctx, "CLIENT", "PAUSE", d.Milliseconds(), "ALL").Err()
}

// Close ends the server and drops what it kept.
func (r *Redis) Close() error {
	r.Kill()
	if err := r.Client.Close(); err != nil {
		return err
	}
	return os.RemoveAll(r.dir)
}

// CPU returns the processor time the server has used.
func (r *Redis) CPU(ctx context.Context) (time.Duration, error) {
	info, err := r.Client.Info(ctx, "cpu").Result()
	if err != nil {
		return 0, err
	}
	var sum float64
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			sum += seconds
		}
	}
	return time.Duration(sum * float64(time.Second)), nil
}

// Trips returns the round trips of Client.
func (r *Redis) Trips() uint64 { return r.trips.Load() }

type counting struct{ n *atomic.Uint64 }

func (counting) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c counting) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c counting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmds)
	}
}
