package simulation

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/simredis"
)

// world is one history on its way. All but the processes' own work is done by
// one goroutine, the scheduler's, while everything else waits.
type world struct {
	plan   *Plan
	rand   *rand.Rand
	began  time.Time
	server *simredis.Server
	db     *database
	log    *slog.Logger
	slots  []*process
	procs  []*process // also those that crashed

	started, steps, seq int
	ops, open           []*operation
	next                int // of the plan's operations
	faults              []Fault
	armed               []Fault // wait for a call
	saved               *simredis.Snapshot
	refusing, isolated  time.Duration // until then
	restarted           time.Duration // when RestartAt did it
	lastToken           *token
	skew                atomic.Int64 // of the server's clock

	mu      sync.Mutex
	arrived []*call
	calls   []*call
	orphans []*call
	byWrite map[cache.WriteID]*operation
	running *operation // what was let go on last
	keys    []cache.Key
	facts   []cache.Fact

	held      func(*call) bool // of a script
	choices   []choice
	events    []event
	violation string
}

// event is a line of the trace.
type event struct {
	at   time.Duration
	step int
	what string
	p    *process
	c    *call
	op   *operation
	text string
}

// Result is what became of a history.
type Result struct {
	Violation string
	Events    []event
	// Hits of Reads were served by a cache, Remote of them by the remote level,
	// Peeked of those by a plain read.
	Reads, Hits, Remote, Peeked uint64
	Ops, Commits, Steps         int
	Unannounced                 int
}

func newWorld(p *Plan) *world {
	w := &world{
		plan: p, rand: rand.New(rand.NewPCG(p.Schedule, 2)), began: time.Now(), db: newDatabase(), log: quiet,
		byWrite: make(map[cache.WriteID]*operation), slots: make([]*process, p.Processes),
	}
	w.faults = slices.Clone(p.Faults)
	slices.SortStableFunc(w.faults, func(a, b Fault) int { return cmp.Compare(a.Step, b.Step) })
	w.server = simredis.New(simredis.Options{Seed: p.Schedule, Now: func() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) }})
	return w
}

func (w *world) now() time.Duration { return time.Since(w.began) }

func (w *world) note(what string, p *process, c *call, op *operation, text string) {
	w.events = append(w.events, event{w.now(), w.steps, what, p, c, op, text})
}

func (e event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%10v %4d ", e.at, e.step)
	if e.p != nil {
		fmt.Fprintf(&b, "P%d ", e.p.id)
	}
	b.WriteString(e.what)
	if e.c != nil {
		fmt.Fprintf(&b, " %v", e.c.label)
		if e.c.op != nil {
			fmt.Fprintf(&b, " of operation %d", e.c.op.n)
		}
	}
	if e.op != nil {
		fmt.Fprintf(&b, " operation %d: %v", e.op.n, e.op.Op)
	}
	if e.text != "" {
		b.WriteString(" " + e.text)
	}
	return b.String()
}

// fail ends the history.
func (w *world) fail(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
		w.note("VIOLATION", nil, nil, nil, w.violation)
	}
}

// met remembers what can be evicted.
func (w *world) met(key cache.Key, facts []cache.Fact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.keys, key) {
		w.keys = append(w.keys, key)
	}
	for _, f := range facts {
		if !slices.Contains(w.facts, f) {
			w.facts = append(w.facts, f)
		}
	}
}

// writer returns the operation that a write belongs to.
func (w *world) writer(ctx context.Context, p *process, id cache.WriteID) *operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	op := w.byWrite[id]
	if op == nil {
		if op = opOf(ctx); op == nil && w.running != nil && w.running.p == p {
			op = w.running
		}
		w.byWrite[id] = op
	}
	return op
}

// visible makes the writes of an operation take effect.
func (w *world) visible(op *operation, writes []statement) error {
	switch {
	case op.announced && time.Now().UnixMilli() >= op.deadline && !w.plan.LateCommits && w.excused(op):
		// The session was idle for longer than it may.
		return tooLate
	case op.doubted != 0 && w.now() >= op.doubted+inDoubt && !op.p.crashed:
		return tooLate
	}
	if err := w.db.commit(writes, w.now(), op); err != nil {
		return err
	}
	n := w.db.last()
	op.commit = n
	c := &w.db.commits[n]
	late := w.plan.LateCommits && op.announced && time.Now().UnixMilli() >= op.deadline
	if late || !w.plan.Refuse && !op.announced && (op.refused || op.p.failed) {
		// What was read before is served for as long as it lives, and it is stored
		// no later than a call takes.
		c.unannounced, c.due = true, w.now()+w.plan.TTL+2*timeout
		op.p.debts = op.p.debts || !late
	}
	return nil
}

// excused reports whether something kept the process from renewing an
// announcement. Else its engine should have.
func (w *world) excused(op *operation) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return op.p.crashed || op.p.failed || op.p.late ||
		slices.ContainsFunc(w.calls, func(c *call) bool { return c.op == op && c.label == remoteBegin && c.phase < returned })
}

