package simredis

import (
	"errors"

	"github.com/entcache/ent-cache/cache"
)

// ErrInterrupted is what listeners are told when a fault ends their
// subscription.
var ErrInterrupted = errors.New("entcache: simredis: the subscription was interrupted")

// Snapshot is the state of a server at some time.
type Snapshot struct{ data data }

// Snapshot saves the state.
func (s *Server) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Snapshot{s.data.clone()}
}

// Restart ends the server and starts it with a snapshot, or empty with nil.
// Messages on their way are lost, and listeners attached anew.
func (s *Server) Restart(from *Snapshot) {
	s.mu.Lock()
	if from != nil {
		s.data = from.data.clone()
	} else {
		s.data = data{}.clone()
	}
	s.run = s.rand.Uint64()
	s.mu.Unlock()
	s.Disconnect()
}

// FlushAll drops every key; the server runs on.
func (s *Server) FlushAll() { s.drop(func(d *data) { *d = data{}.clone() }) }

// EvictState drops the hash that says which entries are valid.
func (s *Server) EvictState() { s.drop(func(d *data) { d.state = nil }) }

// EvictCell drops what proves entries of a fact valid.
func (s *Server) EvictCell(f cache.Fact) { s.drop(func(d *data) { delete(d.cells, f) }) }

// EvictEntry drops an entry.
func (s *Server) EvictEntry(key cache.Key) { s.drop(func(d *data) { delete(d.entries, key) }) }

// EvictLease drops the right to fill a key.
func (s *Server) EvictLease(key cache.Key) { s.drop(func(d *data) { delete(d.leases, key) }) }

func (s *Server) drop(f func(*data)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.data)
}

// Refuse makes every operation fail with the error, until it is called with nil.
// Subscriptions stay: Disconnect ends them.
func (s *Server) Refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = err
}

// Isolate makes every operation but Get and Peek fail with the error, until it is
// called with nil: what a primary that lost its replicas may do. Redis refuses Get
// too; the contract doesn't ask for it.
func (s *Server) Isolate(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isolated = err
}

// Disconnect interrupts every subscription. Messages on their way are lost.
// Listeners are attached anew by Deliver, once the server can be reached.
func (s *Server) Disconnect() {
	s.mu.Lock()
	s.queue = nil
	for _, sub := range s.subs {
		if sub.attached {
			sub.attached = false
			s.send(sub, 0, func(l cache.RemoteListener) { l.Detached(ErrInterrupted) })
		}
		s.send(sub, 0, nil)
	}
	s.mu.Unlock()
	s.Deliver()
}
