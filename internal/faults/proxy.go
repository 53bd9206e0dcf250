package faults

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy passes connections on to a server and can hold, slow, chop and cut them.
// Nothing that was sent is dropped without the connection being cut, as in TCP:
// what is held arrives late. Its methods are safe for concurrent use.
type Proxy struct {
	// Addr is where it listens.
	Addr string

	listener net.Listener
	wait     sync.WaitGroup

	mu     sync.Mutex
	target string
	links  map[*link]bool
	trouble
	changed chan struct{} // closed when trouble changes
	closed  bool
}

// trouble is what a proxy does to what passes.
type trouble struct {
	// holdUp and holdDown keep back what clients and the server send.
	holdUp, holdDown bool
	// holdMessages keeps back what is published to subscriptions.
	holdMessages bool
	latency      time.Duration // for each piece
	slice        int           // bytes at once, zero for as they come
}

// link is one connection through the proxy.
type link struct {
	client, server *net.TCPConn
	// subscribes is set once the client has said SUBSCRIBE.
	subscribes atomic.Bool
	once       sync.Once
	cut        chan struct{}
}

// NewProxy returns a proxy to a TCP server.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Addr: l.Addr().String(), listener: l, target: target, links: make(map[*link]bool), changed: make(chan struct{})}
	p.wait.Go(p.accept)
	return p, nil
}

// Close cuts all connections and waits until they are gone.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.wait.Wait()
}

// Cut resets all connections. What they hold is lost.
func (p *Proxy) Cut() {
	p.mu.Lock()
	links := p.links
	p.links = make(map[*link]bool)
	p.mu.Unlock()
	for l := range links {
		l.reset()
	}
}

// Retarget cuts all connections and leads new ones elsewhere.
func (p *Proxy) Retarget(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.Cut()
}

// Hold keeps back what is sent up to the server or down to the client until the
// next call; both are a partition, one a half-open connection.
func (p *Proxy) Hold(up, down bool) { p.set(func(t *trouble) { t.holdUp, t.holdDown = up, down }) }

// HoldMessages keeps back what the server sends to connections that subscribe,
// and nothing else.
func (p *Proxy) HoldMessages() { p.set(func(t *trouble) { t.holdMessages = true }) }

// Slow delays each piece that passes.
func (p *Proxy) Slow(d time.Duration) { p.set(func(t *trouble) { t.latency = d }) }

// Slice passes a few bytes at a time.
func (p *Proxy) Slice(bytes int) { p.set(func(t *trouble) { t.slice = bytes }) }

// Heal ends all trouble.
func (p *Proxy) Heal() { p.set(func(t *trouble) { *t = trouble{} }) }

func (p *Proxy) set(f func(*trouble)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.trouble)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) present() (trouble, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble, p.changed
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(time.Millisecond)
			continue
		}
		p.wait.Go(func() { p.serve(c.(*net.TCPConn)) })
	}
}

func (p *Proxy) serve(client *net.TCPConn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		(&link{client: client, cut: make(chan struct{})}).reset()
		return
	}
	l := &link{client: client, server: server.(*net.TCPConn), cut: make(chan struct{})}
	p.mu.Lock()
	// A connection of before the last Retarget is of the past.
	if p.closed || p.target != target {
		p.mu.Unlock()
		l.reset()
		return
	}
	p.links[l] = true
	p.mu.Unlock()
	p.wait.Go(func() {
		p.pump(l, l.server, l.client, func(t trouble) bool {
			return t.holdDown || t.holdMessages && l.subscribes.Load()
		})
	})
	p.pump(l, l.client, l.server, func(t trouble) bool { return t.holdUp })
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// reset closes both ends so that they get an error and not an end of file.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.cut)
		for _, c := range []*net.TCPConn{l.client, l.server} {
			if c != nil {
				_ = c.SetLinger(0)
				_ = c.Close()
			}
		}
	})
}

// pump passes on what src sends, until one end is gone.
func (p *Proxy) pump(l *link, src, dst *net.TCPConn, held func(trouble) bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if src == l.client && bytes.Contains(bytes.ToLower(buf[:n]), []byte("subscribe")) {
			l.subscribes.Store(true)
		}
		if !p.pass(l, dst, buf[:n], held) {
			l.reset()
			return
		}
		if err != nil {
			if errors.Is(err, io.EOF) && p.pass(l, dst, nil, held) {
				_ = dst.CloseWrite()
				return
			}
			l.reset()
			return
		}
	}
}

// pass writes what a piece holds, when it may.
func (p *Proxy) pass(l *link, dst *net.TCPConn, data []byte, held func(trouble) bool) bool {
	for {
		t, changed := p.present()
		if held(t) {
			select {
			case <-changed:
			case <-l.cut:
				return false
			}
			continue
		}
		if len(data) == 0 {
			return true
		}
		if t.latency > 0 && !l.sleep(t.latency) {
			return false
		}
		n := len(data)
		if t.slice > 0 {
			n = min(n, t.slice)
			if !l.sleep(50 * time.Microsecond) {
				return false
			}
		}
		if _, err := dst.Write(data[:n]); err != nil {
			return false
		}
		if data = data[n:]; len(data) == 0 {
			return true
		}
	}
}

// sleep reports whether the link is still there after that.
func (l *link) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.cut:
		return false
	}
}
