package cache

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/entcache/ent-cache/cache/ledger"
	"github.com/entcache/ent-cache/internal/crash"
	"github.com/entcache/ent-cache/internal/mutant"
)

// Hold is a write that was announced and hasn't ended.
type Hold struct {
	facts  []Fact
	remote *announcement // nil if there is no remote level
}

// Hold announces a write: until it is touched, results that depend on the facts
// are neither served nor stored, in this process and in those that share a remote
// level with it. An error means that the write must not happen; it wraps
// ErrUnannounced.
func (c *Cache) Hold(ctx context.Context, f *Facts) (*Hold, error) {
	if c.closed.Load() && c.shared != nil {
		if c.shared.refuse {
			return nil, fmt.Errorf("%w: %w", ErrUnannounced, ErrClosed)
		}
		c.warnOnce(ctx, "a client writes after its cache was closed, and other processes aren't told", "", "close the clients before the cache")
	}
	if c.closed.Load() || mutant.On(mutant.HoldIgnored) {
		return &Hold{}, nil
	}
	h := c.hold(f)
	if c.shared == nil {
		return h, nil
	}
	crash.At(crash.AnnounceBefore)
	facts := narrow(h.facts, f)
	if f.All {
		facts = []Fact{allFact}
	}
	a, err := c.shared.announce(ctx, facts)
	if err != nil {
		c.ledger.Release(h.facts, nil)
		return nil, err
	}
	crash.At(crash.AnnounceAfter)
	h.remote = a
	return h, nil
}

// hold is Hold for this process.
func (c *Cache) hold(f *Facts) *Hold {
	h := &Hold{facts: unique(f.List)}
	if !mutant.On(mutant.OwnUnapplied) {
		c.ledger.Hold(h.facts)
	}
	return h
}

// Touch makes a write take effect: results that depend on its facts and were
// read before now are not served any more. It ends the write's hold, which may
// be nil. by says what was written, for explanations and the log.
func (c *Cache) Touch(ctx context.Context, h *Hold, f *Facts, by Cause) {
	if c.closed.Load() {
		return
	}
	if h == nil {
		h = &Hold{}
	}
	touched := unique(f.List)
	if mutant.On(mutant.OwnUnapplied) {
		h.facts = nil
	} else if len(touched) > 0 || f.All {
		position := c.recent.add(by, c.judged(f), func() uint64 { return c.ledger.Release(h.facts, touched) })
		if f.All {
			position = c.recent.add(by, &Facts{}, c.ledger.Reset)
		}
		c.stats.invalidations.Add(1)
		if c.log.Enabled(ctx, slog.LevelDebug) {
			c.log.LogAttrs(ctx, slog.LevelDebug, "entcache: invalidate", slog.String("type", by.Type), slog.String("write", by.String()),
				slog.Int("facts", len(f.List)), slog.Bool("all", f.All), slog.Uint64("position", position))
		}
	} else if len(h.facts) > 0 {
		c.ledger.Release(h.facts, nil)
	}
	if c.shared == nil {
		return
	}
	if touched = narrow(touched, f); f.All {
		touched = []Fact{allFact}
	}
	switch {
	case h.remote != nil:
		c.shared.record(ctx, h.remote, touched)
		if len(touched) > 0 {
			c.shared.wroteNow(!h.remote.owed)
		}
	case len(touched) > 0:
		c.shared.wroteNow(c.shared.touch(ctx, touched))
	}
}

// judged returns what is remembered of a write so that reads can judge whether it
// matters. Of the writes of other processes only the facts are known, so none are
// judged where there is a remote level.
func (c *Cache) judged(f *Facts) *Facts {
	if c.shared != nil {
		return &Facts{}
	}
	return f
}

func unique(facts []ledger.Fact) []ledger.Fact {
	out := slices.Clone(facts)
	slices.Sort(out)
	return slices.Compact(out)
}

