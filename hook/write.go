package hook

import (
	"context"
	"runtime"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/entcache/ent-cache/cache"
)

// Write is one mutation on its way to the database. It belongs to the goroutine
// that runs the mutation.
type Write struct {
	caches   []*cache.Cache
	typ      *cache.Type
	fold     bool
	origin   cache.Origin
	pending  *Pending
	specs    []spec
	holds    []*cache.Hold
	finished bool
}

// spec is a specification Ent executes. Its content is read as late as
// possible: templates of other extensions may still add to it, and ids that the
// database assigns are in it only afterwards.
type spec struct {
	create   *sqlgraph.CreateSpec
	batch    *sqlgraph.BatchCreateSpec
	conflict *sqlgraph.BatchCreateSpec // only its conflict clause
	update   *sqlgraph.UpdateSpec
	remove   *sqlgraph.DeleteSpec
	id       any
}

func newWrite(m Mutation) *Write {
	found := caches(m)
	if len(found) == 0 {
		return nil
	}
	drv := m.EntcacheDriver()
	return &Write{
		caches:  found,
		typ:     m.EntcacheType(),
		fold:    drv.Dialect() == dialect.MySQL,
		origin:  cache.OriginOf(drv),
		pending: m.EntcachePending(),
	}
}

// Create is called by a builder that is about to insert one row, or by each
// builder of a bulk. It returns the driver to run the insert on.
func Create(m Mutation, s *sqlgraph.CreateSpec, drv dialect.Driver) dialect.Driver {
	w, alone := running(nil, m)
	if w == nil {
		return drv
	}
	w.report(spec{create: s})
	return w.driver(drv, alone)
}

// Batch is called by a bulk builder that is about to insert the rows of ms. It
// returns the driver to run the insert on.
func Batch[M Mutation](ctx context.Context, ms []M, s *sqlgraph.BatchCreateSpec, drv dialect.Driver) dialect.Driver {
	var (
		b     = &batch{Driver: drv}
		whole bool
	)
	for _, m := range ms {
		if w := m.EntcacheWrite(); w != nil {
			b.writes = append(b.writes, w)
		} else {
			whole = true
		}
	}
	if len(b.writes) == 0 {
		if len(ms) == 0 {
			return drv
		}
		w, alone := running(ctx, ms[0])
		if w == nil {
			return drv
		}
		if alone {
			w.report(spec{batch: s})
			return w.driver(drv, true)
		}
		b.writes = append(b.writes, w)
	}
	// The rows were reported one by one when their builders made them, except
	// those of mutations that a hook put in the place of others.
	if whole {
		b.writes[0].report(spec{batch: s})
	} else {
		b.writes[0].report(spec{conflict: s})
	}
	return b
}

// Update is called by a builder that is about to update. It returns the driver
// to run the update on, or an error that fails the mutation before it wrote.
func Update(ctx context.Context, m Mutation, s *sqlgraph.UpdateSpec, drv dialect.Driver) (dialect.Driver, error) {
	return change(ctx, m, spec{update: s}, drv)
}

// Delete is called by a builder that is about to delete: the row of id, or what
// its predicates match if id is nil.
func Delete(ctx context.Context, m Mutation, s *sqlgraph.DeleteSpec, id any, drv dialect.Driver) (dialect.Driver, error) {
	return change(ctx, m, spec{remove: s, id: id}, drv)
}

func change(ctx context.Context, m Mutation, s spec, drv dialect.Driver) (dialect.Driver, error) {
	w, alone := running(ctx, m)
	if w == nil {
		return drv, nil
	}
	w.report(s)
	if alone {
		return w.driver(drv, true), nil
	}
	return drv, w.announce(ctx)
}

func (w *Write) report(s spec) {
	w.specs = append(w.specs, s)
	if w.pending != nil {
		w.pending.add(w)
	}
}

func (w *Write) driver(drv dialect.Driver, alone bool) dialect.Driver {
	return &announcing{Driver: drv, write: w, alone: alone}
}

// facts reads what the write touches off its specifications.
func (w *Write) facts(f *cache.Facts) {
	f.Fold = w.fold
	s := w.typ.Schema
	for _, sp := range w.specs {
		switch {
		case sp.create != nil:
			s.CreateFacts(f, sp.create, false)
		case sp.batch != nil:
			for _, n := range sp.batch.Nodes {
				s.CreateFacts(f, n, len(sp.batch.OnConflict) > 0)
			}
		case sp.conflict != nil:
			if len(sp.conflict.OnConflict) > 0 && len(sp.conflict.Nodes) > 0 {
				s.CreateFacts(f, sp.conflict.Nodes[0], true)
			}
		case sp.update != nil:
			s.UpdateFacts(f, sp.update)
		case sp.remove != nil:
			s.DeleteFacts(f, sp.remove, sp.id)
		}
	}
}

// announce holds what the write touches, from before the database has it until
// finish. In a transaction that happens when it commits.
func (w *Write) announce(ctx context.Context) error {
	if w.pending != nil {
		return nil
	}
	var f cache.Facts
	w.facts(&f)
	for _, c := range w.caches {
		h, err := c.Hold(ctx, &f)
		if err != nil {
			return err
		}
		w.holds = append(w.holds, h)
	}
	return nil
}

// finish makes the write take effect. A mutation that failed counts as written:
// nothing says that its statement didn't reach the database. One that reported
// nothing didn't get as far as its statement.
func (w *Write) finish(ctx context.Context) {
	w.finished = true
	if len(w.specs) == 0 {
		return
	}
	if w.pending != nil {
		w.pending.settle(w)
		return
	}
	var f cache.Facts
	w.facts(&f)
	w.specs = nil
	switch {
	case w.origin.Tx != nil:
		w.untilGone(ctx, &f)
	case w.origin.DB == nil:
		w.hidden(ctx, &f)
	default:
		for i, c := range w.caches {
			var h *cache.Hold
			if i < len(w.holds) {
				h = w.holds[i]
			}
			c.Touch(ctx, h, &f, w.typ.Name)
		}
	}
	w.holds = nil
}

// untilGone holds the facts until the transaction that the program opened
// itself can't commit any more. database/sql tells nobody when that is, but it
// drops its own reference when the transaction ends, so the garbage collector
// does.
func (w *Write) untilGone(ctx context.Context, f *cache.Facts) {
	typ := w.typ.Name
	for i, c := range w.caches {
		open := openTx{cache: c, typ: typ, facts: *f}
		if i < len(w.holds) {
			open.holds[0] = w.holds[i]
		}
		// The announcement knew less: not the ids that the database assigned.
		if h, err := c.Hold(ctx, f); err == nil {
			open.holds[1] = h
		}
		runtime.AddCleanup(w.origin.Tx, openTx.end, open)
	}
}

// openTx is what a transaction that the program opened itself has written.
type openTx struct {
	cache *cache.Cache
	typ   string
	holds [2]*cache.Hold
	facts cache.Facts
}

func (o openTx) end() {
	ctx := context.Background()
	o.cache.Touch(ctx, o.holds[0], &cache.Facts{}, o.typ)
	o.cache.Touch(ctx, o.holds[1], &o.facts, o.typ)
}

// hidden makes the tables of a write uncacheable for good: its driver doesn't
// say what it wraps, so a transaction may be behind it that commits whenever.
func (w *Write) hidden(ctx context.Context, f *cache.Facts) {
	for i, c := range w.caches {
		if i < len(w.holds) {
			c.Touch(ctx, w.holds[i], f, w.typ.Name)
		}
		c.Distrust(ctx, w.typ, f)
	}
}
