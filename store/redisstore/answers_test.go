package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/store/redisstore"
	"github.com/entcache/ent-cache/store/storetest"
)

// script is a server that answers each script with the next of its lines, in
// Redis' own protocol. It is for what a real server can't be brought to answer.
type script struct {
	net.Listener
	// evals are the answers to EVALSHA and EVAL, in order; the last is repeated.
	evals []string
	// subscribed is what a subscription gets.
	subscribed []string
}

func (s *script) client(t *testing.T) *redis.Client {
	t.Helper()
	var err error
	s.Listener, err = net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Listener.Close() })
	evals := make(chan string)
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	go func() {
		for i := 0; ; i++ {
			select {
			case evals <- s.evals[min(i, len(s.evals)-1)]:
			case <-ended:
				return
			}
		}
	}()
	go func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			go s.serve(c, evals)
		}
	}()
	client := redis.NewClient(&redis.Options{Addr: s.Addr().String(), Protocol: 2, DisableIdentity: true, MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func (s *script) serve(c net.Conn, evals <-chan string) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		answer := "-ERR unknown command\r\n"
		switch strings.ToLower(args[0]) {
		case "evalsha", "eval":
			answer = <-evals
		case "subscribe":
			answer = strings.Join(s.subscribed, "")
		case "ping":
			answer = "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number()
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := number()
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

// array is an answer of texts and numbers.
func array(parts ...any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(parts))
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(p), p)
		case int:
			fmt.Fprintf(&b, ":%d\r\n", p)
		}
	}
	return b.String()
}

var (
	ctx     = context.Background()
	anEpoch = strings.Repeat("e", 16)
	anEntry = "EQ\x02\x00\x00\x01" + anEpoch + "positionposition" + factBytes(1) + strings.Repeat("c", 16) + "x"
)

// TestAnswers: an answer that isn't understood is an error, and one that is
// says what to do.
func TestAnswers(t *testing.T) {
	unknown := cache.ErrRemoteAnswer.Error()
	for name, tc := range map[string]struct {
		call  func(s *redisstore.Store) error
		evals []string
		want  string // "" for none
	}{
		"a hit":               {getOne, []string{array("HIT", anEpoch, 1, 1000, anEntry)}, ""},
		"an old server":       {probeOne, []string{"-ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'\r\n"}, "must be Redis 7.0 or newer"},
		"a hidden run id":     {handshakeOne, []string{array("NORUNID")}, "hides its run id"},
		"a replica":           {handshakeOne, []string{array("REPLICA")}, cache.ErrNotPrimary.Error()},
		"a read-only replica": {getOne, []string{"-READONLY Can not run script with write flag on readonly replica.\r\n"}, cache.ErrNotPrimary.Error()},
		"an epoch again":      {probeOne, []string{array("NOEPOCH"), array("OK", anEpoch, 1), array("OK", anEpoch, 1)}, ""},
		"no epoch again":      {probeOne, []string{array("NOEPOCH"), array("OK", anEpoch, 1), array("NOEPOCH")}, cache.ErrNoEpoch.Error()},
		"no handshake":        {probeOne, []string{array("NOEPOCH"), array("REPLICA")}, cache.ErrNotPrimary.Error()},
		"an unknown script":   {probeOne, []string{"-NOSCRIPT No matching script.\r\n", array("OK", anEpoch, 1)}, ""},
		"an error":            {probeOne, []string{"-OOM command not allowed\r\n"}, "OOM"},
		"nothing":             {probeOne, []string{"*0\r\n"}, unknown},
		"a number":            {probeOne, []string{":1\r\n"}, "unexpected type"},
		"another word":        {probeOne, []string{array("HELLO", anEpoch, 1)}, unknown},
		"another get":         {getOne, []string{array("OK", anEpoch, 1)}, unknown},
		"another fill":        {fillOne, []string{array("HIT", anEpoch, 1)}, unknown},
		"a short epoch":       {probeOne, []string{array("OK", "e", 1)}, unknown},
		"a long epoch":        {probeOne, []string{array("OK", anEpoch+"e", 1)}, unknown},
		"no position":         {probeOne, []string{array("OK", anEpoch, "one")}, unknown},
		"a negative position": {probeOne, []string{array("OK", anEpoch, -1)}, unknown},
		"a hit without TTL":   {getOne, []string{array("HIT", anEpoch, 1, "", anEntry)}, unknown},
		"a hit without entry": {getOne, []string{array("HIT", anEpoch, 1, 1000)}, unknown},
		"a short entry":       {getOne, []string{array("HIT", anEpoch, 1, 1000, anEntry[:21])}, unknown},
		"a shorter entry":     {getOne, []string{array("HIT", anEpoch, 1, 1000, anEntry[:61])}, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store(t, (&script{evals: tc.evals}).client(t), "shop")
			err := tc.call(s)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.True(t, strings.HasPrefix(err.Error(), "entcache: "), err.Error())
		})
	}
}

func getOne(s *redisstore.Store) error {
	hit, miss, err := s.Get(ctx, storetest.Key(1), 0)
	if err != nil && (hit != nil || miss != nil) {
		return fmt.Errorf("an error and an answer: %w", err)
	}
	return err
}

func fillOne(s *redisstore.Store) error {
	return second(s.Fill(ctx, storetest.Key(1), fillOf(cache.RemoteMiss{}, 1, "x")))
}
func probeOne(s *redisstore.Store) error     { return second(s.Probe(ctx)) }
func handshakeOne(s *redisstore.Store) error { return second(s.Handshake(ctx)) }

// TestClientSubscribesAgain: without an error and without a word, but for the
// confirmation.
func TestClientSubscribesAgain(t *testing.T) {
	confirmed := array("subscribe", "entcache:{shop}:ch", 1)
	message := func(n int) string {
		return array("message", "entcache:{shop}:ch", anEpoch+factBytes(cache.Fact(n))+factBytes(7))
	}
	s := store(t, (&script{
		evals:      []string{array("OK", anEpoch, 1), array("OK", anEpoch, 5)},
		subscribed: []string{confirmed, message(2), confirmed, message(6)},
	}).client(t), "shop", redisstore.WithHeartbeat(time.Minute))
	f := subscribe(t, s)
	f.await(t, func() bool { return f.seen[6] })
	require.True(t, get(f, func() bool { return f.seen[2] }))
	require.Equal(t, 2, get(f, func() int { return f.attached }))
	require.Len(t, get(f, func() []error { return f.detached }), 1)
	require.ErrorContains(t, f.detached[0], "subscribed again")
	require.Zero(t, f.gaps)
}
