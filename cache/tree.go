package cache

import (
	"context"
	"sync"
	"time"

	"github.com/entcache/ent-cache/internal/mutant"
)

const (
	// maxTree is how many statements of an eager load are fetched ahead.
	maxTree = 16
	// maxTreeKeys bounds what a payload may name.
	maxTreeKeys = 64
)

// tree is the statements of one query: the root's, and those of the edges that it
// loads. A payload of the root's names the keys of the others, so that a process
// that finds the root at the remote level asks for all others at once, and not
// for each when its turn comes. They are hints: what they lead to is validated
// like anything else.
//
// The root's result is offered when the query is over, for only then it is known
// which statements followed. All methods are safe for concurrent use.
type tree struct {
	mu     sync.Mutex
	keys   []Key
	over   bool
	offers []func(keys []Key)
	ahead  map[Key]*fetch
}

// fetch is one look at the remote level. Its fields are set when done is closed,
// and hit or peek if there was something.
type fetch struct {
	done     chan struct{}
	position uint64        // of this process's log, from before it
	asked    time.Duration // when
	hit      *RemoteHit
	view     *view // of the hit
	peek     *RemotePeek
}

// tree returns the tree that a read belongs to, or nil. A root's is made here: its
// statement comes before those of its edges.
func (r *reading) tree() *tree {
	sc := r.scope
	switch {
	case sc.root && sc.tree == nil && r.replaces == nil:
		sc.tree = new(tree)
	case sc.top != nil:
		return sc.top.tree
	}
	return sc.tree
}

// follow notes the key of a statement that isn't the root's.
func (t *tree) follow(key Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.keys) < maxTree {
		t.keys = append(t.keys, key)
	}
}

// after calls f with the keys that followed when the query is over.
func (t *tree) after(f func(keys []Key)) {
	t.mu.Lock()
	if !t.over {
		t.offers = append(t.offers, f)
		t.mu.Unlock()
		return
	}
	keys := t.keys
	t.mu.Unlock()
	f(keys)
}

// end says that the query is over.
func (t *tree) end() {
	t.mu.Lock()
	offers, keys := t.offers, t.keys
	t.offers, t.over = nil, true
	t.mu.Unlock()
	for _, f := range offers {
		f(keys)
	}
}

// fetchAhead asks for the statements that followed the root's when it was filled.
func (r *reading) fetchAhead(keys []Key) {
	c, t := r.cache, r.tree()
	if t == nil || !r.scope.root || len(keys) == 0 {
		return
	}
	ctx := context.WithoutCancel(r.scope.Context)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ahead == nil {
		t.ahead = make(map[Key]*fetch)
	}
	for _, key := range keys[:min(len(keys), maxTree)] {
		if t.ahead[key] != nil {
			continue
		}
		f := &fetch{done: make(chan struct{})}
		if c.shared.background.start(func() { c.shared.fetch(ctx, key, r.scope, f) }) {
			t.ahead[key] = f
		}
	}
}

func (s *shared) fetch(ctx context.Context, key Key, root *scope, f *fetch) {
	defer close(f.done)
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel)
	defer stop()
	f.position, f.asked = s.cache.ledger.Now(), s.now()
	if !s.usable() {
		return
	}
	if s.peekable(root) {
		p, err := s.peek(ctx, key)
		if err != nil {
			return
		}
		if p != nil && p.Epoch == s.view.Load().epoch {
			f.peek = p
			return
		}
		s.peekedFor(false)
	}
	hit, _, err := s.get(ctx, key, 0)
	if err != nil || hit == nil {
		return
	}
	if v, err := s.observe(hit.RemotePosition); err == nil {
		f.hit, f.view = hit, v
	}
}

// fetched returns what was asked for ahead, if it was there; of a read that has a
// tree.
func (r *reading) fetched(ctx context.Context, key Key) *fetch {
	t := r.tree()
	t.mu.Lock()
	f := t.ahead[key]
	delete(t.ahead, key)
	t.mu.Unlock()
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil
	}
	if f.hit == nil && f.peek == nil {
		return nil
	}
	return f
}

// ahead makes an entry of what was fetched ahead, or returns nil if it won't do.
func (r *reading) ahead(ctx context.Context, f *fetch) *Entry {
	if mutant.On(mutant.AheadOwnLate) {
		f.position = r.cache.ledger.Now()
	}
	if f.peek != nil {
		e := r.peeked(ctx, f.peek, f.position, f.asked)
		r.cache.shared.peekedFor(e != nil)
		return e
	}
	if !r.scope.covered(f.hit.RemotePosition) {
		return nil
	}
	return r.received(ctx, f.hit, f.view, f.position, f.asked, 0)
}