// run plays the history.
func (w *world) run() *Result {
	for i := range w.slots {
		w.start(i)
	}
	if !w.plan.Cold {
		w.calm(quarantine + bound)
	}
	limit := 60*len(w.plan.Ops) + 2000
	for w.violation == "" && w.steps < limit {
		synctest.Wait()
		w.collect()
		if w.next == len(w.plan.Ops) && len(w.open) == 0 {
			break
		}
		w.steps++
		w.step()
	}
	w.heal()
	r := w.result()
	w.final()
	w.close()
	r.Violation, r.Events = w.violation, w.events
	return r
}

// result counts what has happened so far.
func (w *world) result() *Result {
	r := &Result{Ops: len(w.ops), Commits: len(w.db.commits) - 1, Steps: w.steps}
	for i := range w.db.commits {
		if w.db.commits[i].unannounced {
			r.Unannounced++
		}
	}
	for _, p := range w.procs {
		t := p.cache.Stats().Total()
		r.Reads += t.Hits + t.Misses + t.Coalesced
		r.Hits += t.Hits + t.Coalesced
		r.Remote += t.RemoteHits
		r.Peeked += p.cache.Stats().Remote.Peeked
	}
	return r
}

// collect takes in what has happened since the last step.
func (w *world) collect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = slices.DeleteFunc(w.open, func(op *operation) bool {
		if op.finished {
			w.finish(op)
		}
		return op.finished
	})
	slices.SortStableFunc(w.arrived, func(a, b *call) int {
		return cmp.Or(cmp.Compare(a.p.id, b.p.id), cmp.Compare(a.label, b.label), cmp.Compare(a.op.number(), b.op.number()), bytes.Compare(a.key[:], b.key[:]))
	})
	for _, c := range w.arrived {
		w.seq++
		c.seq, c.since = w.seq, w.now()
		w.schedule(c)
		w.calls = append(w.calls, c)
	}
	w.arrived = w.arrived[:0]
	w.running = nil
	w.calls = slices.DeleteFunc(w.calls, func(c *call) bool {
		if c.phase == orphaned {
			w.orphans = append(w.orphans, c)
		}
		return c.phase >= returned
	})
	for _, p := range w.slots {
		if p.debts && !p.crashed {
			if p.cache.Stats().Remote.Owing {
				continue
			}
			p.debts = w.settledBy(p)
		}
	}
}

// settledBy makes the commits of a process due that went unannounced: there is
// a new epoch. It reports whether some aren't to be counted yet.
func (w *world) settledBy(p *process) (open bool) {
	for i := range w.db.commits {
		c := &w.db.commits[i]
		if c.unannounced && c.op.p == p {
			if !c.op.finished {
				open = true
				continue
			}
			c.due = min(c.due, w.now())
		}
	}
	return open
}

// schedule applies the strategy to a call that has come to a phase.
func (w *world) schedule(c *call) {
	s := w.plan.Strategy
	if c.label == remoteEnd && c.phase == sent {
		c.until = c.p.recordsAt
	}
	switch {
	case s.Kind == Priority:
		c.rank = w.rand.IntN(1000)
	case s.Kind == Hold && slices.Contains(s.Held, Held{c.label, c.phase}) && w.rand.IntN(10) < 7:
		d := timeout
		if !c.label.remote() && w.rand.IntN(2) == 0 {
			d = 2 * lease
		}
		c.until = w.now() + time.Duration(w.rand.Int64N(int64(d)))
	}
}

// finish looks at an operation that is over.
func (w *world) finish(op *operation) {
	op.stop()
	op.p.running--
	if op.p.crashed {
		return
	}
	if op.err == nil && op.commit > 0 && op.Kind != Read {
		op.p.acked = append(op.p.acked[:len(op.p.acked):len(op.p.acked)], op.commit)
	}
	if op.Kind == MakeToken && op.token != nil {
		w.lastToken = op.token
	}
	text := "ok"
	switch {
	case op.err != nil:
		text = op.err.Error()
	case op.Kind == Read:
		text = op.answer.String()
		for _, a := range op.loaded {
			text += ", with " + a.String()
		}
	}
	w.note("ended", op.p, nil, op, text)
	if v := w.check(op); v != "" {
		w.fail("%s", v)
	}
}

// begin starts an operation in a process.
func (w *world) begin(o Op, p *process) *operation {
	op := &operation{Op: o, n: len(w.ops), p: p, start: w.now(), before: w.db.last(), acked: p.acked}
	if o.Token {
		op.token = w.lastToken
	}
	ctx, stop := context.WithCancel(context.Background())
	if o.Cancel > 0 {
		ctx, stop = context.WithTimeout(ctx, o.Cancel)
	}
	op.ctx, op.stop = context.WithValue(ctx, opKey{}, op), stop
	w.ops, w.open = append(w.ops, op), append(w.open, op)
	p.running++
	w.note("starts", p, nil, op, "")
	w.mu.Lock()
	w.running = op
	w.mu.Unlock()
	go func() {
		op.run()
		w.mu.Lock()
		defer w.mu.Unlock()
		op.finished = true
	}()
	return op
}

// close ends the processes, and with them every goroutine.
func (w *world) close() {
	for _, p := range w.procs {
		if p.crashed {
			continue
		}
		closing(p.cache)
		go func() { _ = p.cache.Close() }()
	}
	w.calm(3 * time.Second)
	for _, op := range w.ops {
		op.stop()
	}
	w.calm(time.Millisecond)
}
