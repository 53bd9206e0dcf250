package redisstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// Get looks up and validates an entry.
func (s *Store) Get(ctx context.Context, key cache.Key, lease time.Duration) (*cache.RemoteHit, *cache.RemoteMiss, error) {
	id := random()
	r, err := s.call(ctx, s.read, "get", getqScript, []string{s.hashKey(), s.entryKey(key), s.leaseKey(key)},
		s.database, id[:], leaseMillis(lease), s.cells())
	if err != nil {
		return nil, nil, err
	}
	at, err := r.position()
	if err != nil {
		return nil, nil, err
	}
	miss := &cache.RemoteMiss{RemotePosition: at}
	switch r.name() {
	case "HIT":
		hit, err := newHit(at, r)
		return hit, nil, err
	case "MISS":
	case "VOID":
		miss.Void = true
	case "LEASE":
		miss.Lease = id
	case "LEASED":
		miss.Leased = true
	default:
		return nil, nil, r.unknown()
	}
	return nil, miss, nil
}

// leaseMillis keeps the shortest lease from being none.
func leaseMillis(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return max(1, d.Milliseconds())
}

// The form of entries is said in lua/getq.lua.
const (
	entryFormat = "EQ\x02\x00"
	entryEpoch  = 6  // where the epoch begins
	entryAt     = 22 // where the position begins
	entryAgain  = 30 // where it is once more
	entryHeader = 38 // what stands before an entry's facts
	entryFact   = 24 // a fact and the content of its cell
)

// newHit takes apart an entry that the script found well formed.
func newHit(at cache.RemotePosition, r reply) (*cache.RemoteHit, error) {
	ttl, ok := r.number(3)
	blob := r.text(4)
	if !ok || len(blob) < entryHeader {
		return nil, r.unknown()
	}
	k := int(blob[4])<<8 | int(blob[5])
	if len(blob) < entryHeader+k*entryFact {
		return nil, r.unknown()
	}
	hit := &cache.RemoteHit{RemotePosition: at, TTL: time.Duration(ttl) * time.Millisecond, Facts: make([]cache.Fact, k)}
	for i := range hit.Facts {
		o := entryHeader + i*entryFact
		hit.Facts[i] = cache.Fact(binary.BigEndian.Uint64([]byte(blob[o : o+8])))
	}
	hit.Payload = []byte(blob[entryHeader+k*entryFact:])
	return hit, nil
}

var outcomes = map[string]cache.FillOutcome{
	"OK": cache.FillStored, "RACE": cache.FillRace, "PENDING": cache.FillPending, "EXPIRED": cache.FillExpired,
	"QUARANTINE": cache.FillQuarantine, "EPOCH": cache.FillOtherEpoch,
}

// Fill stores a result.
//
// The client may send it twice. The second brings the same contents of cells,
// and could bring back one that was dropped in between and with it an entry that
// held it. But it is stored only if no write to its facts was recorded or is
// announced since the miss, and then what dropped the cell was rolled back.
func (s *Store) Fill(ctx context.Context, key cache.Key, f cache.RemoteFill) (cache.RemoteFilled, error) {
	if err := f.Validate(); err != nil {
		return cache.RemoteFilled{}, err
	}
	k := len(f.Facts)
	keys := make([]string, 3, 3+k)
	keys[0], keys[1], keys[2] = s.hashKey(), s.entryKey(key), s.leaseKey(key)
	// A cell is renewed by each fill that needs it, and never expires before
	// the entries that do.
	cellTTL := 2*f.TTL + time.Minute
	args := make([]any, 9, 10+3*k)
	args[0], args[1], args[2], args[3] = s.database, f.Miss.Epoch[:], f.Miss.Position, flag(f.Miss.Void)
	args[4], args[5], args[6] = f.Miss.Lease[:], f.TTL.Milliseconds(), cellTTL.Milliseconds()
	args[7], args[8] = s.channel(), k
	for _, fact := range f.Facts {
		keys = append(keys, s.cellKey(fact))
		cell := random()
		args = append(args, bucket(fact), factBytes(fact), cell[:])
	}
	payload := f.Payload
	if !s.deadlines {
		payload = bytes.Clone(payload) // a call that was given up still sends it
	}
	r, err := s.call(ctx, s.write, "fill", fillScript, keys, append(args, payload)...)
	if err != nil {
		return cache.RemoteFilled{}, err
	}
	outcome := outcomes[r.name()]
	if outcome == 0 {
		return cache.RemoteFilled{}, r.unknown()
	}
	if outcome == cache.FillOtherEpoch && r.text(1) == "" {
		return cache.RemoteFilled{Outcome: outcome}, nil
	}
	at, err := r.position()
	if err != nil {
		return cache.RemoteFilled{}, err
	}
	return cache.RemoteFilled{RemotePosition: at, Outcome: outcome}, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
