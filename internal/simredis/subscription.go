package simredis

import (
	"io"
	"sync"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// retryAttach is how long a listener waits for a server that refuses it.
const retryAttach = 20 * time.Millisecond

type subscription struct {
	client   *Client
	listener cache.RemoteListener
	// Under the server's lock.
	attached bool

	calling sync.Mutex // held while the listener is called
	closed  bool       // under the server's lock
}

// Close ends the subscription and waits for the listener's last call.
func (sub *subscription) Close() error {
	s := sub.client.server
	s.mu.Lock()
	sub.closed, sub.attached = true, false
	s.mu.Unlock()
	sub.calling.Lock()
	defer sub.calling.Unlock()
	return nil
}

// hand calls the listener. Without a call it attaches it.
func (sub *subscription) hand(call func(cache.RemoteListener)) {
	sub.calling.Lock()
	defer sub.calling.Unlock()
	if call == nil {
		call = sub.attach()
	}
	s := sub.client.server
	s.mu.Lock()
	closed := sub.closed
	s.mu.Unlock()
	if call != nil && !closed {
		call(sub.listener)
	}
}

// attach takes the position; what is published from now on is sent.
func (sub *subscription) attach() func(cache.RemoteListener) {
	c, s := sub.client, sub.client.server
	c.mu.Lock()
	retired := c.retired
	c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused != nil || s.isolated != nil {
		s.send(sub, retryAttach, nil)
		return nil
	}
	if sub.closed || sub.attached {
		return nil
	}
	sub.attached = true
	at := s.handshake(c.config, retired).at()
	return func(l cache.RemoteListener) { l.Attached(at) }
}

// Subscribe follows the log. Deliver attaches the listener, at the latest.
func (c *Client) Subscribe(l cache.RemoteListener) (io.Closer, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, cache.ErrClosed
	}
	sub := &subscription{client: c, listener: l}
	c.subs = append(c.subs, sub)
	c.mu.Unlock()
	s := c.server
	s.mu.Lock()
	s.subs = append(s.subs, sub)
	s.send(sub, 0, nil)
	s.mu.Unlock()
	s.Deliver()
	return sub, nil
}
