package redisstore

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/cache"
)

// Begin announces a write.
func (s *Store) Begin(ctx context.Context, w cache.RemoteWrite) (cache.RemotePosition, error) {
	if err := w.Validate(s.MaxLease()); err != nil {
		return cache.RemotePosition{}, err
	}
	keys, args := s.facts(w.Touches, w.Covers, s.database, w.ID[:], w.Lease.Milliseconds(), s.channel(), s.cells(), len(w.Touches))
	r, err := s.call(ctx, s.write, "begin", beginScript, keys, args...)
	if err != nil {
		return cache.RemotePosition{}, err
	}
	return r.done()
}

// End records a write, or ends the announcement of one that was rolled back.
func (s *Store) End(ctx context.Context, e cache.RemoteEnd) (cache.RemotePosition, error) {
	if err := e.Validate(); err != nil {
		return cache.RemotePosition{}, err
	}
	keys, args := s.facts(e.Touched, e.Held, s.database, e.ID[:], s.channel(), s.cells(), len(e.Touched))
	r, err := s.call(ctx, s.write, "end", endScript, keys, args...)
	if err != nil {
		return cache.RemotePosition{}, err
	}
	return r.done()
}

// facts returns the keys and arguments of a write: the cells of the facts it
// touches, then those facts and the others with their buckets.
func (s *Store) facts(touched, others []cache.Fact, head ...any) (keys []string, args []any) {
	keys = make([]string, 1, 1+len(touched))
	keys[0] = s.hashKey()
	args = make([]any, len(head), len(head)+2*(len(touched)+len(others)))
	copy(args, head)
	for _, f := range touched {
		keys = append(keys, s.cellKey(f))
	}
	for _, list := range [][]cache.Fact{touched, others} {
		for _, f := range list {
			args = append(args, bucket(f), factBytes(f))
		}
	}
	return keys, args
}

// Probe proves that the server may still record writes.
func (s *Store) Probe(ctx context.Context) (cache.RemotePosition, error) {
	r, err := s.call(ctx, s.write, "probe", probeScript, []string{s.hashKey()}, s.database)
	if err != nil {
		return cache.RemotePosition{}, err
	}
	return r.done()
}

// Handshake returns the present position, in a new epoch where it must.
func (s *Store) Handshake(ctx context.Context, retired ...cache.Epoch) (cache.RemotePosition, error) {
	if err := s.check(ctx); err != nil {
		return cache.RemotePosition{}, err
	}
	retired = append([]cache.Epoch(nil), retired...)
	s.retired.Store(&retired)
	ctx, cancel := context.WithTimeout(ctx, s.write)
	defer cancel()
	at, err := s.handshake(ctx)
	if err != nil {
		return at, fmt.Errorf("entcache: redis: handshake: %w", err)
	}
	return at, nil
}

func (s *Store) handshake(ctx context.Context) (cache.RemotePosition, error) {
	epoch := random()
	args := []any{s.database, epoch[:], s.quarantine.Milliseconds(), s.channel()}
	if retired := s.retired.Load(); retired != nil {
		for _, e := range *retired {
			args = append(args, e[:])
		}
	}
	r, err := s.run(ctx, epochScript, []string{s.hashKey()}, args)
	if err != nil {
		return cache.RemotePosition{}, err
	}
	return r.done()
}