// Distrust makes the tables of a write uncacheable for good, because the write
// may take effect at a time that the cache can't learn of.
func (c *Cache) Distrust(ctx context.Context, typ *Type, f *Facts) {
	c.warnOnce(ctx, "a mutation ran on a driver that doesn't say what it wraps, so what it wrote isn't cached any more", typ.Name,
		"give the driver a method Unwrap() dialect.Driver")
	var tables []*Table
	for _, t := range typ.Schema.tables {
		if f.All || slices.Contains(f.List, t.any) {
			tables = append(tables, t)
		}
	}
	for _, t := range tables {
		c.mu.Lock()
		known := c.distrust[t.any]
		c.distrust[t.any] = true
		c.mu.Unlock()
		if !known {
			// Every result that mentions the table, or a view of it, depends on
			// one of the two. The hold never ends, and where writes are refused
			// that can't be announced, this one was announced before.
			_, _ = c.Hold(ctx, &Facts{List: []Fact{t.any, t.table}})
		}
	}
}

// InvalidateAll makes every result read before now a miss.
func (c *Cache) InvalidateAll(ctx context.Context) {
	c.Touch(ctx, nil, &Facts{All: true}, Cause{Op: WriteAll})
}

// InvalidateType makes results that depend on the Ent type's table misses, those
// of the tables that cascade from it too. It is for writes that Ent didn't make.
func (c *Cache) InvalidateType(ctx context.Context, name string) error {
	types, err := c.typesNamed(name)
	if err != nil {
		return err
	}
	for _, t := range types {
		var f Facts
		f.WholeTable(t.Table)
		c.Touch(ctx, nil, &f, Cause{Type: name, Op: WriteType})
	}
	return nil
}

// InvalidateIDs makes results that depend on the rows of an Ent type with these
// ids misses, whatever was done to those rows: created, updated or deleted. It
// is for writes that Ent didn't make. Rows that the database changed in turn
// need a call of their own.
func (c *Cache) InvalidateIDs(ctx context.Context, name string, ids ...any) error {
	types, err := c.typesNamed(name)
	if err != nil {
		return err
	}
	for _, t := range types {
		var f Facts
		f.Any(t.Table)
		f.inserted(t.Table, image{}, true)
		f.deleted(t.Table, image{})
		f.updated(t.Table, t.Table.Columns, image{}, image{})
		for _, id := range ids {
			// Texts are compared by rules of the database's own; see Facts.Fold.
			if _, text := id.(string); text || !f.written(t.Table, id, nil) {
				f.Table(t.Table)
			}
		}
		by := Cause{Type: name, Op: WriteIDs}
		for _, id := range ids {
			by.row(id)
		}
		c.Touch(ctx, nil, &f, by)
	}
	return nil
}

// InvalidateEntity is InvalidateIDs for one entity: a pointer to a struct that
// Ent generated.
func (c *Cache) InvalidateEntity(ctx context.Context, entity any) error {
	v := reflect.ValueOf(entity)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("entcache: %T is no entity; pass a non-nil pointer that Ent returned", entity)
	}
	name := v.Elem().Type().Name()
	id := v.Elem().FieldByName("ID")
	if !id.IsValid() {
		return fmt.Errorf("entcache: %s has no ID; use InvalidateType", name)
	}
	return c.InvalidateIDs(ctx, name, id.Interface())
}

// typesNamed finds the type in the schemas whose clients have read or written
// through the cache. Before the first of them nothing is cached.
func (c *Cache) typesNamed(name string) ([]*Type, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var (
		found []*Type
		known []string
	)
	for s := range c.schemas {
		if t := s.Type(name); t != nil {
			found = append(found, t)
		}
		known = append(known, s.Types()...)
	}
	if len(found) == 0 && len(known) > 0 {
		slices.Sort(known)
		return nil, fmt.Errorf("entcache: no Ent type %q; there are %s", name, strings.Join(slices.Compact(known), ", "))
	}
	return found, nil
}
