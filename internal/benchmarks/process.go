package benchmarks

import (
	"context"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/store/memstore"
)

// processEnv holds the address of the server for a program that is to be one of
// the processes of Invalidation.
const processEnv = "ENTCACHE_BENCH_PROCESS"

// settling is how long a process waits for the messages of others after its last
// write.
const settling = 500 * time.Millisecond

const bareChannel = "bare"

// phase is what a process does next: messages that are published by hand, or
// writes, so many a second.
type phase struct {
	Bare  bool
	Rate  float64
	Lasts time.Duration
	// First is the number of the first message published by hand.
	First uint64
}

// sent is a message of a process. Times are those of the wall clock, in
// nanoseconds: the processes are on one machine.
type sent struct {
	Position                   uint64
	Called, Answered, Returned int64
}

// outcome is what became of a phase in one process.
type outcome struct {
	Sent     []sent
	Received map[uint64]int64
	// Late is by how much its timer woke it too late.
	Late []time.Duration
	CPU  time.Duration
}

// Process is one of the processes of Invalidation if the environment says so, and
// then doesn't return. Programs that call Invalidation call it first.
func Process() {
	addr := os.Getenv(processEnv)
	if addr == "" {
		return
	}
	if err := serve(context.Background(), addr, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "process:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs phases until there are no more.
func serve(ctx context.Context, addr string, in io.Reader, out io.Writer) error {
	s, err := Open(ctx, true)
	if err != nil {
		return err
	}
	defer s.Close()
	p := &process{client: NewRedisClient(addr)}
	defer p.client.Close()
	store, err := NewRedisStore(p.client)
	if err != nil {
		return err
	}
	defer store.Close()
	p.Remote = store
	c := &Shared{Store: store}
	c.Client, c.Cache, err = s.Client(cache.Options{
		Near: memstore.New(0), Remote: p, Lease: lease, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if err := c.Usable(ctx); err != nil {
		return err
	}
	bare := p.client.Subscribe(ctx, bareChannel)
	defer bare.Close()
	if _, err := bare.Receive(ctx); err != nil {
		return err
	}
	go func() {
		for {
			m, err := bare.ReceiveMessage(ctx)
			if err != nil {
				return
			}
			p.received(binary.BigEndian.Uint64([]byte(m.Payload)))
		}
	}()
	replies, orders := gob.NewEncoder(out), gob.NewDecoder(in)
	if err := replies.Encode(outcome{}); err != nil { // ready
		return err
	}
	for {
		var ph phase
		if err := orders.Decode(&ph); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		o, err := p.run(ctx, c.Client, ph)
		if err != nil {
			return err
		}
		if err := replies.Encode(o); err != nil {
			return err
		}
	}
}

// process is a remote level that notes when announcements are answered and when
// the cache has recorded those of others.
type process struct {
	cache.Remote
	client *redis.Client

	mu   sync.Mutex
	id   cache.WriteID
	last sent
	seen map[uint64]int64
}

func (p *process) run(ctx context.Context, client *ent.Client, ph phase) (outcome, error) {
	p.mu.Lock()
	p.seen = make(map[uint64]int64)
	p.mu.Unlock()
	var o outcome
	before := CPUTime()
	period := time.Duration(float64(time.Second) / ph.Rate)
	// Not all at the same time.
	next := time.Now().Add(rand.N(period))
	for end := next.Add(ph.Lasts); next.Before(end); next = next.Add(period) {
		if d := time.Until(next); d > 0 {
			time.Sleep(d)
			o.Late = append(o.Late, time.Since(next))
		}
		s, err := p.send(ctx, client, ph, uint64(len(o.Sent)))
		if err != nil {
			return o, err
		}
		o.Sent = append(o.Sent, s)
	}
	time.Sleep(settling)
	o.CPU = CPUTime() - before
	p.mu.Lock()
	o.Received, p.seen = p.seen, nil
	p.mu.Unlock()
	return o, nil
}

func (p *process) send(ctx context.Context, client *ent.Client, ph phase, n uint64) (sent, error) {
	if !ph.Bare {
		err := client.Track.UpdateOneID(1 + rand.IntN(Tracks)).SetStock(rand.IntN(1000)).Exec(ctx)
		returned := now()
		p.mu.Lock()
		defer p.mu.Unlock()
		s := p.last
		s.Returned = returned
		return s, err
	}
	// As long as the message of a small write.
	message := make([]byte, 48)
	s := sent{Position: ph.First + n, Called: now()}
	binary.BigEndian.PutUint64(message, s.Position)
	err := p.client.Publish(ctx, bareChannel, message).Err()
	s.Answered = now()
	s.Returned = s.Answered
	return s, err
}

func now() int64 { return time.Now().UnixNano() }

func (p *process) received(position uint64) {
	at := now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen != nil {
		p.seen[position] = at
	}
}

// Begin notes the first announcement of a write, and not its renewals.
func (p *process) Begin(ctx context.Context, w cache.RemoteWrite) (cache.RemotePosition, error) {
	called := now()
	at, err := p.Remote.Begin(ctx, w)
	answered := now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.ID != p.id {
		p.id, p.last = w.ID, sent{Position: at.Position, Called: called, Answered: answered}
	}
	return at, err
}

// Subscribe lets the cache record a message before it is noted.
func (p *process) Subscribe(l cache.RemoteListener) (io.Closer, error) {
	return p.Remote.Subscribe(&noting{l, p})
}

type noting struct {
	cache.RemoteListener
	process *process
}

func (n *noting) Received(m cache.RemoteMessage) {
	n.RemoteListener.Received(m)
	n.process.received(m.Position)
}
