package oracle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/entcache"
)

// Storm is reads and writes of several goroutines at once.
type Storm struct {
	Seed uint64
	// Readers and Writers are numbers of goroutines.
	Readers, Writers int
	// For is how long they run, in rounds; after each all reads are repeated
	// when nothing is written.
	For time.Duration
	// Pause is how long a writer waits between writes, on average.
	Pause time.Duration
}

// StormStats count what a storm did.
type StormStats struct {
	// Reads were compared with two uncached reads around them; Inconclusive
	// ones overlapped more than one commit, and matched neither.
	Reads, Inconclusive, Commits, Rollbacks int64
	// Still are the reads compared when nothing was written.
	Still                   int64
	Hits, ValueHits, Misses uint64
	Coalesced               uint64
	// InDoubt are the writes that the database didn't answer.
	InDoubt uint64
}

// Line is the counts on one line.
func (s StormStats) Line() string {
	return fmt.Sprintf("%d reads at work (%.2f%% inconclusive), %d at rest, %d commits, %d rollbacks, %d in doubt, %.0f%% hits, %d coalesced",
		s.Reads, 100*float64(s.Inconclusive)/float64(max(1, s.Reads)), s.Still, s.Commits, s.Rollbacks, s.InDoubt,
		100*float64(s.Hits)/float64(max(1, s.Hits+s.Misses)), s.Coalesced)
}

// poolSize is how many reads a storm repeats: few, so that they meet.
const poolSize = 12

// round is how long goroutines run until all of them stop.
const round = 500 * time.Millisecond

// storm is a running Storm.
type storm struct {
	*run
	Storm
	pool []Op
	// begun counts commits that may have taken effect, ended those that have, or
	// never will.
	begun, ended atomic.Int64
	counts       struct{ reads, inconclusive, commits, rollbacks, still atomic.Int64 }
	hurried      atomic.Int64 // when a write last got little time

	mu     sync.Mutex
	failed error
}

// Run empties the database, fills it and lets the goroutines loose. Its error is
// a *Mismatch if a cached read was no state the database had while it ran.
func (s Storm) Run(ctx context.Context, d *Database) (StormStats, error) {
	if err := d.Reset(ctx); err != nil {
		return StormStats{}, err
	}
	h, err := entcache.New(entcache.WithLogger(slog.New(slog.DiscardHandler)), entcache.WithInDoubt(inDoubt))
	if err != nil {
		return StormStats{}, err
	}
	defer h.Close()
	w := &storm{run: &run{Database: d, handle: h}, Storm: s}
	w.plain = reflect.ValueOf(d.Package.Open(counting{entsql.OpenDB(d.Dialect, d.db)}))
	w.cached = w.client(&slow{Driver: entsql.OpenDB(d.Dialect, d.db)})
	w.processes = []*process{{handle: h, cached: w.cached}}
	g := &generator{m: d.model, rng: rand.New(rand.NewPCG(s.Seed, 1))}
	g.chooseFocus()
	for _, op := range g.rows() {
		w.write(ctx, 0, op)
	}
	for range poolSize {
		w.pool = append(w.pool, g.read())
	}
	for start := time.Now(); time.Since(start) < s.For && w.failed == nil && ctx.Err() == nil; {
		w.round(ctx, g)
		w.still(ctx)
	}
	counted := h.Stats()
	total := counted.Total()
	stats := StormStats{
		InDoubt: counted.InDoubt,
		Reads:   w.counts.reads.Load(), Inconclusive: w.counts.inconclusive.Load(), Still: w.counts.still.Load(),
		Commits: w.counts.commits.Load(), Rollbacks: w.counts.rollbacks.Load(),
		Hits: total.Hits + total.Coalesced, ValueHits: total.ValueHits, Misses: total.Misses, Coalesced: total.Coalesced,
	}
	if w.failed != nil {
		return stats, w.failed
	}
	return stats, ctx.Err()
}

func (w *storm) round(ctx context.Context, g *generator) {
	var (
		wg   sync.WaitGroup
		stop = time.Now().Add(round)
	)
	more := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.failed == nil && time.Now().Before(stop)
	}
	start := func(loop func(*generator)) {
		own := &generator{m: g.m, rng: rand.New(rand.NewPCG(g.rng.Uint64(), 2)), focus: g.focus}
		wg.Go(func() {
			for more() {
				loop(own)
			}
		})
	}
	for range w.Readers {
		start(func(g *generator) { w.compare(ctx, g) })
	}
	for range w.Writers {
		start(func(g *generator) {
			time.Sleep(time.Duration(g.rng.Int64N(int64(2 * w.Pause))))
			w.change(ctx, g)
		})
	}
	wg.Wait()
}

