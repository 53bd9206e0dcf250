package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/internal/testdb"
)

func redisServer() server {
	return server{
		name:     "Redis",
		dialect:  "redis",
		env:      testdb.RedisEnv,
		packages: []string{"redis-server"},
		users:    []string{"redis"},
		find:     findRedis,
		init:     initRedis,
		command: func(in *instance) []string {
			return []string{in.programs["redis-server"], in.path("redis.conf"), "--port", strconv.Itoa(in.port)}
		},
		stop: syscall.SIGTERM,
		dsn: func(in *instance) string {
			return fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", in.password, in.port)
		},
		ping: pingRedis,
	}
}

func findRedis() (programs, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("it isn't installed")
	}
	return programs{"redis-server": path}, nil
}

func initRedis(_ context.Context, in *instance) error {
	if err := in.mkdir(in.path("data")); err != nil {
		return err
	}
	_, err := in.write("redis.conf", strings.Join([]string{
		"bind 127.0.0.1", "requirepass " + in.password, "dir " + in.path("data"),
		// The data needs to outlive nothing.
		`save ""`, "appendonly no",
		// The title would hide which server this is.
		"set-proc-title no", "",
	}, "\n"))
	return err
}

func pingRedis(ctx context.Context, url string) error {
	o, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	o.MaxRetries = -1
	client := redis.NewClient(o)
	defer client.Close()
	return client.Ping(ctx).Err()
}
