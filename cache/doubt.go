package cache

import (
	"context"
	"log/slog"
	"time"

	"github.com/entcache/ent-cache/internal/mutant"
)

// DefaultInDoubt is how long the facts of a write in doubt are held. It is
// longer than MySQL lets a statement wait for a lock.
const DefaultInDoubt = time.Minute

// InDoubt ends a write that the database hasn't answered: its context ended, or
// its connection broke, and the server may let it take effect at any time from
// now. What it touches is neither served nor stored for Options.InDoubt; then the
// write counts as done. A statement that the server is still running after that
// is a write the cache doesn't know of.
func (c *Cache) InDoubt(ctx context.Context, h *Hold, f *Facts, by Cause) {
	if c.closed.Load() {
		return
	}
	facts := *f
	// The announcement knew less: not the ids that the database assigned. Nothing
	// depends on the row of such an id, besides what depends on unkeyed(T) too, in
	// other processes; but this one may know the id already.
	whole := c.hold(f)
	if facts.All {
		// What depends on no known fact can't be held.
		c.Touch(ctx, nil, &facts, by)
	}
	if mutant.On(mutant.DoubtEnded) && h != nil && h.remote != nil {
		c.shared.record(ctx, h.remote, nil)
		h.remote = nil
	}
	c.stats.inDoubt.Add(1)
	c.log.LogAttrs(ctx, slog.LevelDebug, "entcache: in doubt", slog.String("type", by.Type), slog.Duration("held", c.opts.InDoubt))
	time.AfterFunc(c.opts.InDoubt, func() {
		if h == nil {
			h = &Hold{}
		}
		h.facts = append(h.facts, whole.facts...)
		c.Touch(context.Background(), h, &facts, by)
	})
}
