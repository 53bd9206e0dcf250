package benchmarks

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
)

// The operations of Writes.
const (
	BareScript = iota
	BeginAgain
	BeginEnd
	LocalWrite
	SharedWrite
)

// Writes compares the announcement of a mutation, with the facts that one of
// Ent has, and its end with a round trip of a script that does nothing, and
// mutations with and without a remote level. It returns how many facts that is.
//
// A mutation waits for Begin, so that is the latency of BeginEnd; processor time
// is that of both.
func (r *Remote) Writes(ctx context.Context, rounds int, each time.Duration) (Comparison, int, error) {
	shared, err := r.Shared(ctx, false)
	if err != nil {
		return nil, 0, err
	}
	local, err := r.Local(false)
	if err != nil {
		return nil, 0, err
	}
	update := func(client *ent.Client) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			return client.Track.UpdateOneID(1 + i%Tracks).SetStock(i % 1000).Exec(ctx)
		}
	}
	if err := update(shared.Client)(ctx, 0); err != nil {
		return nil, 0, err
	}
	shared.Recorder.off.Store(true)
	again := shared.Recorder.write
	write := again
	nothing := redis.NewScript("return 1")

	begin := func(ctx context.Context, w cache.RemoteWrite) error {
		_, err := shared.Store.Begin(ctx, w)
		return err
	}
	c, err := Compare(ctx, r.Redis, rounds, each,
		Op{Name: "EVALSHA of a script that does nothing", Run: func(ctx context.Context, _ int) error {
			return nothing.Run(ctx, r.Redis.Client, nil).Err()
		}},
		Op{Name: "Begin, of the same write again", Run: func(ctx context.Context, _ int) error { return begin(ctx, again) }},
		Op{
			Name: "Begin, and End after it",
			Run: func(ctx context.Context, _ int) error {
				_, _ = rand.Read(write.ID[:])
				return begin(ctx, write)
			},
			After: func(ctx context.Context, _ int) error {
				_, err := shared.Store.End(ctx, cache.RemoteEnd{ID: write.ID, Touched: write.Touches})
				return err
			},
		},
		Op{Name: "mutation without a remote level", Run: update(local)},
		Op{Name: "mutation with Redis", Run: update(shared.Client)},
	)
	return c, len(write.Touches), err
}
