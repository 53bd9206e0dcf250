package redisstore

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
)

var (
	//go:embed lua/prelude.lua
	prelude string
	//go:embed lua/epoch.lua
	epochSource string
	//go:embed lua/getq.lua
	getqSource string
	//go:embed lua/fill.lua
	fillSource string
	//go:embed lua/begin.lua
	beginSource string
	//go:embed lua/end.lua
	endSource string
	//go:embed lua/probe.lua
	probeSource string
)

// The first line makes Redis refuse a script as a whole where it would refuse
// its writes: on a replica, and without enough replicas. A server that is out of
// memory runs all but fills: writes must be announced, and what they add is
// bounded.
var (
	epochScript = newScript("allow-oom", epochSource)
	getqScript  = newScript("allow-oom", getqSource)
	fillScript  = newScript("", fillSource)
	beginScript = newScript("allow-oom", beginSource)
	endScript   = newScript("allow-oom", endSource)
	probeScript = newScript("allow-oom", probeSource)
)

func newScript(flags, source string) *redis.Script {
	line := "#!lua\n"
	if flags != "" {
		line = "#!lua flags=" + flags + "\n"
	}
	return redis.NewScript(line + prelude + source)
}

// buckets is how many parts the state of facts has. Facts that share one refuse
// each other's fills needlessly; each takes up to some 70 bytes.
const buckets = 4096

func bucket(f cache.Fact) string { return strconv.FormatUint(uint64(f)%buckets, 10) }

func factBytes(f cache.Fact) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(f))
	return string(b[:])
}

// errNoEpoch is the answer of a script that found no state it could use.
var errNoEpoch = errors.New("no epoch")

// call runs a script, and a handshake and the script again where there is no
// epoch.
func (s *Store) call(ctx context.Context, timeout time.Duration, what string, script *redis.Script, keys []string, args ...any) (reply, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := s.run(ctx, script, keys, args)
	if errors.Is(err, errNoEpoch) {
		if _, err = s.handshake(ctx); err == nil {
			r, err = s.run(ctx, script, keys, args)
		}
	}
	switch {
	case errors.Is(err, errNoEpoch):
		return nil, cache.ErrNoEpoch
	case err != nil:
		return nil, fmt.Errorf("entcache: redis: %s: %w", what, err)
	}
	return r, nil
}

// run runs a script once, until the context ends.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args []any) (reply, error) {
	return within(ctx, s.deadlines, func() (reply, error) {
		// EVALSHA, and EVAL where the server doesn't know the script.
		v, err := script.Run(ctx, s.client, keys, args...).Slice()
		if err != nil {
			return nil, explain(err)
		}
		r, err := newReply(v)
		var epoch cache.Epoch
		if err == nil && copy(epoch[:], r.text(1)) == len(epoch) {
			s.answered.set(epoch)
		}
		return r, err
	})
}

// within calls f, which may ignore the context's end unless it keeps deadlines:
// then it is left alone.
func within[T any](ctx context.Context, keepsDeadlines bool, f func() (T, error)) (T, error) {
	if keepsDeadlines {
		return f()
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// explain adds the remedy to errors that have one.
func explain(err error) error {
	switch {
	case redis.HasErrorPrefix(err, "READONLY"):
		return fmt.Errorf("%w (%w)", cache.ErrNotPrimary, err)
	case redis.HasErrorPrefix(err, "Error compiling script"):
		return fmt.Errorf("the server must be Redis 7.0 or newer, or Valkey: %w", err)
	}
	return err
}

// reply is a script's answer: its name, the epoch, the position, and more.
type reply []any

func newReply(v []any) (reply, error) {
	r := reply(v)
	switch r.name() {
	case "NOEPOCH":
		return nil, errNoEpoch
	case "REPLICA":
		return nil, cache.ErrNotPrimary
	case "NORUNID":
		return nil, errors.New("the server hides its run id or replication id, by which its restarts are recognised; it can't be used")
	}
	if len(r) < 3 {
		return nil, r.unknown()
	}
	return r, nil
}

func (r reply) name() string { return r.text(0) }

func (r reply) text(i int) string {
	if i >= len(r) {
		return ""
	}
	s, _ := r[i].(string)
	return s
}

func (r reply) number(i int) (int64, bool) {
	if i >= len(r) {
		return 0, false
	}
	n, ok := r[i].(int64)
	return n, ok && n >= 0
}

// position returns the second and third part.
func (r reply) position() (p cache.RemotePosition, err error) {
	n, ok := r.number(2)
	if !ok || copy(p.Epoch[:], r.text(1)) != len(p.Epoch) || len(r.text(1)) != len(p.Epoch) {
		return cache.RemotePosition{}, r.unknown()
	}
	p.Position = uint64(n)
	return p, nil
}

// done is position for scripts that only have OK to say.
func (r reply) done() (cache.RemotePosition, error) {
	if r.name() != "OK" {
		return cache.RemotePosition{}, r.unknown()
	}
	return r.position()
}

func (r reply) unknown() error {
	var b strings.Builder
	for i, v := range r {
		if i == 4 {
			break // the entry itself
		}
		fmt.Fprintf(&b, " %.40q", fmt.Sprint(v))
	}
	return fmt.Errorf("%w:%s", cache.ErrRemoteAnswer, b.String())
}
