package simulation

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/simredis"
)

// level is a process's access to the remote level.
type level struct {
	p      *process
	client *simredis.Client
}

var (
	_ cache.Remote       = (*level)(nil)
	_ cache.RemotePeeker = (*level)(nil)
)

var errUnreachable = errors.New("the remote level can't be reached")

// MaxLease bounds the leases of announcements.
func (l *level) MaxLease() time.Duration { return quarantine / 6 * 5 }

func (l *level) Get(ctx context.Context, key cache.Key, lease time.Duration) (hit *cache.RemoteHit, miss *cache.RemoteMiss, err error) {
	var h *cache.RemoteHit
	var m *cache.RemoteMiss
	op := opOf(ctx)
	err = l.p.parkAt(ctx, op, remoteGet, key, func() (err error) {
		h, m, err = l.client.Get(context.Background(), key, lease)
		if op != nil {
			op.found = h != nil
		}
		return err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case h != nil:
		l.p.saw(h.Epoch)
	default:
		l.p.saw(m.Epoch)
	}
	return h, m, nil
}

// Peek doesn't tell what epoch the process is in.
func (l *level) Peek(ctx context.Context, key cache.Key) (*cache.RemotePeek, error) {
	var p *cache.RemotePeek
	err := l.p.parkAt(ctx, opOf(ctx), remotePeek, key, func() (err error) {
		p, err = l.client.Peek(context.Background(), key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (l *level) Fill(ctx context.Context, key cache.Key, fill cache.RemoteFill) (cache.RemoteFilled, error) {
	var done cache.RemoteFilled
	fill.Payload = slices.Clone(fill.Payload)
	l.p.world.met(key, fill.Facts)
	err := l.p.parkAt(ctx, nil, remoteFill, key, func() (err error) {
		done, err = l.client.Fill(context.Background(), key, fill)
		return err
	})
	if err != nil {
		return cache.RemoteFilled{}, err
	}
	if done.Epoch != (cache.Epoch{}) {
		l.p.saw(done.Epoch)
	}
	return done, nil
}

func (l *level) Begin(ctx context.Context, write cache.RemoteWrite) (cache.RemotePosition, error) {
	w := l.p.world
	op := w.writer(ctx, l.p, write.ID)
	var at cache.RemotePosition
	err := l.p.park(ctx, op, remoteBegin, func() (err error) {
		at, err = l.client.Begin(context.Background(), write)
		if err == nil && op != nil {
			op.deadline = max(op.deadline, time.Now().UnixMilli()+write.Lease.Milliseconds())
		}
		return err
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if op != nil {
		if err == nil && l.p.current(at.Epoch) {
			op.announced = true
		} else if !op.announced {
			op.refused = true
		}
	}
	if err != nil {
		return cache.RemotePosition{}, err
	}
	l.p.sawLocked(at.Epoch)
	return at, nil
}

func (l *level) End(ctx context.Context, e cache.RemoteEnd) (cache.RemotePosition, error) {
	return l.position(ctx, remoteEnd, func() (cache.RemotePosition, error) { return l.client.End(context.Background(), e) })
}

func (l *level) Probe(ctx context.Context) (cache.RemotePosition, error) {
	return l.position(ctx, remoteProbe, func() (cache.RemotePosition, error) { return l.client.Probe(context.Background()) })
}

func (l *level) Handshake(ctx context.Context, retired ...cache.Epoch) (cache.RemotePosition, error) {
	return l.position(ctx, remoteHandshake, func() (cache.RemotePosition, error) {
		return l.client.Handshake(context.Background(), retired...)
	})
}

func (l *level) position(ctx context.Context, lb label, call func() (cache.RemotePosition, error)) (cache.RemotePosition, error) {
	var at cache.RemotePosition
	err := l.p.park(ctx, nil, lb, func() (err error) {
		at, err = call()
		return err
	})
	if err != nil {
		return cache.RemotePosition{}, err
	}
	l.p.saw(at.Epoch)
	return at, nil
}

func (l *level) Close() error { return l.client.Close() }

// Subscribe attaches the process, once it can reach the server.
func (l *level) Subscribe(listener cache.RemoteListener) (io.Closer, error) {
	b := &inbox{p: l.p, listener: listener}
	w := l.p.world
	w.mu.Lock()
	l.p.inbox = b
	cut := l.p.cut || l.p.crashed
	w.mu.Unlock()
	if !cut {
		b.attach()
	}
	return b, nil
}

// inbox is what is on its way to a process's listener, in order.
type inbox struct {
	p        *process
	listener cache.RemoteListener
	sub      io.Closer // nil while it isn't attached

	// Under the world's lock.
	mail   []mail
	muted  bool // what comes is lost
	closed bool
}

type mail struct {
	name string
	at   cache.RemotePosition
	call func(cache.RemoteListener)
}

func (b *inbox) attach() {
	sub, err := b.p.level.client.Subscribe(b)
	w := b.p.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		b.sub = sub
	}
}

// detach loses what is on its way, and tells the process.
func (b *inbox) detach() {
	if b.sub != nil {
		_ = b.sub.Close()
	}
	b.p.world.mu.Lock()
	b.sub, b.mail, b.muted = nil, nil, false
	b.p.world.mu.Unlock()
	b.Detached(simredis.ErrInterrupted)
}

// Close ends the subscription.
func (b *inbox) Close() error {
	b.p.world.mu.Lock()
	b.closed, b.mail = true, nil
	sub := b.sub
	b.p.world.mu.Unlock()
	if sub != nil {
		return sub.Close()
	}
	return nil
}

func (b *inbox) put(m mail) {
	b.p.world.mu.Lock()
	defer b.p.world.mu.Unlock()
	if !b.muted && !b.closed {
		b.mail = append(b.mail, m)
	}
}

func (b *inbox) Attached(at cache.RemotePosition) {
	b.put(mail{"attached", at, func(l cache.RemoteListener) { l.Attached(at) }})
}

func (b *inbox) Received(m cache.RemoteMessage) {
	b.put(mail{"message", m.RemotePosition, func(l cache.RemoteListener) { l.Received(m) }})
}

func (b *inbox) Detached(err error) {
	b.put(mail{"detached", cache.RemotePosition{}, func(l cache.RemoteListener) { l.Detached(err) }})
}
