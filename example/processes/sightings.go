package main

import (
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/entcache/ent-cache/ent"
)

// sightings are the watched prices that a process has read and not told of yet.
// It is safe for concurrent use.
type sightings struct {
	watched []int
	mu      sync.Mutex
	seen    map[price]*sighting
}

type price struct {
	track int
	price int64
}

// add takes in what a read returned that began then.
func (s *sightings) add(result any, began time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range tracks(result) {
		if !slices.Contains(s.watched, t.ID) {
			continue
		}
		k := price{t.ID, t.UnitPrice}
		p := s.seen[k]
		if p == nil {
			p = &sighting{Track: t.ID, Price: t.UnitPrice}
			s.seen[k] = p
		}
		p.Times++
		p.Began = max(p.Began, began)
	}
}

// take returns them, and begins anew.
func (s *sightings) take() []sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]sighting, 0, len(s.seen))
	for _, p := range s.seen {
		list = append(list, *p)
	}
	clear(s.seen)
	return list
}

// tracks are those that a result holds, also as edges.
func tracks(result any) iter.Seq[*ent.Track] {
	return func(yield func(*ent.Track) bool) {
		each := func(list []*ent.Track) {
			for _, t := range list {
				if !yield(t) {
					return
				}
			}
		}
		switch r := result.(type) {
		case *ent.Track:
			yield(r)
		case []*ent.Track:
			each(r)
		case *ent.Album:
			each(r.Edges.Tracks)
		case *ent.Playlist:
			each(r.Edges.Tracks)
		case *ent.Customer:
			for _, i := range r.Edges.Invoices {
				for _, l := range i.Edges.Lines {
					if l.Edges.Track != nil && !yield(l.Edges.Track) {
						return
					}
				}
			}
		}
	}
}
