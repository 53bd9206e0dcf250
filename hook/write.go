package hook

import (
	"context"
	"runtime"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/mutant"
)

// Write is one mutation on its way to the database. It belongs to the goroutine
// that runs the mutation.
type Write struct {
	caches  []*cache.Cache
	typ     *cache.Type
	fold    bool
	origin  cache.Origin
	pending *Pending
	specs   []*spec
	holds   []announced
	// inDoubt says that the database didn't answer, so the write may take effect
	// at any time.
	inDoubt  bool
	finished bool
	// refused says that the statement wasn't let through.
	refused bool
	// bulks are the statements that write the rows of several mutations, this
	// one's among them; more than one if a hook let one run again.
	bulks []*bulk
}

// bulk is what the mutations of one statement have in common: they are announced
// together, and take effect together when the last of them ends.
type bulk struct {
	running int
	holds   []announced
	facts   cache.Facts
	by      cache.Cause
	inDoubt bool
}

// announced is a hold in a cache. A write has several in one if a hook let its
// statement run more than once.
type announced struct {
	cache *cache.Cache
	hold  *cache.Hold
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
	// seen is what the statements of an update or delete have shown of its rows.
	seen cache.Observed
	// undone says that what it wrote was rolled back.
	undone bool
}

// table returns the table of an update or delete, else nothing.
func (s *spec) table() string {
	switch {
	case s.update != nil:
		return s.update.Node.Table
	case s.remove != nil:
		return s.remove.Node.Table
	default:
		return ""
	}
}

// Create is called by a builder that is about to insert one row, or by each
// builder of a bulk. It returns the driver to run the insert on.
func Create(cl Client, m Mutation, s *sqlgraph.CreateSpec) dialect.Driver {
	w, alone := running(nil, m)
	own := &spec{create: s}
	if !w.report(cl, own) {
		return cl.Driver
	}
	return &watching{Driver: cl.Driver, writes: []*Write{w}, alone: alone, own: own}
}

// Batch is called by a bulk builder that is about to insert the rows of ms. It
// returns the driver to run the insert on.
func Batch[M Mutation](ctx context.Context, cl Client, ms []M, s *sqlgraph.BatchCreateSpec) dialect.Driver {
	var (
		b     = &watching{Driver: cl.Driver}
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
			return cl.Driver
		}
		w, alone := running(ctx, ms[0])
		if alone {
			own := &spec{batch: s}
			if !w.report(cl, own) {
				return cl.Driver
			}
			return &watching{Driver: cl.Driver, writes: []*Write{w}, alone: true, own: own}
		}
		b.writes = append(b.writes, w)
	}
	// The builders may be another client's; the bulk runs on its own.
	for _, w := range b.writes {
		w.bind(cl)
	}
	// The rows were reported one by one when their builders made them, except
	// those of mutations that a hook put in the place of others.
	last := &spec{conflict: s}
	if whole {
		last = &spec{batch: s}
	}
	if !b.writes[0].report(cl, last) {
		return cl.Driver
	}
	return b
}

// Update is called by a builder that is about to update. It returns the driver
// to run the update on, or an error that fails the mutation before it wrote.
func Update(ctx context.Context, cl Client, m Mutation, s *sqlgraph.UpdateSpec) (dialect.Driver, error) {
	return change(ctx, cl, m, &spec{update: s})
}

// Delete is called by a builder that is about to delete: the row of id, or what
// its predicates match if id is nil.
func Delete(ctx context.Context, cl Client, m Mutation, s *sqlgraph.DeleteSpec, id any) (dialect.Driver, error) {
	return change(ctx, cl, m, &spec{remove: s, id: id})
}

func change(ctx context.Context, cl Client, m Mutation, s *spec) (dialect.Driver, error) {
	w, alone := running(ctx, m)
	if !w.report(cl, s) {
		return cl.Driver, nil
	}
	return &watching{Driver: cl.Driver, writes: []*Write{w}, alone: alone, own: s}, nil
}

// report keeps a specification and reports whether a cache is attached to the
// client at all.
func (w *Write) report(cl Client, s *spec) bool {
	w.specs = append(w.specs, s)
	w.bind(cl)
	return len(w.caches) > 0
}

// bind makes the write one of the client that runs it.
func (w *Write) bind(cl Client) {
	w.caches = cl.caches()
	w.fold = cl.Driver.Dialect() == dialect.MySQL
	w.origin = cache.OriginOf(cl.Driver)
	w.pending = cl.Pending
	if w.pending != nil && len(w.caches) > 0 && !mutant.On(mutant.TxDropped) {
		w.pending.add(w)
	}
}

// schema returns the database schema of the table, if the specification names one.
func (s *spec) schema() string {
	if s.update != nil {
		return s.update.Node.Schema
	}
	return s.remove.Node.Schema
}

// ownTx reports whether the transaction that Ent opens for the mutation is one of
// the database, and not part of another that may commit yet.
func (w *Write) ownTx() bool { return w.pending == nil && w.origin.Tx == nil && w.origin.DB != nil }

// facts reads what the write touches off its specifications.
func (w *Write) facts(f *cache.Facts) {
	f.Fold = w.fold
	s := w.typ.Schema
	for _, sp := range w.specs {
		switch {
		case sp.undone:
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
			s.UpdateFacts(f, sp.update, &sp.seen)
		case sp.remove != nil:
			s.DeleteFacts(f, sp.remove, sp.id, &sp.seen)
		}
	}
}

