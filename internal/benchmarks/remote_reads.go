package benchmarks

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/codec/envelope"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
)

// RemoteReads returns the queries whose hits at the remote level are measured.
// Sixty rows are about as many facts as an entry there has; results of more
// depend on the table.
func RemoteReads() []Read {
	list := func(name string, n int) Read {
		return Read{name, 32, func(ctx context.Context, client *ent.Client, i int) error {
			tracks, err := client.Track.Query().Where(track.IDGT(i * 100)).Order(track.ByID()).Limit(n).All(ctx)
			return rows(n, tracks, err)
		}}
	}
	get := Reads()[0]
	get.Variants = 64
	return []Read{{"1 row", get.Variants, get.Run}, list("20 rows", 20), list("60 rows", 60), list("100 rows", 100)}
}

// The operations of RemoteHits.
const (
	BareGet = iota
	StoreGet
	StoreGetDecode
	StorePeek
	StorePeekDecode
	StrictRead
	PeekRead
	NearRead
	UncachedRead
	DefaultGet
	DefaultStoreGet
)

// RemoteHits is what a hit at the remote level costs. The last two operations
// are BareGet and StoreGet by a client that doesn't keep deadlines.
type RemoteHits struct {
	Comparison
	Read string
	// Payload and Entry are bytes, without and with the facts.
	Payload, Entry, Facts int
}

// Hits compares hits of a read at the remote level with GETs of their payloads.
func (r *Remote) Hits(ctx context.Context, read Read, rounds int, each time.Duration) (*RemoteHits, error) {
	shared, err := r.Shared(ctx, false)
	if err != nil {
		return nil, err
	}
	local, err := r.Local(false)
	if err != nil {
		return nil, err
	}
	// It joins before anything is stored: what was is validated.
	forgets, err := r.Forgetful(ctx)
	if err != nil {
		return nil, err
	}
	if err := read.Warm(ctx, local); err != nil {
		return nil, err
	}
	open, err := opener()
	if err != nil {
		return nil, err
	}
	result := &RemoteHits{Read: read.Name}
	keys, raw := make([]cache.Key, read.Variants), make([]string, read.Variants)
	for i := range read.Variants {
		// Refreshed: an earlier comparison may have left the result.
		if err := read.Run(cache.Refresh(ctx), shared.Client, i); err != nil {
			return nil, err
		}
		key, fill, err := shared.Recorder.filled(i + 1)
		if err != nil {
			return nil, err
		}
		keys[i], raw[i] = key, fmt.Sprintf("raw:%x", key)
		if err := r.Redis.Client.Set(ctx, raw[i], fill.Payload, 0).Err(); err != nil {
			return nil, err
		}
		result.Payload, result.Facts = len(fill.Payload), len(fill.Facts)
		result.Entry = result.Payload + 38 + 24*result.Facts
	}
	shared.Recorder.off.Store(true)

	plain := redis.NewClient(&redis.Options{Addr: r.Redis.Addr})
	defer plain.Close()
	plain.AddHook(counting{&r.Redis.trips})
	undated, err := NewRedisStore(plain)
	if err != nil {
		return nil, err
	}
	defer undated.Close()

	get := func(client *redis.Client) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			b, err := client.Get(ctx, raw[i%len(raw)]).Bytes()
			if err == nil && len(b) == 0 {
				err = errors.New("an empty value")
			}
			return err
		}
	}
	found := func(store cache.Remote, ctx context.Context, i int) (*cache.RemoteHit, error) {
		hit, _, err := store.Get(ctx, keys[i%len(keys)], time.Second)
		if err == nil && hit == nil {
			err = errors.New("a miss")
		}
		return hit, err
	}
	peeked := func(ctx context.Context, i int) (*cache.RemotePeek, error) {
		p, err := shared.Store.Peek(ctx, keys[i%len(keys)])
		if err == nil && p == nil {
			err = errors.New("nothing")
		}
		return p, err
	}
	strict := cache.Consistent(ctx, cache.Strict)
	before, peeks := shared.Cache.Stats().Remote.Hits, forgets.Cache.Stats().Remote.Peeked
	result.Comparison, err = Compare(ctx, r.Redis, rounds, each,
		Op{Name: "GET of the same payload", Run: get(r.Redis.Client)},
		Op{Name: "store's Get", Run: func(ctx context.Context, i int) error { _, err := found(shared.Store, ctx, i); return err }},
		Op{Name: "store's Get, opened and decoded", Run: func(ctx context.Context, i int) error {
			hit, err := found(shared.Store, ctx, i)
			if err != nil {
				return err
			}
			_, err = open(keys[i%len(keys)], hit.Payload)
			return err
		}},
		Op{Name: "store's Peek", Run: func(ctx context.Context, i int) error { _, err := peeked(ctx, i); return err }},
		Op{Name: "store's Peek, opened and decoded", Run: func(ctx context.Context, i int) error {
			p, err := peeked(ctx, i)
			if err != nil {
				return err
			}
			_, err = open(keys[i%len(keys)], p.Payload)
			return err
		}},
		Op{Name: "read of Ent, strict", Run: func(_ context.Context, i int) error { return read.Run(strict, shared.Client, i%read.Variants) }},
		Op{Name: "read of Ent, by a plain read", Run: func(ctx context.Context, i int) error { return read.Run(ctx, forgets.Client, i%read.Variants) }},
		Op{Name: "read of Ent, near hit", Run: func(ctx context.Context, i int) error { return read.Run(ctx, local, i%read.Variants) }},
		Op{Name: "read of Ent, uncached", Run: func(ctx context.Context, i int) error { return read.Run(ctx, r.Uncached, i%read.Variants) }},
		Op{Name: "GET, client without deadlines", Run: get(plain)},
		Op{Name: "store's Get, client without deadlines", Run: func(ctx context.Context, i int) error { _, err := found(undated, ctx, i); return err }},
	)
	if err != nil {
		return nil, err
	}
	hits, reads := shared.Cache.Stats().Remote.Hits-before, uint64(len(result.Comparison[StrictRead].Latencies))
	if hits < reads {
		return nil, fmt.Errorf("%s: %d of %d reads were hits at the remote level", read.Name, hits, reads)
	}
	// Now and then the process hasn't proved its view in time.
	peeks = forgets.Cache.Stats().Remote.Peeked - peeks
	if reads := uint64(len(result.Comparison[PeekRead].Latencies)); peeks*10 < reads*9 {
		return nil, fmt.Errorf("%s: %d of %d reads were hits by a plain read", read.Name, peeks, reads)
	}
	return result, nil
}

