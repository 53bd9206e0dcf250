package faults

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/store/redisstore"
)

// crowd lets another program of the namespace write so much that the server
// disconnects subscribers, which may have little output waiting.
func (r *run) crowd() {
	p := r.redis
	before := p.subscriptions()
	p.must(p.master, "CONFIG", "SET", "client-output-buffer-limit", "pubsub 1kb 1kb 1")
	o, err := redis.ParseURL(p.master.URL)
	r.must(err)
	o.ContextTimeoutEnabled = true
	client := redis.NewClient(o)
	defer client.Close()
	store, err := redisstore.New(client, namespace, redisstore.WithQuarantine(r.Quarantine))
	r.must(err)
	defer store.Close()
	// Messages of some 4 KB each, about facts that nobody else knows.
	facts := make([]cache.Fact, cache.MaxRemoteFacts)
	for i := range facts {
		facts[i] = cache.Fact(mathrand.Uint64())
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			for ctx.Err() == nil {
				var id cache.WriteID
				_, _ = rand.Read(id[:])
				_, _ = store.End(ctx, cache.RemoteEnd{ID: id, Touched: facts})
			}
		})
	}
	// Those that come back are disconnected again.
	r.sleep(r.between(r.Bound, r.Lease))
	cancel()
	writers.Wait()
	after := p.subscriptions()
	p.must(p.master, "CONFIG", "SET", "client-output-buffer-limit", outputLimit)
	for id := range before {
		if !after[id] {
			r.tally.effects["subscriptions ended by the output limit"]++
		}
	}
}

// outputLimit is the server's own.
const outputLimit = "pubsub 33554432 8388608 60"

// subscriptions returns the ids of the connections that subscribe.
func (p *redisPair) subscriptions() map[string]bool {
	list, err := p.do(p.master, "CLIENT", "LIST", "TYPE", "pubsub")
	p.r.must(err)
	ids := make(map[string]bool)
	text, _ := list.(string)
	for line := range strings.Lines(text) {
		id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
		ids[id] = true
	}
	return ids
}