// announce holds what the writes of a statement touch, from before the database
// has it until finish. In a transaction that happens when it commits.
func announce(ctx context.Context, writes []*Write) error {
	first := writes[0]
	if first.pending != nil {
		return nil
	}
	var f cache.Facts
	for _, w := range writes {
		w.facts(&f)
	}
	var holds []announced
	for _, c := range first.caches {
		if mutant.On(mutant.TouchBefore) {
			c.Touch(ctx, nil, &f, first.cause())
			continue
		}
		h, err := c.Hold(ctx, &f)
		if err != nil {
			for _, a := range holds {
				a.cache.Touch(ctx, a.hold, &cache.Facts{}, first.cause())
			}
			for _, w := range writes {
				w.refused = true
			}
			return err
		}
		holds = append(holds, announced{cache: c, hold: h})
	}
	if len(writes) == 1 {
		first.holds = append(first.holds, holds...)
		return nil
	}
	b := &bulk{running: len(writes), holds: holds}
	for _, w := range writes {
		w.bulks = append(w.bulks, b)
	}
	return nil
}

// of returns the holds in a cache.
func of(c *cache.Cache, all []announced) []*cache.Hold {
	var holds []*cache.Hold
	for _, a := range all {
		if a.cache == c {
			holds = append(holds, a.hold)
		}
	}
	return holds
}

// touch makes the facts of a write take effect in a cache and ends its holds.
func touch(ctx context.Context, c *cache.Cache, holds []*cache.Hold, f *cache.Facts, by cache.Cause) {
	c.Touch(ctx, last(ctx, c, holds, by), f, by)
}

// inDoubt hands a write that the database didn't answer to a cache.
func inDoubt(ctx context.Context, c *cache.Cache, holds []*cache.Hold, f *cache.Facts, by cache.Cause) {
	c.InDoubt(ctx, last(ctx, c, holds, by), f, by)
}

// last ends all of a write's holds in a cache but one.
func last(ctx context.Context, c *cache.Cache, holds []*cache.Hold, by cache.Cause) *cache.Hold {
	n := len(holds) - 1
	if n < 0 {
		return nil
	}
	for _, h := range holds[:n] {
		c.Touch(ctx, h, &cache.Facts{}, by)
	}
	return holds[n]
}

// finish makes the write take effect. A mutation that failed counts as written:
// nothing says that its statement didn't reach the database. One that reported
// nothing didn't get as far as its statement.
func (w *Write) finish(ctx context.Context) {
	w.finished = true
	if len(w.specs) == 0 || w.refused && len(w.holds)+len(w.bulks) == 0 {
		return
	}
	if w.pending != nil && !mutant.On(mutant.TxAtStatement) {
		w.pending.settle(w)
		return
	}
	for _, b := range w.bulks {
		w.facts(&b.facts)
		b.by.Merge(w.cause())
		b.inDoubt = b.inDoubt || w.inDoubt
		if b.running--; b.running == 0 {
			w.end(ctx, &b.facts, b.by, b.holds, b.inDoubt)
		}
	}
	if len(w.bulks) == 0 || len(w.holds) > 0 {
		var f cache.Facts
		w.facts(&f)
		w.end(ctx, &f, w.cause(), w.holds, w.inDoubt)
	}
	w.specs, w.holds, w.bulks = nil, nil, nil
}

// end makes facts take effect that were held, or in doubt.
func (w *Write) end(ctx context.Context, f *cache.Facts, by cache.Cause, holds []announced, doubtful bool) {
	switch {
	case mutant.On(mutant.TouchBefore):
	case w.origin.Tx != nil && !mutant.On(mutant.ForeignTxAtOnce):
		w.untilGone(ctx, f, by, holds)
	case w.origin.DB == nil && !mutant.On(mutant.ForeignTxAtOnce) && !mutant.On(mutant.HiddenTxAtOnce) && !mutant.On(mutant.TxAtStatement):
		w.hidden(ctx, f, by, holds)
	case doubtful && !mutant.On(mutant.DoubtIgnored):
		for _, c := range w.caches {
			inDoubt(ctx, c, of(c, holds), f, by)
		}
	default:
		for _, c := range w.caches {
			touch(ctx, c, of(c, holds), f, by)
		}
	}
}

// untilGone holds the facts until the transaction that the program opened
// itself can't commit any more. database/sql tells nobody when that is, but it
// drops its own reference when the transaction ends, so the garbage collector
// does.
func (w *Write) untilGone(ctx context.Context, f *cache.Facts, by cache.Cause, holds []announced) {
	for _, c := range w.caches {
		open := openTx{cache: c, by: by, holds: of(c, holds), facts: *f}
		// The announcement knew less: not the ids that the database assigned.
		if h, err := c.Hold(ctx, f); err == nil {
			open.holds = append(open.holds, h)
		}
		runtime.AddCleanup(w.origin.Tx, openTx.end, open)
	}
}

// openTx is what a transaction that the program opened itself has written.
type openTx struct {
	cache *cache.Cache
	by    cache.Cause
	holds []*cache.Hold
	facts cache.Facts
}

func (o openTx) end() { touch(context.Background(), o.cache, o.holds, &o.facts, o.by) }

// hidden makes the tables of a write uncacheable for good: its driver doesn't
// say what it wraps, so a transaction may be behind it that commits whenever.
func (w *Write) hidden(ctx context.Context, f *cache.Facts, by cache.Cause, holds []announced) {
	for _, c := range w.caches {
		touch(ctx, c, of(c, holds), f, by)
		c.Distrust(ctx, w.typ, f)
	}
}
