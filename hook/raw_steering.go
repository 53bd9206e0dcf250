package hook

import (
	"context"
	"slices"
	"sync"

	"github.com/entcache/ent-cache/cache"
)

// steering is the transactions that the program began by a statement, outside of
// any that database/sql knows. It isn't known which connection they are on, so
// nothing is served or stored until all of them have ended: reads may see what
// isn't committed. Whatever ends one ends them all.
type steering struct {
	mu   sync.Mutex
	open []*rawWrite
	// savepoints are those of a transaction that began with one.
	savepoints []string
}

// control does what a statement did that controls a transaction.
func (s *steering) control(ctx context.Context, w *rawWrite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch w.control {
	case cache.RawBegin:
		s.begin(ctx, w)
	case cache.RawSavepoint:
		if len(s.open) == 0 {
			s.begin(ctx, w)
		} else {
			w.drop(ctx)
		}
		if len(s.open) == 1 && s.open[0].control == cache.RawSavepoint {
			s.savepoints = append(s.savepoints, w.savepoint)
		}
	case cache.RawRelease:
		// The last of that name, and those set since.
		for i, name := range slices.Backward(s.savepoints) {
			if name == w.savepoint {
				s.savepoints = s.savepoints[:i]
				break
			}
		}
		if len(s.open) == 1 && s.open[0].control == cache.RawSavepoint && len(s.savepoints) == 0 {
			s.end(ctx, w)
		} else {
			w.drop(ctx)
		}
	default:
		s.end(ctx, w)
	}
}

func (s *steering) begin(ctx context.Context, w *rawWrite) {
	for i := range w.parts {
		w.parts[i].cache.Steered(ctx)
	}
	s.open = append(s.open, w)
}

func (s *steering) end(ctx context.Context, w *rawWrite) {
	w.touch(ctx)
	for _, o := range s.open {
		o.touch(ctx)
	}
	s.open, s.savepoints = nil, nil
}
