package simredis

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// Client is one process's access to a Server: a cache.Remote.
type Client struct {
	server *Server
	config Config

	mu      sync.Mutex
	closed  bool
	retired []cache.Epoch
	subs    []*subscription
}

var (
	_ cache.Remote       = (*Client)(nil)
	_ cache.RemotePeeker = (*Client)(nil)
)

// Config configures a Client.
type Config struct {
	// Database is the identity of the database whose results are cached.
	Database string
	// Quarantine is how long an epoch that this client begins stores nothing;
	// zero means 12 s. Its announcements may last five sixths of it.
	Quarantine time.Duration
}

// Client returns a client.
func (s *Server) Client(c Config) *Client {
	if c.Quarantine == 0 {
		c.Quarantine = 12 * time.Second
	}
	return &Client{server: s, config: c}
}

// Close ends the client's subscriptions.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return cache.ErrClosed
	}
	c.closed = true
	subs := c.subs
	c.mu.Unlock()
	for _, sub := range subs {
		_ = sub.Close()
	}
	return nil
}

// do runs an operation alone, and hands over the messages it sent.
func (c *Client) do(ctx context.Context, writes bool, f func(s *Server, retired []cache.Epoch)) error {
	c.mu.Lock()
	closed, retired := c.closed, c.retired
	c.mu.Unlock()
	if closed {
		return cache.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s := c.server
	s.mu.Lock()
	err := s.refused
	if err == nil && writes {
		err = s.isolated
	}
	if err == nil {
		f(s, retired)
	}
	s.mu.Unlock()
	s.Deliver()
	return err
}

// usable returns the state if it was written in the history of this server.
func (s *Server) usable(database string) *state {
	if st := s.data.state; st != nil && st.run == s.run && st.database == database {
		return st
	}
	return nil
}

// ready returns a usable state, in a new epoch where there is none.
func (s *Server) ready(c Config, retired []cache.Epoch) *state {
	if st := s.usable(c.Database); st != nil {
		return st
	}
	return s.handshake(c, retired)
}

func (s *Server) handshake(c Config, retired []cache.Epoch) *state {
	if st := s.usable(c.Database); st != nil && !slices.Contains(retired, st.epoch) {
		return st
	}
	st := &state{
		epoch: s.random(), run: s.run, database: c.Database, position: 1, quarantine: s.now() + c.Quarantine.Milliseconds(),
		touched: make(map[uint16]uint64), announced: make(map[uint16][]announcement),
	}
	s.data.state = st
	s.publish(cache.RemoteMessage{RemotePosition: st.at()})
	return st
}

func (st *state) at() cache.RemotePosition {
	return cache.RemotePosition{Epoch: st.epoch, Position: st.position}
}

// Handshake returns the present position.
func (c *Client) Handshake(ctx context.Context, retired ...cache.Epoch) (at cache.RemotePosition, err error) {
	c.mu.Lock()
	c.retired = slices.Clone(retired)
	c.mu.Unlock()
	err = c.do(ctx, true, func(s *Server, retired []cache.Epoch) { at = s.handshake(c.config, retired).at() })
	return at, err
}

// Probe proves that the server records writes.
func (c *Client) Probe(ctx context.Context) (at cache.RemotePosition, err error) {
	err = c.do(ctx, true, func(s *Server, retired []cache.Epoch) { at = s.ready(c.config, retired).at() })
	return at, err
}

// Get looks up and validates an entry.
func (c *Client) Get(ctx context.Context, key cache.Key, ttl time.Duration) (hit *cache.RemoteHit, miss *cache.RemoteMiss, err error) {
	var isolated error
	err = c.do(ctx, false, func(s *Server, retired []cache.Epoch) {
		now := s.now()
		st := s.usable(c.config.Database)
		if st == nil {
			if isolated = s.isolated; isolated != nil {
				return
			}
			st = s.handshake(c.config, retired)
		}
		void := now < st.quarantine
		if e, ok := s.data.entry(key, now); ok {
			if left := e.expires - now; left > 0 && s.valid(e, st.epoch, now) {
				hit = &cache.RemoteHit{
					RemotePosition: st.at(), Facts: slices.Clone(e.facts), Payload: bytes.Clone(e.payload),
					TTL: time.Duration(left) * time.Millisecond,
				}
				return
			}
			delete(s.data.entries, key)
		}
		miss = &cache.RemoteMiss{RemotePosition: st.at(), Void: void}
		if void || ttl <= 0 {
			return
		}
		if _, held := s.data.lease(key, now); held {
			miss.Leased = true
			return
		}
		miss.Lease = s.random()
		s.data.leases[key] = lease{miss.Lease, now + max(1, ttl.Milliseconds())}
	})
	if err = cmp.Or(err, isolated); err != nil {
		return nil, nil, err
	}
	return hit, miss, nil
}

// Peek reads an entry without validating it.
func (c *Client) Peek(ctx context.Context, key cache.Key) (peek *cache.RemotePeek, err error) {
	err = c.do(ctx, false, func(s *Server, _ []cache.Epoch) {
		now := s.now()
		if e, ok := s.data.entry(key, now); ok && e.expires > now {
			peek = &cache.RemotePeek{
				RemotePosition: cache.RemotePosition{Epoch: e.epoch, Position: e.position}, Payload: bytes.Clone(e.payload),
				TTL: time.Duration(e.expires-now) * time.Millisecond,
			}
		}
	})
	return peek, err
}

func (s *Server) valid(e entry, epoch cache.Epoch, now int64) bool {
	if e.epoch != epoch {
		return false
	}
	for i, f := range e.facts {
		if cl, ok := s.data.cell(f, now); !ok || cl.content != e.cells[i] {
			return false
		}
	}
	return true
}

// Fill stores a result.
func (c *Client) Fill(ctx context.Context, key cache.Key, f cache.RemoteFill) (filled cache.RemoteFilled, err error) {
	if err := f.Validate(); err != nil {
		return filled, err
	}
	err = c.do(ctx, true, func(s *Server, _ []cache.Epoch) {
		filled.Outcome = cache.FillOtherEpoch
		if st := s.usable(c.config.Database); st != nil {
			if st.epoch == f.Miss.Epoch {
				filled.Outcome = s.fill(st, key, f)
			}
			filled.RemotePosition = st.at()
		}
		if l, ok := s.data.lease(key, s.now()); ok && l.id == f.Miss.Lease {
			delete(s.data.leases, key)
		}
	})
	if err != nil {
		return cache.RemoteFilled{}, err
	}
	return filled, nil
}

func (s *Server) fill(st *state, key cache.Key, f cache.RemoteFill) cache.FillOutcome {
	now := s.now()
	if f.Miss.Void || now < st.quarantine {
		return cache.FillQuarantine
	}
	// As they were before: facts may share a bucket.
	announced := make([][]announcement, len(f.Facts))
	for i, fact := range f.Facts {
		announced[i] = st.announced[bucket(fact)]
	}
	expired, raced := false, false
	for i, fact := range f.Facts {
		b := bucket(fact)
		rest, gone, covers := others(announced[i], nil, now)
		switch {
		case len(rest) > 0:
			return cache.FillPending
		case gone:
			st.position++
			st.touched[b] = st.position
			delete(st.announced, b)
			facts := append([]cache.Fact{fact}, covers...)
			s.unlink(facts)
			s.publish(cache.RemoteMessage{RemotePosition: st.at(), Facts: facts})
			expired = true
		case st.touched[b] > f.Miss.Position:
			raced = true
		}
	}
	switch {
	case expired:
		return cache.FillExpired
	case raced:
		return cache.FillRace
	}
	e := entry{epoch: st.epoch, position: st.position, facts: slices.Clone(f.Facts), payload: bytes.Clone(f.Payload), expires: now + f.TTL.Milliseconds()}
	expires := now + (2*f.TTL + time.Minute).Milliseconds()
	for _, fact := range f.Facts {
		cl, ok := s.data.cell(fact, now)
		if !ok {
			cl = cell{content: s.rand.Uint64()}
		}
		cl.expires = max(cl.expires, expires)
		s.data.cells[fact] = cl
		e.cells = append(e.cells, cl.content)
	}
	s.data.entries[key] = e
	return cache.FillStored
}

// others returns the announcements without those of own, if given, and those
// that have run out; whether there were any of the latter; and the facts of
// covers among them.
func others(list []announcement, own *cache.WriteID, now int64) (rest []announcement, expired bool, covers []cache.Fact) {
	for _, a := range list {
		switch {
		case own != nil && a.id == *own:
		case a.deadline > now:
			rest = append(rest, a)
		default:
			expired = true
			if a.cover {
				covers = append(covers, a.fact)
			}
		}
	}
	return rest, expired, covers
}

func (s *Server) unlink(facts []cache.Fact) {
	for _, f := range facts {
		delete(s.data.cells, f)
	}
}
