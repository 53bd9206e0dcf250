package benchmarks

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/store/memstore"
)

// crowd fills the caches up to so many entries, of about a kilobyte each. They
// are copies of one, since that many misses would take minutes.
func (s *Store) crowd(ctx context.Context, entries int) error {
	if s.crowded {
		return nil
	}
	e, err := s.sample(ctx)
	if err != nil {
		return err
	}
	for _, near := range []*memstore.Store{s.nearRows, s.Near} {
		if err := crowd(near, e, entries); err != nil {
			return err
		}
	}
	if _, err := s.Peer.Track.Get(ctx, Tracks); err != nil {
		return err
	}
	s.peer.crowd(entries)
	s.crowded = true
	return nil
}

// sample returns an entry as a Get leaves it.
func (s *Store) sample(ctx context.Context) (*cache.Entry, error) {
	kept := &keeper{Near: memstore.New(0)}
	client, _, err := s.Client(cache.Options{Near: kept, NoValues: true})
	if err != nil {
		return nil, err
	}
	_, err = client.Track.Get(ctx, Tracks)
	return kept.last, err
}

// crowdKey is the key of the n-th copy.
func crowdKey(n int) cache.Key {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return cache.Key(sum[:])
}

// crowd fills a near level up to so many entries with copies of one.
func crowd(near cache.Near, e *cache.Entry, entries int) error {
	frame, err := codec.Encode(nil, e.Rows, 0)
	if err != nil {
		return err
	}
	for n := near.Len(); n < entries; n++ {
		rows, err := codec.Decode(frame, 0)
		if err != nil {
			return err
		}
		near.Set(crowdKey(n), &cache.Entry{
			Proof: &cache.Proof{Facts: slices.Clone(e.Facts), Tables: e.Tables, Position: e.Position, Filled: e.Filled},
			Rows:  rows,
		}, time.Hour)
	}
	if n := near.Len(); n < entries {
		return want(entries, n)
	}
	return nil
}

// keeper is a near level that keeps the entry it got last.
type keeper struct {
	cache.Near
	last *cache.Entry
}

func (k *keeper) Set(key cache.Key, e *cache.Entry, ttl time.Duration) {
	k.last = e
	k.Near.Set(key, e, ttl)
}
