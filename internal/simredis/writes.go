package simredis

import (
	"context"
	"slices"

	"github.com/entcache/ent-cache/cache"
)

// Begin announces a write.
func (c *Client) Begin(ctx context.Context, w cache.RemoteWrite) (at cache.RemotePosition, err error) {
	if err := w.Validate(c.config.Quarantine / 6 * 5); err != nil {
		return at, err
	}
	err = c.do(ctx, true, func(s *Server, retired []cache.Epoch) {
		st, now := s.ready(c.config, retired), s.now()
		st.position++
		var facts []cache.Fact
		announce := func(f cache.Fact, a announcement) {
			b := bucket(f)
			list := st.announced[b]
			rest, expired, covers := others(list, &w.ID, now)
			for _, own := range list {
				if own.id == w.ID && (own.cover != a.cover || own.fact != a.fact) {
					own.deadline = a.deadline
					rest = append(rest, own)
				}
			}
			st.announced[b] = append(rest, a)
			if expired {
				st.touched[b] = st.position
				s.unlink(covers)
				facts = append(facts, covers...)
			}
			if !a.cover {
				facts = append(facts, f)
			}
		}
		deadline := now + w.Lease.Milliseconds()
		for _, f := range w.Touches {
			announce(f, announcement{id: w.ID, deadline: deadline})
		}
		for _, f := range w.Covers {
			announce(f, announcement{id: w.ID, deadline: deadline, cover: true, fact: f})
		}
		s.unlink(w.Touches)
		at = st.at()
		s.publish(cache.RemoteMessage{RemotePosition: at, Facts: facts})
	})
	return at, err
}

// End records a write, or ends the announcement of one that was rolled back.
func (c *Client) End(ctx context.Context, e cache.RemoteEnd) (at cache.RemotePosition, err error) {
	if err := e.Validate(); err != nil {
		return at, err
	}
	err = c.do(ctx, true, func(s *Server, retired []cache.Epoch) {
		st, now := s.ready(c.config, retired), s.now()
		if len(e.Touched) > 0 {
			st.position++
		}
		var facts []cache.Fact
		for _, f := range e.Touched {
			rest, _, covers := others(st.announced[bucket(f)], &e.ID, now)
			st.announce(bucket(f), rest)
			s.unlink(covers)
			facts = append(append(facts, covers...), f)
			st.touched[bucket(f)] = st.position
		}
		for _, f := range e.Held {
			rest := slices.DeleteFunc(slices.Clone(st.announced[bucket(f)]), func(a announcement) bool { return a.id == e.ID })
			st.announce(bucket(f), rest)
		}
		at = st.at()
		if len(e.Touched) > 0 {
			s.unlink(e.Touched)
			s.publish(cache.RemoteMessage{RemotePosition: at, Facts: facts})
		}
	})
	return at, err
}

func (st *state) announce(b uint16, list []announcement) {
	if len(list) == 0 {
		delete(st.announced, b)
		return
	}
	st.announced[b] = list
}
