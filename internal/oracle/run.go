package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/entcache"
)

// Stats count what a run did.
type Stats struct {
	Ops, Reads, Writes int
	// ReadErrors and WriteErrors are those that the database, or a check of
	// Ent's, answered with. They are compared as results are.
	ReadErrors, WriteErrors int
	// Hits and Misses are the statements of the cached clients. ValueHits are
	// those of the hits that were whole queries, served as typed values, and
	// RemoteHits those that came from the level that processes share.
	Hits, ValueHits, RemoteHits, Misses, Bypasses uint64
	// Irrelevant is how often a result stayed that writes had touched.
	Irrelevant uint64
}

// Add adds the counts of another run.
func (s *Stats) Add(o Stats) {
	s.Ops += o.Ops
	s.Reads += o.Reads
	s.Writes += o.Writes
	s.ReadErrors += o.ReadErrors
	s.WriteErrors += o.WriteErrors
	s.Hits += o.Hits
	s.ValueHits += o.ValueHits
	s.RemoteHits += o.RemoteHits
	s.Misses += o.Misses
	s.Irrelevant += o.Irrelevant
	s.Bypasses += o.Bypasses
}

// HitRatio is the share of hits in all statements that looked at the cache.
func (s Stats) HitRatio() float64 { return float64(s.Hits) / float64(max(1, s.Hits+s.Misses)) }

// Mismatch is a cached read that isn't what the database says.
type Mismatch struct {
	// Index is the operation's place in the list, or the list's length for a
	// read repeated at the end.
	Index         int
	Op            Op
	Cached, Plain string
	// Log is what led there: statements and explanations, if they were kept.
	Log []string
}

// Error describes the mismatch.
func (m *Mismatch) Error() string {
	var b strings.Builder
	for _, l := range m.Log {
		b.WriteString(l + "\n")
	}
	fmt.Fprintf(&b, "operation %d: %s\ncached: %s\nplain:  %s", m.Index, m.Op, m.Cached, m.Plain)
	return b.String()
}

// run is the state of one list of operations on its way through a database.
type run struct {
	*Database
	// handle and cached are those of the process that is at work.
	handle        *entcache.Handle
	cached, plain reflect.Value
	processes     []*process
	tokens        bool
	raw           bool
	token         string
	tx            transaction
	stats         Stats
	recent        []Op // the last reads
	failed        *Mismatch

	keepLog bool
	log     []string
}

// transaction is the one that is open, if any.
type transaction struct {
	client           reflect.Value
	commit, rollback func() error
	foreign          bool // isn't one of Ent's own
}

// Run empties the database and runs a list of operations on it, with a new
// cache. Its error is a *Mismatch if a cached read was wrong. It keeps a log of
// statements and explanations for it if keepLog is set.
func Run(ctx context.Context, d *Database, l List, keepLog bool) (Stats, error) {
	if err := d.Reset(ctx); err != nil {
		return Stats{}, err
	}
	r := &run{Database: d, keepLog: keepLog, tokens: l.Tokens, raw: l.Raw}
	drv := driverOf(d)
	r.plain = reflect.ValueOf(d.Package.Open(drv))
	if keepLog {
		drv = dialect.DebugWithContext(drv, func(_ context.Context, v ...any) { r.logf("    %s", fmt.Sprint(v...)) })
	}
	if err := r.join(ctx, l, drv); err != nil {
		r.leave()
		return r.stats, err
	}
	for i, op := range l.Ops {
		r.apply(ctx, i, op)
		if r.failed != nil {
			break
		}
	}
	r.end(ctx, len(l.Ops))
	r.leave()
	if r.failed != nil {
		r.failed.Log = r.log
		return r.stats, r.failed
	}
	return r.stats, nil
}

func driverOf(d *Database) dialect.Driver { return entsql.OpenDB(d.Dialect, d.db) }

// client returns a client with the cache and the program's own hook.
func (r *run) client(drv dialect.Driver) reflect.Value {
	if r.raw {
		drv = entcache.Driver(drv, r.handle.Interceptor())
	}
	c := r.Package.Open(drv)
	r.Use(c, programHook)
	r.Intercept(c, r.handle.Interceptor())
	return reflect.ValueOf(c)
}

