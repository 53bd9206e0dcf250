// Package simredis is the remote level of the cache in memory, for tests: what
// package redisstore does on a Redis server, with a clock and randomness that the
// test gives, and with the faults of servers at its command.
//
// A Server stands for a Redis server, a Client for a process that uses it. Each
// operation is atomic. Nothing runs by itself: messages are handed to listeners
// by the goroutine whose operation, or call of Deliver, finds them due.
package simredis

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// buckets is how many parts the state of facts has.
const buckets = 4096

// Options configure a Server. The zero value is a server on the wall clock.
type Options struct {
	// Now is the server's clock; nil means time.Now. The server counts in whole
	// milliseconds.
	Now func() time.Time
	// Seed makes everything random repeatable.
	Seed uint64
	// Deliver decides when a listener, numbered from zero in the order of
	// subscription, gets a message: once for each element, so long after it was
	// sent. Nil means once and at once. It is called under the server's lock.
	Deliver func(listener int, m cache.RemoteMessage) []time.Duration
}

// Server is a simulated Redis server. Its methods are safe for concurrent use.
type Server struct {
	opts Options

	mu       sync.Mutex
	rand     *rand.Rand
	run      uint64 // what a restart or a promotion changes
	data     data
	refused  error // the server can't be reached
	isolated error // the server refuses writes
	subs     []*subscription
	queue    []delivery
	sent     uint64
	handing  bool
}

// data is what Redis would hold as keys, and save in a snapshot.
type data struct {
	state   *state // nil if the hash is gone
	cells   map[cache.Fact]cell
	entries map[cache.Key]entry
	leases  map[cache.Key]lease
}

// state is the hash that says which entries are valid.
type state struct {
	epoch      cache.Epoch
	run        uint64
	database   string
	position   uint64
	quarantine int64 // its end; 0 for none
	touched    map[uint16]uint64
	announced  map[uint16][]announcement
}

type announcement struct {
	id       cache.WriteID
	deadline int64
	cover    bool
	fact     cache.Fact // of a cover
}

type cell struct {
	content uint64
	expires int64
}

type entry struct {
	epoch    cache.Epoch
	position uint64 // at which it was stored
	facts    []cache.Fact
	cells    []uint64
	payload  []byte
	expires  int64
}

type lease struct {
	id      cache.RemoteLease
	expires int64
}

// New returns an empty server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{opts: o, rand: rand.New(rand.NewPCG(o.Seed, 0)), data: data{}.clone()}
	s.run = s.rand.Uint64()
	return s
}

func (s *Server) now() int64 { return s.opts.Now().UnixMilli() }

func (s *Server) random() (id [16]byte) {
	for i := range id {
		id[i] = byte(s.rand.Uint32())
	}
	return id
}

func bucket(f cache.Fact) uint16 { return uint16(f % buckets) }

// clone copies all that is ever changed in place.
func (d data) clone() data {
	c := data{
		cells: make(map[cache.Fact]cell), entries: make(map[cache.Key]entry), leases: make(map[cache.Key]lease),
	}
	maps.Copy(c.cells, d.cells)
	maps.Copy(c.entries, d.entries)
	maps.Copy(c.leases, d.leases)
	if d.state != nil {
		st := *d.state
		st.touched = maps.Clone(st.touched)
		st.announced = maps.Clone(st.announced)
		for b, l := range st.announced {
			st.announced[b] = slices.Clone(l)
		}
		c.state = &st
	}
	return c
}

// A key that expires at t is still there at t.
func (d data) cell(f cache.Fact, now int64) (cell, bool) {
	c, ok := d.cells[f]
	return c, ok && now <= c.expires
}

func (d data) entry(key cache.Key, now int64) (entry, bool) {
	e, ok := d.entries[key]
	return e, ok && now <= e.expires
}

func (d data) lease(key cache.Key, now int64) (lease, bool) {
	l, ok := d.leases[key]
	return l, ok && now <= l.expires
}

// delivery is a message on its way to a listener.
type delivery struct {
	at  int64
	seq uint64 // breaks ties by the order of sending
	sub *subscription
	// call hands it over.
	call func(cache.RemoteListener)
}

// publish sends a message to every listener.
func (s *Server) publish(m cache.RemoteMessage) {
	for i, sub := range s.subs {
		if !sub.attached {
			continue
		}
		delays := []time.Duration{0}
		if s.opts.Deliver != nil {
			delays = s.opts.Deliver(i, m)
		}
		for _, d := range delays {
			s.send(sub, d, func(l cache.RemoteListener) { l.Received(m) })
		}
	}
}

func (s *Server) send(sub *subscription, delay time.Duration, call func(cache.RemoteListener)) {
	s.sent++
	s.queue = append(s.queue, delivery{at: s.now() + delay.Milliseconds(), seq: s.sent, sub: sub, call: call})
}

// Deliver hands over the messages that are due. One goroutine does so at a
// time; another's call returns at once.
func (s *Server) Deliver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handing {
		return
	}
	s.handing = true
	defer func() { s.handing = false }()
	for {
		now := s.now()
		next := -1
		for i, d := range s.queue {
			if d.at <= now && (next < 0 || cmp.Or(cmp.Compare(d.at, s.queue[next].at), cmp.Compare(d.seq, s.queue[next].seq)) < 0) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		d := s.queue[next]
		s.queue = slices.Delete(s.queue, next, next+1)
		if !d.sub.closed {
			s.mu.Unlock()
			d.sub.hand(d.call)
			s.mu.Lock()
		}
	}
}
