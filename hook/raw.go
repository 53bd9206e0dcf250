package hook

import (
	"context"
	"runtime"
	"slices"

	"github.com/entcache/ent-cache/cache"
)

type toldKey struct{}

// toldOf is a mutation's own statement, and the caches that know what it writes.
type toldOf struct {
	caches []*cache.Cache
	query  string
}

// told marks the context of a mutation's own statement. A driver between may run
// other statements under it, so the mark says which it is.
func told(ctx context.Context, caches []*cache.Cache, query string) context.Context {
	return context.WithValue(ctx, toldKey{}, &toldOf{caches, query})
}

// untold returns the caches that don't know of a statement.
func untold(ctx context.Context, all []*cache.Cache, query string) []*cache.Cache {
	known, _ := ctx.Value(toldKey{}).(*toldOf)
	if known == nil || known.query != query {
		return all
	}
	var left []*cache.Cache
	for _, c := range all {
		if !slices.Contains(known.caches, c) {
			left = append(left, c)
		}
	}
	return left
}

// rawWrite is a raw statement on its way to the database, or several.
type rawWrite struct {
	d         *Driver
	parts     []rawPart
	control   cache.RawControl
	savepoint string
}

// rawPart is what a raw statement touches in one cache.
type rawPart struct {
	cache *cache.Cache
	facts cache.Facts
	by    cache.Cause
	hold  *cache.Hold
}

// begin announces the statement. If a cache refuses it, it must not run.
func (w *rawWrite) begin(ctx context.Context) error {
	for i := range w.parts {
		p := &w.parts[i]
		h, err := p.cache.Hold(ctx, &p.facts)
		if err != nil {
			if w.control == cache.RawRollback {
				continue // what was written is better dropped than left open
			}
			(&rawWrite{parts: w.parts[:i]}).drop(ctx)
			return err
		}
		p.hold = h
	}
	return nil
}

// end makes the statement take effect, with what the database had to say. One
// that failed counts as written.
func (w *rawWrite) end(ctx context.Context, err error) {
	ctx = context.WithoutCancel(ctx)
	switch o := &w.d.origin; {
	case o.Tx != nil:
		for i := range w.parts {
			p := &w.parts[i]
			runtime.AddCleanup(o.Tx, openTx.end, openTx{cache: p.cache, by: p.by, holds: []*cache.Hold{p.hold}, facts: p.facts})
		}
	case o.DB == nil:
		for i := range w.parts {
			p := &w.parts[i]
			p.cache.Touch(ctx, p.hold, &p.facts, p.by)
			p.cache.DistrustTables(ctx, &p.facts)
		}
	case unanswered(err, o.DB):
		for i := range w.parts {
			p := &w.parts[i]
			p.cache.InDoubt(ctx, p.hold, &p.facts, p.by)
		}
	case w.control == cache.RawRollback, w.control != cache.RawNone && err == nil:
		w.d.steering.control(ctx, w)
	default:
		w.touch(ctx)
	}
}

func (w *rawWrite) touch(ctx context.Context) {
	for i := range w.parts {
		p := &w.parts[i]
		p.cache.Touch(ctx, p.hold, &p.facts, p.by)
	}
}

// drop ends a write that wrote nothing.
func (w *rawWrite) drop(ctx context.Context) {
	for i := range w.parts {
		p := &w.parts[i]
		p.cache.Touch(ctx, p.hold, &cache.Facts{}, p.by)
	}
}