func (r *run) logf(format string, args ...any) {
	if r.keepLog {
		r.log = append(r.log, fmt.Sprintf(format, args...))
	}
}

// end closes an open transaction and repeats the last reads.
func (r *run) end(ctx context.Context, n int) {
	if r.tx.rollback != nil {
		_ = r.tx.rollback()
		r.tx = transaction{}
	}
	for _, op := range r.recent {
		if r.failed != nil {
			return
		}
		r.read(ctx, n, op)
	}
}

func (r *run) apply(ctx context.Context, i int, op Op) {
	r.stats.Ops++
	r.logf("%d: %s", i, op)
	switch op.Kind {
	case Read:
		r.remember(op)
		r.read(ctx, i, op)
	case Begin:
		r.begin(ctx, i, op)
	case Commit, Rollback:
		if r.tx.client.IsValid() {
			end := r.tx.commit
			if op.Kind == Rollback {
				end = r.tx.rollback
			}
			r.logf("    error: %v", end())
			r.wrote(ctx)
			foreign := r.tx.foreign
			r.tx = transaction{}
			if foreign {
				// What it wrote stays held until it is collected.
				runtime.GC()
				runtime.Gosched()
			}
		}
	default:
		r.write(ctx, i, op)
	}
}

// maxRecent is how many reads are repeated at the end and after commits.
const maxRecent = 64

func (r *run) remember(op Op) {
	for _, have := range r.recent {
		if have.Type == op.Type && string(have.Data) == string(op.Data) {
			return
		}
	}
	if len(r.recent) == maxRecent {
		r.recent = r.recent[1:]
	}
	r.recent = append(r.recent, op)
}

// read runs a read on both clients and compares.
func (r *run) read(ctx context.Context, i int, op Op) {
	r.enter(op)
	t := r.byName[op.Type]
	c := &choices{data: op.Data}
	ctx = r.asViewer(ctx, c.n(viewers))
	directed := ctx
	switch c.n(16) {
	case 12:
		directed = entcache.Refresh(ctx)
	case 13:
		directed = entcache.Skip(ctx)
	case 14:
		directed = entcache.Cache(ctx)
	case 15:
		directed = entcache.WithTTL(ctx, time.Hour)
	}
	inside, debug := c.n(2) == 0, c.rarely(16)
	data := rest(op.Data)
	cached, plain := r.cached, r.plain
	if inside && r.tx.client.IsValid() {
		// In a transaction the other side is a read that can't be cached.
		cached, plain, ctx = r.tx.client, r.tx.client, entcache.Skip(ctx)
	}
	if debug {
		cached = debugClient(cached)
	}
	r.stats.Reads++
	a := r.ask(r.exact(directed), cached, t, data)
	b := r.reader(ctx, plain).read(t, data)
	if b.err != nil {
		r.stats.ReadErrors++
	}
	if _, ok := b.err.(*panicError); ok {
		// Ent's scan of a column it doesn't know, over SQLite and a NULL.
		return
	}
	if b.err != nil && strings.Contains(b.err.Error(), "current transaction is aborted") {
		// The first of the two failed, and PostgreSQL says no more.
		return
	}
	switch {
	case !equal(&a, &b):
		r.fail(i, op, a.render(true), b.render(true))
	case a.never != cache.Cacheable && !bypassed(a.explained, a.never):
		r.fail(i, op, fmt.Sprint(a.explained), "a statement that must not be cached: "+a.never.String())
	}
	for _, v := range a.values {
		scribbleValue(v)
	}
}

// rest is the data behind the preamble, which says how a read or a write is run
// and not what it is.
func rest(data []byte) []byte { return data[min(preamble, len(data)):] }

func (r *run) reader(ctx context.Context, client reflect.Value) *reader {
	return &reader{m: r.model, dialect: r.Dialect, client: client, ctx: ctx, tx: r.tx.client.IsValid()}
}

// ask runs a read on the cached client, and logs what the cache made of it.
func (r *run) ask(ctx context.Context, client reflect.Value, t *typ, data []byte) (a answer) {
	if !r.keepLog {
		return r.reader(ctx, client).read(t, data)
	}
	x, _ := entcache.Explain(ctx, func(ctx context.Context) error {
		a = r.reader(ctx, client).read(t, data)
		return nil
	})
	for _, e := range x {
		r.logf("    %s", e)
	}
	r.logf("    = %s", a.render(true))
	return a
}

