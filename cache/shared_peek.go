package cache

import (
	"context"
	"time"

	"github.com/entcache/ent-cache/internal/mutant"
)

// A validated hit costs the remote level more than twice what reading the entry
// costs it. A process that follows the log can do without the validation: an entry
// says at which position of which epoch a fill stored it, and so it belongs to the
// log as one of the near level does, whoever made it.
//
// Say a read has to see a write W, for it committed longer ago than the bound. W
// was announced before it committed, at a position b. The view was complete as of
// a probe that was sent within the bound, after the commit, so it has b; or it has
// given up everything before a later position. If W touches a fact of the entry,
// the entry is thus refused unless it was stored after b. Then the fill wasn't
// stored while W was announced, and when that had ended the fill's own miss had to
// be later than the end. So its result was read after W had committed, and has W.
// Nothing in this depends on when or from which server the entry was read: one that
// was left behind can only give what was valid at a position of its epoch.
//
// Entries of the near level are given three things more, which such an entry must
// not have.
//
//   - The process's own writes are in its own ledger at once. But it is no help
//     against an entry of another process that was stored before them: the view
//     must have got as far as they were announced.
//   - While no probe comes, what is young enough by the clock is served. Here the
//     time is another process's and the server's, so the proof is required.
//   - An eventual read takes what is young enough without a look at the log. Here
//     the log is looked at, for the same reason.
//
// When it is in the near level such an entry counts as read no later than the view
// was complete: that holds whatever clocks say.
//
// A strict read can't do with this, and one with a token only if the view has
// what the token stands for.

const (
	// futile is how many plain reads in a row may come to nothing before most
	// reads go without: where little is found they are a round trip too much.
	futile = 4
	// retried is how many go without for one that tries again.
	retried = 16
)

// complete returns the view if it says enough of the log for a read to be served
// by it alone, and when it was complete; else nil.
//
// The proof is read before the view: one of the next epoch must not stand for
// this one.
func (s *shared) complete(sc *scope) (*view, time.Duration) {
	proved := s.proved.Load()
	v := s.view.Load()
	switch {
	case v == nil || sc.consistency.level == strict:
		return nil, 0
	case sc.behind && !mutant.On(mutant.PeekTokenUnseen):
		return nil, 0
	case (proved == 0 || s.now()-time.Duration(proved) > s.boundOf(sc.consistency)) && !mutant.On(mutant.PeekUngated):
		return nil, 0
	case !s.hasOwn(v, proved) && !mutant.On(mutant.PeekOwnUnseen):
		return nil, 0
	}
	return v, time.Duration(proved)
}

// boundOf returns how long ago a view must have been complete for a read that
// isn't strict.
func (s *shared) boundOf(c Consistency) time.Duration {
	switch c.level {
	case bounded:
		return c.bound
	case eventual:
		return min(s.bound, c.bound)
	}
	return s.bound
}

// peekable reports whether a plain read may serve a read, and likely will.
func (s *shared) peekable(sc *scope) bool {
	if s.peeker == nil {
		return false
	}
	if v, _ := s.complete(sc); v == nil {
		return false
	}
	return s.futile.Load() < futile || s.futile.Add(1)%retried == 0
}

// peekedFor takes in whether one did.
func (s *shared) peekedFor(something bool) {
	switch {
	case !something:
		s.futile.Add(1)
	case s.futile.Load() > 0:
		s.futile.Store(0)
	}
}

// peek reads an entry plainly.
func (s *shared) peek(ctx context.Context, key Key) (*RemotePeek, error) {
	short, cancel := hurried(ctx)
	defer cancel()
	p, err := s.peeker.Peek(short, key)
	s.called(ctx, err)
	return p, err
}

// peek looks the result up by a plain read, and reports false if the level can't
// be used.
func (r *reading) peek(ctx context.Context) (e *Entry, ok bool) {
	c := r.cache
	s := c.shared
	// What was refused here because of a write is still there as it was. Of what
	// is private there is the proof only, and what is to be replaced is what would
	// be found.
	if r.invalidated || r.private || r.scope.refresh || r.replaces != nil || !s.peekable(r.scope) {
		return nil, true
	}
	// In this order, as in ask.
	position := c.ledger.Now()
	if !s.usable() {
		return nil, false
	}
	asked := s.now()
	p, err := s.peek(ctx, r.remote)
	if err != nil {
		return nil, false
	}
	if p != nil {
		e = r.peeked(ctx, p, position, asked)
	}
	s.peekedFor(e != nil)
	return e, true
}

// peeked makes an entry of what was read plainly, or returns nil if it may be
// invalid.
func (r *reading) peeked(ctx context.Context, p *RemotePeek, position uint64, asked time.Duration) *Entry {
	v, proved := r.cache.shared.complete(r.scope)
	if v == nil || v.epoch != p.Epoch && !mutant.On(mutant.PeekOtherEpoch) {
		return nil
	}
	hit := &RemoteHit{RemotePosition: p.RemotePosition, Payload: p.Payload, TTL: p.TTL}
	if mutant.On(mutant.PeekAtPresent) {
		hit.Position = max(hit.Position, v.log.Now())
	}
	return r.received(ctx, hit, v, position, asked, max(proved, 1))
}