// compare runs a read uncached, cached and uncached again.
func (w *storm) compare(ctx context.Context, g *generator) {
	op := w.pool[g.rng.IntN(len(w.pool))]
	t, c := w.byName[op.Type], &choices{data: op.Data}
	ctx = w.asViewer(ctx, c.n(viewers))
	data := rest(op.Data)
	directed := ctx
	switch g.rng.IntN(24) {
	case 0:
		directed = entcache.Refresh(ctx)
	case 1:
		// Somebody gives up on the same read.
		short, cancel := context.WithTimeout(ctx, time.Duration(g.rng.IntN(300))*time.Microsecond)
		defer cancel()
		w.reader(short, w.cached).read(t, data)
		return
	}
	ended := w.ended.Load()
	before, n := w.ask(ctx, t, data)
	cached := w.reader(directed, w.cached).read(t, data)
	after, m := w.ask(ctx, t, data)
	commits := w.begun.Load() - ended
	w.counts.reads.Add(1)
	if before.err != nil && !settled(before.err) || after.err != nil && !settled(after.err) || cached.err != nil && !settled(cached.err) {
		w.counts.inconclusive.Add(1)
		return
	}
	switch {
	case equal(&cached, &before), equal(&cached, &after):
	// A read of several statements may see some before a commit and some after.
	case commits == 0, commits == 1 && n <= 1 && m <= 1:
		w.fail(op, cached.render(true), fmt.Sprintf("%s\nor     %s\n(%d commits)", before.render(true), after.render(true), commits))
	default:
		w.counts.inconclusive.Add(1)
	}
}

// settled reports whether an error is what the database has to say about a
// read, and not about the other goroutines.
func settled(err error) bool {
	var p *panicError
	return !errors.As(err, &p) && !busy(err)
}

func (w *storm) fail(op Op, cached, plain string) {
	w.stop(&Mismatch{Op: op, Cached: cached, Plain: plain})
}

func (w *storm) stop(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
}

// ask runs an uncached read and counts its statements.
func (w *storm) ask(ctx context.Context, t *typ, data []byte) (answer, int64) {
	var n atomic.Int64
	a := w.reader(context.WithValue(ctx, countKey{}, &n), w.plain).read(t, data)
	return a, n.Load()
}

// change runs a write, or some in a transaction.
func (w *storm) change(ctx context.Context, g *generator) {
	if g.rng.IntN(8) == 0 && w.mayHurry() {
		if err := w.hurry(ctx, g); err != nil {
			w.stop(err)
		}
		return
	}
	w.commit(ctx, g, w.cached, func() {})
}

// commit runs a write, or some in a transaction, on a client. It calls over, once
// the database may have it, before it counts the commit as ended.
func (w *storm) commit(ctx context.Context, g *generator, client reflect.Value, over func()) {
	if g.rng.IntN(3) > 0 {
		op := g.write()
		wr := w.writer(ctx, client, op)
		w.begun.Add(1)
		_ = wr.write(op.Kind, w.byName[op.Type], rest(op.Data))
		over()
		w.ended.Add(1)
		w.counts.commits.Add(1)
		return
	}
	out := call(client, "Tx", reflect.ValueOf(ctx))
	if errorOf(out[1]) != nil {
		return
	}
	tx := out[0]
	for range 1 + g.rng.IntN(3) {
		op := g.write()
		wr := w.writer(ctx, tx, op)
		_ = wr.write(op.Kind, w.byName[op.Type], rest(op.Data))
	}
	if g.rng.IntN(4) == 0 {
		call(tx, "Rollback")
		w.counts.rollbacks.Add(1)
		return
	}
	w.begun.Add(1)
	if errorOf(call(tx, "Commit")[0]) != nil {
		call(tx, "Rollback")
	}
	over()
	w.ended.Add(1)
	w.counts.commits.Add(1)
}

func (w *storm) writer(ctx context.Context, client reflect.Value, op Op) *writer {
	c := &choices{data: op.Data}
	// A hook that writes would make two commits of one.
	wr := &writer{plain: true}
	wr.reader = *w.reader(w.asViewer(ctx, c.n(viewers)), client)
	return wr
}

// still repeats every read of the pool when nothing is written.
func (w *storm) still(ctx context.Context) {
	for _, op := range w.pool {
		t, c := w.byName[op.Type], &choices{data: op.Data}
		vctx := w.asViewer(ctx, c.n(viewers))
		data := rest(op.Data)
		cached := w.reader(vctx, w.cached).read(t, data)
		plain := w.reader(vctx, w.plain).read(t, data)
		w.counts.still.Add(1)
		if (plain.err == nil || settled(plain.err)) && !equal(&cached, &plain) {
			w.fail(op, cached.render(true), plain.render(true)+"\n(at rest)")
			return
		}
	}
}