func bypassed(x []entcache.Explanation, why cache.Reason) bool {
	for _, e := range x {
		if (e.Query != "" || e.Outcome == cache.Hit) && (e.Outcome != cache.Bypass || e.Reason != why) && e.Reason != cache.InTransaction && e.Reason != cache.Skipped {
			return false
		}
	}
	return true
}

func (r *run) fail(i int, op Op, cached, plain string) {
	if r.failed == nil {
		r.failed = &Mismatch{Index: i, Op: op, Cached: cached, Plain: plain}
	}
}

// write runs a write on the cached client, in the transaction if one is open.
func (r *run) write(ctx context.Context, i int, op Op) {
	r.enter(op)
	t := r.byName[op.Type]
	c := &choices{data: op.Data}
	ctx = r.asViewer(ctx, c.n(viewers))
	w := &writer{}
	w.reader = *r.reader(ctx, r.cached)
	if r.tx.client.IsValid() {
		w.client = r.tx.client
	}
	if c.rarely(16) {
		w.client = debugClient(w.client)
	}
	r.stats.Writes++
	err := w.write(op.Kind, t, rest(op.Data))
	r.wrote(ctx)
	if err != nil {
		r.stats.WriteErrors++
		r.logf("    error: %v", err)
		if p, ok := err.(*panicError); ok {
			r.fail(i, op, p.Error()+"\n"+string(p.stack), "a write that doesn't panic")
		}
	}
}

// debugClient is the client with Ent's debug driver around its own.
func debugClient(client reflect.Value) reflect.Value {
	if !has(client, "Debug") {
		client = call(client, "Client")[0] // of a transaction
	}
	return call(client, "Debug")[0]
}

// foreignWay is the way of opening a transaction behind Ent's back.
const foreignWay = 6

// begin opens a transaction in one of the ways there are.
func (r *run) begin(ctx context.Context, i int, op Op) {
	if r.tx.client.IsValid() {
		return
	}
	r.enter(op)
	c := &choices{data: op.Data}
	var out []reflect.Value
	way, hidden := c.n(foreignWay+1), c.n(2) == 1
	switch way {
	case foreignWay:
		r.foreign(ctx, hidden)
		return
	case 4:
		out = call(debugClient(r.cached), "Tx", reflect.ValueOf(ctx))
	case 5:
		out = call(r.cached, "BeginTx", reflect.ValueOf(ctx), reflect.ValueOf(&sql.TxOptions{}))
	default:
		out = call(r.cached, "Tx", reflect.ValueOf(ctx))
	}
	if err := errorOf(out[1]); err != nil {
		r.fail(i, op, err.Error(), "a transaction")
		return
	}
	tx := out[0]
	if c.n(3) == 2 {
		r.OnCommit(tx.Interface(), func() {
			// The transaction took effect before hooks of the program go on.
			r.tx = transaction{}
			r.wrote(ctx)
			for _, op := range r.recent[max(0, len(r.recent)-4):] {
				r.read(ctx, i, op)
			}
		})
	}
	end := func(method string) func() error {
		return func() error { return errorOf(call(tx, method)[0]) }
	}
	r.tx = transaction{client: tx, commit: end("Commit"), rollback: end("Rollback")}
}

// foreign opens a transaction that isn't Ent's, and a client over it.
func (r *run) foreign(ctx context.Context, hidden bool) {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		panic(err)
	}
	inner := entsql.NewDriver(r.Dialect, entsql.Conn{ExecQuerier: tx})
	var drv dialect.Driver = foreignDriver{inner}
	if hidden {
		drv = hiddenDriver{inner}
	}
	r.tx = transaction{
		client:   r.client(drv),
		commit:   tx.Commit,
		rollback: tx.Rollback,
		foreign:  true,
	}
}

// foreignDriver is the driver of a transaction that isn't Ent's: a mutation of
// several statements runs in it and not in one of its own.
type foreignDriver struct{ *entsql.Driver }

func (d foreignDriver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }

// Unwrap returns the driver behind.
func (d foreignDriver) Unwrap() dialect.Driver { return d.Driver }

// hiddenDriver is a foreignDriver that doesn't say what it wraps.
type hiddenDriver struct{ *entsql.Driver }

func (d hiddenDriver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }
