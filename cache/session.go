package cache

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
)

// Tokens carry the writes of one process to the reads of another.
//
// A token holds, for each cache of the process, the log it writes to and the
// position of its last write there. A cache without a remote level has a log of
// its own, which no other process can follow.

// live are the caches that are open, for Token.
var live struct {
	mu     sync.Mutex
	caches []*Cache
}

func (c *Cache) enlist() {
	live.mu.Lock()
	defer live.mu.Unlock()
	live.caches = append(live.caches, c)
}

func (c *Cache) delist() {
	live.mu.Lock()
	defer live.mu.Unlock()
	live.caches = slices.DeleteFunc(live.caches, func(o *Cache) bool { return o == c })
}

// maxToken bounds what WithToken reads.
const maxToken = 64

const positionSize = len(Epoch{}) + 8

// unannounced stands for a position in a log that was not told of a write.
const unannounced = ^uint64(0)

// session is what one process had written: a position for each of its caches.
type session []RemotePosition

// nothingKnown is the token of writes that no cache can know of.
var nothingKnown = session{{Position: unannounced}}

// Token returns what WithToken takes: it stands for all that this process has
// written so far, and for what the tokens of ctx stand for.
func Token(ctx context.Context) string {
	live.mu.Lock()
	caches := slices.Clone(live.caches)
	live.mu.Unlock()
	var own session
	for _, c := range caches {
		own = append(own, c.written())
	}
	tokens := slices.DeleteFunc(slices.Clone(directivesOf(ctx).tokens), own.covers)
	tokens = append(tokens, own)
	if n := len(slices.Concat(tokens...)); n == 0 || n > maxToken {
		// A token that covers less than it says would be worse than none.
		tokens = []session{nothingKnown}
	}
	var b []byte
	for _, t := range tokens {
		b = t.append(b)
	}
	return "1" + base64.RawURLEncoding.EncodeToString(b)
}

func (t session) append(b []byte) []byte {
	b = append(b, byte(len(t)))
	for _, p := range t {
		b = append(b, p.Epoch[:]...)
		b = binary.BigEndian.AppendUint64(b, p.Position)
	}
	return b
}

// covers reports whether t stands for all that u does.
func (t session) covers(u session) bool {
	for _, p := range u {
		if !slices.ContainsFunc(t, func(q RemotePosition) bool { return q.Epoch == p.Epoch && q.Position >= p.Position }) {
			return false
		}
	}
	return true
}

// written is the position of the process's last write.
func (c *Cache) written() RemotePosition {
	s := c.shared
	if s == nil {
		return RemotePosition{Epoch: c.id, Position: c.ledger.Now()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view.Load()
	switch {
	case v == nil, s.indebted():
		return RemotePosition{Epoch: c.id, Position: unannounced}
	case s.last.Epoch == v.epoch:
		return s.last
	}
	return RemotePosition{Epoch: v.epoch, Position: v.log.Now()}
}

var errToken = errors.New("entcache: not a token; pass what Token returned")

func parseToken(text string) ([]session, error) {
	if len(text) == 0 || text[0] != '1' || len(text) > 2+2*positionSize*(maxToken+1) {
		return nil, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text[1:])
	if err != nil || len(b) == 0 {
		return nil, errToken
	}
	var tokens []session
	for len(b) > 0 {
		n := int(b[0])
		if b = b[1:]; n == 0 || len(b) < n*positionSize {
			return nil, errToken
		}
		t := make(session, n)
		for i := range t {
			t[i].Epoch, b = Epoch(b[:len(Epoch{})]), b[len(Epoch{}):]
			t[i].Position, b = binary.BigEndian.Uint64(b), b[8:]
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// WithToken makes the reads under the returned context see at least what the
// process that Token was called in had written by then, besides what earlier
// tokens of the context stand for. Where that can't be known they go to the
// database: with a cache that doesn't share the other one's remote level, or
// with a token that isn't one.
func WithToken(ctx context.Context, text string) context.Context {
	tokens, err := parseToken(text)
	if err != nil {
		tokens = []session{nothingKnown}
	}
	return withDirectives(ctx, func(d *directives) { d.tokens = append(slices.Clip(d.tokens), tokens...) })
}

// follow takes the tokens of a read in. It reports false if the cache can't know
// whether it has seen the writes they stand for.
func (sc *scope) follow(c *Cache, tokens []session) bool {
	sc.tokened = true
	for _, t := range tokens {
		if !sc.followOne(c, t) {
			return false
		}
	}
	return true
}

func (sc *scope) followOne(c *Cache, t session) (known bool) {
	s := c.shared
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	for _, p := range t {
		switch {
		case p.Epoch == c.id:
			// The cache's own writes are in its ledger.
			known = true
		case p.Position == unannounced:
			return false
		case s == nil:
		case slices.Contains(s.retired, p.Epoch):
			known = true
		case s.view.Load() != nil && s.view.Load().epoch == p.Epoch:
			known = true
			sc.seen = append(sc.seen, p)
			sc.behind = sc.behind || s.view.Load().log.Now() < p.Position
		}
	}
	if !known && s != nil {
		// Maybe there is an epoch that this process hasn't heard of yet.
		s.hurry()
	}
	return known
}

// covered reports whether an answer of the remote level reflects the writes of
// the read's tokens.
func (sc *scope) covered(at RemotePosition) bool {
	for _, p := range sc.seen {
		if p.Epoch == at.Epoch && at.Position < p.Position {
			return false
		}
	}
	return true
}
