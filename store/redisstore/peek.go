package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/entcache/ent-cache/cache"
)

var _ cache.RemotePeeker = (*Store)(nil)

// Peek reads an entry without validating it: the time it has left, and then the
// entry, in one round trip and without a script. Another entry may take its place
// in between. That has lived for no longer than the call, so with the time of the
// one before it seems older than it is; what makes sense of the payload bounds it
// by the entry's whole life.
//
// Redis takes no longer for both than for the entry alone, and half as long as
// for a script that does nothing else.
func (s *Store) Peek(ctx context.Context, key cache.Key) (*cache.RemotePeek, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.read)
	defer cancel()
	peek, err := within(ctx, s.deadlines, func() (*cache.RemotePeek, error) {
		name := s.entryKey(key)
		p := s.client.Pipeline()
		ttl, entry := p.PTTL(ctx, name), p.Get(ctx, name)
		if _, err := p.Exec(ctx); err != nil {
			return nil, err
		}
		blob, err := entry.Bytes()
		return newPeek(blob, ttl.Val()), err
	})
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("entcache: redis: peek: %w", err)
	}
	return peek, nil
}

// newPeek takes an entry apart. It is nil if no fill of this version stored it.
func newPeek(blob []byte, ttl time.Duration) *cache.RemotePeek {
	if ttl <= 0 || len(blob) < entryHeader || string(blob[:len(entryFormat)]) != entryFormat {
		return nil
	}
	k := int(binary.BigEndian.Uint16(blob[len(entryFormat):]))
	if k == 0 || k > cache.MaxRemoteFacts || len(blob) < entryHeader+k*entryFact {
		return nil
	}
	at := binary.BigEndian.Uint64(blob[entryAt:])
	if at != binary.BigEndian.Uint64(blob[entryAgain:]) {
		return nil
	}
	p := &cache.RemotePeek{Payload: blob[entryHeader+k*entryFact:], TTL: ttl}
	copy(p.Epoch[:], blob[entryEpoch:])
	p.Position = at
	return p
}