// opener returns what the cache does to the payload of a hit.
func opener() (func(key cache.Key, payload []byte) (*codec.Rows, error), error) {
	e, err := envelope.New()
	if err != nil {
		return nil, err
	}
	return func(key cache.Key, payload []byte) (*codec.Rows, error) {
		b, err := e.Open(nil, payload, key[:])
		if err != nil {
			return nil, err
		}
		// What is before the rows is a few bytes.
		at := bytes.Index(b, []byte("ecr"))
		if at < 0 || len(b) < at+12 {
			return nil, errors.New("a payload without rows")
		}
		return codec.Decode(b[at:], binary.BigEndian.Uint64(b[at+4:]))
	}, nil
}

// Near compares hits in the process with the remote level on and off. The first
// two operations are both without it: their ratio is what the measurement can't
// tell apart.
func (r *Remote) Near(ctx context.Context, read Read, rounds int, each time.Duration) (Comparison, error) {
	var ops []Op
	for _, name := range []string{"without, once more", "without a remote level"} {
		client, err := r.Local(false)
		if err != nil {
			return nil, err
		}
		ops = append(ops, hitting(name, read, client))
	}
	shared, err := r.Shared(ctx, false)
	if err != nil {
		return nil, err
	}
	ops = append(ops, hitting("with Redis", read, shared.Client))
	for _, op := range ops {
		for i := range read.Variants {
			if err := op.Run(ctx, i); err != nil {
				return nil, err
			}
		}
	}
	trips := shared.Cache.Stats().Total()
	c, err := Compare(ctx, r.Redis, rounds, each, ops...)
	if err != nil {
		return nil, err
	}
	total := shared.Cache.Stats().Total()
	near := total.Hits - total.RemoteHits - (trips.Hits - trips.RemoteHits)
	if reads := uint64(len(c[2].Latencies)); near*1000 < reads*999 {
		return nil, fmt.Errorf("%s: %d of %d reads were hits in the process", read.Name, near, reads)
	}
	return c, nil
}

func hitting(name string, read Read, client *ent.Client) Op {
	return Op{Name: name, Run: func(ctx context.Context, i int) error { return read.Run(ctx, client, i%read.Variants) }}
}

// Misses compares misses that fill the remote level with those that fill the
// near one only, with a GET, and with what the store takes to find nothing.
func (r *Remote) Misses(ctx context.Context, read Read, rounds int, each time.Duration) (Comparison, cache.RemoteStats, error) {
	shared, err := r.Shared(ctx, true)
	if err != nil {
		return nil, cache.RemoteStats{}, err
	}
	shared.Recorder.off.Store(true)
	local, err := r.Local(true)
	if err != nil {
		return nil, cache.RemoteStats{}, err
	}
	fill := hitting("miss and fill with Redis", read, shared.Client)
	// The caller doesn't wait for the fill, and it isn't to disturb the next.
	shared.Recorder.done = make(chan struct{}, 1)
	patient, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	fill.After = func(context.Context, int) error {
		select {
		case <-shared.Recorder.done:
			return nil
		case <-patient.Done():
			return errors.New("a result wasn't offered to the remote level")
		}
	}
	c, err := Compare(ctx, r.Redis, rounds, each,
		Op{Name: "GET of nothing", Run: func(ctx context.Context, i int) error {
			if err := r.Redis.Client.Get(ctx, "nothing").Err(); !errors.Is(err, redis.Nil) {
				return fmt.Errorf("want nothing: %w", err)
			}
			return nil
		}},
		Op{Name: "store's Get of nothing, with a lease", Run: func(ctx context.Context, _ int) error {
			var key cache.Key
			_, _ = rand.Read(key[:])
			_, miss, err := shared.Store.Get(ctx, key, time.Second)
			if err == nil && (miss == nil || miss.Leased) {
				err = errors.New("a hit, or another's lease")
			}
			return err
		}},
		Op{Name: "the same after a Peek", Run: func(ctx context.Context, _ int) error {
			var key cache.Key
			_, _ = rand.Read(key[:])
			if p, err := shared.Store.Peek(ctx, key); err != nil || p != nil {
				return fmt.Errorf("want nothing: %w", err)
			}
			_, miss, err := shared.Store.Get(ctx, key, time.Second)
			if err == nil && (miss == nil || miss.Leased) {
				err = errors.New("a hit, or another's lease")
			}
			return err
		}},
		hitting("miss without a remote level", read, local),
		fill,
	)
	return c, *shared.Cache.Stats().Remote, err
}
