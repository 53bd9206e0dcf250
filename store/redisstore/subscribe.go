package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
)

// The pauses between attempts to subscribe.
const (
	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

// subscription is one listener and the goroutine that calls it.
type subscription struct {
	store    *Store
	listener cache.RemoteListener
	cancel   context.CancelFunc
	ended    chan struct{}
}

// Subscribe follows the log.
func (s *Store) Subscribe(l cache.RemoteListener) (io.Closer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, cache.ErrClosed
	}
	ctx, cancel := context.WithCancel(context.Background())
	sub := &subscription{store: s, listener: l, cancel: cancel, ended: make(chan struct{})}
	s.subs[sub] = true
	go sub.run(ctx)
	return sub, nil
}

// Close ends the subscription and waits for the listener's last call. It may be
// called again.
func (sub *subscription) Close() error {
	sub.end()
	sub.store.mu.Lock()
	delete(sub.store.subs, sub)
	sub.store.mu.Unlock()
	return nil
}

func (sub *subscription) end() {
	sub.cancel()
	<-sub.ended
}

// run keeps one session after the other.
func (sub *subscription) run(ctx context.Context) {
	defer close(sub.ended)
	pause := minPause
	for {
		attached, err := sub.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if attached {
			pause = minPause
			sub.listener.Detached(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, maxPause)
	}
}

var errResubscribed = errors.New("entcache: redis: the client subscribed again")

// session is one subscription on one connection, until that fails. It reports
// whether the listener was attached.
//
// The client connects again and subscribes by itself, and says nothing of what
// it missed. It returns most errors first, and those end the session; the rest
// shows as a second confirmation of the subscription.
func (sub *subscription) session(ctx context.Context) (attached bool, err error) {
	s := sub.store
	ps, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &pulse{ps: ps, period: s.heartbeat, answered: &s.answered, ended: make(chan struct{})}
	p.heard()
	go p.watch(ctx)
	defer func() {
		cancel()
		<-p.ended
	}()
	for {
		m, err := ps.Receive(ctx)
		if err != nil {
			if why := p.why.Load(); why != nil {
				err = fmt.Errorf("%w: %w", *why, err)
			}
			return attached, fmt.Errorf("entcache: redis: subscription: %w", err)
		}
		p.heard()
		switch m := m.(type) {
		case *redis.Subscription:
			if m.Kind != "subscribe" {
				return attached, fmt.Errorf("entcache: redis: subscription: %s by the server", m.Kind)
			}
			if attached {
				attached = false
				sub.listener.Detached(errResubscribed)
			}
			// After the confirmation: what is written later than this position
			// is delivered.
			at, err := sub.position(ctx)
			if err != nil {
				return attached, err
			}
			attached = true
			p.followed.set(at.Epoch)
			sub.listener.Attached(at)
		case *redis.Message:
			message, err := newMessage(m.Payload)
			if err != nil {
				return attached, err
			}
			if attached {
				p.followed.set(message.Epoch)
				sub.listener.Received(message)
			}
		}
	}
}

// open subscribes. A Ring panics if all its shards are down or it is closed.
func (s *Store) open(ctx context.Context) (ps *redis.PubSub, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("entcache: redis: subscription: %v", r)
		}
	}()
	return s.client.Subscribe(ctx, s.channel()), nil
}

func (sub *subscription) position(ctx context.Context) (cache.RemotePosition, error) {
	ctx, cancel := context.WithTimeout(ctx, sub.store.write)
	defer cancel()
	return sub.store.handshake(ctx)
}

// pulse tells a silent connection from a dead one, and from one to a server that
// has the log no longer: a shard that had it while another was down, or a primary
// that was replaced without being told, and answers. It closes the connection
// then, and when it is no longer wanted.
type pulse struct {
	ps       *redis.PubSub
	period   time.Duration
	last     atomic.Int64 // when something was heard, since the start
	followed latest       // by this connection
	answered *latest      // by the others
	why      atomic.Pointer[error]
	ended    chan struct{}
}

// latest is the epoch that was heard of last, and when, since the start.
type latest struct {
	epoch atomic.Pointer[cache.Epoch]
	at    atomic.Int64
}

func (l *latest) set(e cache.Epoch) {
	if last := l.epoch.Load(); last == nil || *last != e {
		l.epoch.Store(&e)
	}
	l.at.Store(int64(time.Since(start)))
}

// newer reports whether another epoch was heard of later than that of o.
func (l *latest) newer(o *latest) bool {
	if o.at.Load() == 0 || l.at.Load() <= o.at.Load() {
		return false
	}
	return *l.epoch.Load() != *o.epoch.Load()
}

var (
	start = time.Now()

	errElsewhere = errors.New("the log goes on elsewhere")
)

func (p *pulse) heard() { p.last.Store(int64(time.Since(start))) }

func (p *pulse) watch(ctx context.Context) {
	defer close(p.ended)
	defer p.ps.Close()
	tick := time.NewTicker(p.period / 2)
	defer tick.Stop()
	for strayed := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// An answer may come a moment before the first message of its epoch.
		if strayed++; !p.answered.newer(&p.followed) {
			strayed = 0
		}
		silence := time.Since(start) - time.Duration(p.last.Load())
		switch {
		case strayed > 2:
			p.why.Store(&errElsewhere)
			return
		case silence >= 2*p.period:
			err := fmt.Errorf("no answer for %v", 2*p.period)
			p.why.Store(&err)
			return
		case silence >= p.period:
			if p.ps.Ping(ctx) != nil {
				return
			}
		}
	}
}

// newMessage reads an epoch, a position and facts.
func newMessage(payload string) (m cache.RemoteMessage, err error) {
	const head = len(m.Epoch) + 8
	if len(payload) < head || (len(payload)-head)%8 != 0 {
		return m, fmt.Errorf("%w: a message of %d bytes", cache.ErrRemoteAnswer, len(payload))
	}
	b := []byte(payload)
	copy(m.Epoch[:], b)
	m.Position = binary.BigEndian.Uint64(b[len(m.Epoch):])
	for b = b[head:]; len(b) > 0; b = b[8:] {
		m.Facts = append(m.Facts, cache.Fact(binary.BigEndian.Uint64(b)))
	}
	return m, nil
}
