// Package redisstore is the remote level of the cache on Redis, 7.0 or newer, or
// Valkey: standalone, with Sentinel, Cluster or Ring. Each operation is one
// script, so Redis runs it alone and whole; the scripts are in lua/.
//
// All keys of a namespace begin with "entcache:{namespace}:" and so are in one
// slot of a cluster. Entries and the cells that prove them valid expire. One
// hash doesn't, of at most some 300 KB; if it is evicted, the namespace is empty
// for as long as its quarantine. Any eviction policy is therefore safe, and one
// that spares keys without an expiry (volatile-lru) is the best.
//
// # What is checked, and when
//
// Every script first compares the run id and the replication id of the server,
// and the database's identity, with those that its state was written under. A
// server that restarted from a snapshot, a replica that was promoted, and a
// primary that became one again after it copied a replica's older state each
// differ in one; then the script refuses, and a handshake begins a new epoch.
// Redis takes some 7 µs for it, on each operation. The alternatives were a check
// on each new connection, which misses a restart behind a proxy and can't be
// added to a client that exists already, and one beside the probe, after which
// hits could be wrong for as long as the probe's period.
//
// A user with access lists needs the command INFO for that, besides those of the
// scripts, the keys and the channel.
//
// # What Redis can't tell
//
// A virtual machine that was rolled back with the server still running, DEBUG
// RELOAD NOSAVE, and a RESTORE of the hash by hand bring back an old state under
// the same ids. A service that hides its run id can't be used; a handshake says
// so. While a primary is cut off from its replicas it accepts writes that will
// be lost, unless min-replicas-to-write is set; then it refuses every operation
// of this package, hits too, after min-replicas-max-lag. A Ring that gives up a
// shard for some time, while the server runs on, finds the old state when it
// comes back; processes that saw the epoch in between refuse it and begin
// another, one that started since can't tell. Use Ring only for shards that are
// restarted when they fail.
//
// # While servers change
//
// A Cluster that moves the namespace's slot refuses operations whose keys are at
// both nodes, which for some time are most, and the slot's new owner begins an
// epoch. So does a replica that is promoted; until then operations fail. A
// subscription stays where it is while the server answers; when calls are
// answered by another, which shows in the epoch, it follows within two heartbeats.
//
// The first replica that attaches to a server, and an hour without the last one,
// change the replication id, so both begin an epoch.
package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
)

// The defaults of the options.
const (
	DefaultReadTimeout  = 50 * time.Millisecond
	DefaultWriteTimeout = 500 * time.Millisecond
	DefaultQuarantine   = 12 * time.Second
	DefaultHeartbeat    = time.Second
)

// Store is a cache.Remote. Its methods are safe for concurrent use.
type Store struct {
	client     redis.UniversalClient
	prefix     string
	database   string
	read       time.Duration
	write      time.Duration
	quarantine time.Duration
	heartbeat  time.Duration
	// deadlines reports whether the client itself ends an operation at the
	// context's deadline.
	deadlines bool

	retired  atomic.Pointer[[]cache.Epoch]
	answered latest

	mu     sync.Mutex
	closed bool
	subs   map[*subscription]bool
}

var _ cache.Remote = (*Store)(nil)

// An Option configures a Store.
type Option func(*Store)

// WithTimeouts bounds each call: read is for Get, write for the others. Zero
// means the default, 50 ms and 500 ms.
func WithTimeouts(read, write time.Duration) Option {
	return func(s *Store) { s.read, s.write = read, write }
}

// WithQuarantine sets how long a new epoch stores nothing, which must be longer
// than any announcement lasts: Begin accepts leases of up to five sixths of it.
// Zero means the default, 12 s for leases of 10 s. Every process of a namespace
// needs the same; to lengthen leases, give all a longer quarantine first, to
// shorten it, give all shorter leases first.
func WithQuarantine(d time.Duration) Option { return func(s *Store) { s.quarantine = d } }

// WithHeartbeat sets after which silence a subscription is tested; it is given
// up after as much again. Zero means the default, 1 s.
func WithHeartbeat(d time.Duration) Option { return func(s *Store) { s.heartbeat = d } }

// WithDatabase tells the identity of the database whose results are cached, such
// as PostgreSQL's system identifier and timeline. Where it differs from what the
// namespace was used with, a new epoch begins. The default is the same identity
// for all.
func WithDatabase(identity string) Option { return func(s *Store) { s.database = identity } }

// New returns a store of a namespace, which all processes that cache one
// database share and no others. It doesn't ask the server anything. The client
// stays the caller's, who closes it after the store.
//
// A client without ContextTimeoutEnabled costs a goroutine for each call, and
// calls that were given up keep a connection until the client's own timeout.
func New(client redis.UniversalClient, namespace string, opts ...Option) (*Store, error) {
	switch {
	case client == nil:
		return nil, errors.New("entcache: redisstore.New: no client")
	case namespace == "":
		return nil, errors.New("entcache: redisstore.New: no namespace; name what is cached, as in \"shop\"")
	case strings.ContainsAny(namespace, "{}"):
		return nil, fmt.Errorf("entcache: redisstore.New: braces in the namespace %q decide the slot of a cluster; leave them out", namespace)
	}
	s := &Store{client: client, prefix: "entcache:{" + namespace + "}:", deadlines: keepsDeadlines(client), subs: make(map[*subscription]bool)}
	for _, o := range opts {
		o(s)
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
		name     string
	}{
		{&s.read, DefaultReadTimeout, "timeout"}, {&s.write, DefaultWriteTimeout, "timeout"},
		{&s.quarantine, DefaultQuarantine, "quarantine"}, {&s.heartbeat, DefaultHeartbeat, "heartbeat"},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		if *d.value < time.Millisecond {
			return nil, fmt.Errorf("entcache: redisstore.New: a %s of %v: give it a millisecond or more", d.name, *d.value)
		}
	}
	return s, nil
}

// Caution says what the program should change, if there is anything; a cache logs
// it when it is made.
func (s *Store) Caution() string {
	if s.deadlines {
		return ""
	}
	return "the client doesn't keep deadlines, so each operation takes a goroutine and some times as long as it could; set ContextTimeoutEnabled in its options"
}

// keepsDeadlines knows the clients of go-redis; what wraps one may not.
func keepsDeadlines(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		return c.Options().ContextTimeoutEnabled
	}
	return false
}

// Close ends the subscriptions and waits for their last calls.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return cache.ErrClosed
	}
	s.closed = true
	subs := s.subs
	s.subs = nil
	s.mu.Unlock()
	for sub := range subs {
		sub.end()
	}
	return nil
}

func (s *Store) check(ctx context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return cache.ErrClosed
	}
	return ctx.Err()
}

func (s *Store) hashKey() string               { return s.prefix + "c" }
func (s *Store) channel() string               { return s.prefix + "ch" }
func (s *Store) cells() string                 { return s.prefix + "v:" }
func (s *Store) entryKey(key cache.Key) string { return s.prefix + "q:" + string(key[:]) }
func (s *Store) leaseKey(key cache.Key) string { return s.prefix + "f:" + string(key[:]) }
func (s *Store) cellKey(fact cache.Fact) string {
	return s.cells() + factBytes(fact)
}

// random fills an id. It can't fail: since Go 1.24 crypto/rand ends the program
// instead.
func random() (id [16]byte) {
	_, _ = rand.Read(id[:])
	return id
}
