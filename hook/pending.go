package hook

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"sync"
	"weak"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/mutant"
)

// Transactions holds what the open transactions of a client have written. T is
// the generated driver of a transaction. All methods are safe for concurrent
// use.
type Transactions[T any] struct {
	mu sync.Mutex
	// The keys are weak: a transaction that is neither committed nor rolled
	// back must not stay for ever. Two weak pointers are equal only if they
	// were made from the same object, so a new transaction at the address of
	// an old one isn't taken for it.
	open map[weak.Pointer[T]]*Pending
}

// Of returns what tx has written, and calls register the first time.
func (t *Transactions[T]) Of(tx *T, register func(*Pending)) *Pending {
	key := weak.Make(tx)
	t.mu.Lock()
	p, ok := t.open[key]
	if !ok {
		if t.open == nil {
			t.open = make(map[weak.Pointer[T]]*Pending)
		}
		p = &Pending{}
		t.open[key] = p
		p.forget = func() { t.forget(key) }
		runtime.AddCleanup(tx, t.forget, key)
	}
	t.mu.Unlock()
	if !ok {
		register(p)
	}
	return p
}

func (t *Transactions[T]) forget(key weak.Pointer[T]) {
	t.mu.Lock()
	delete(t.open, key)
	t.mu.Unlock()
}

// maxPending is how many facts a transaction collects before it falls back to
// whole tables.
const maxPending = 1 << 16

// Pending is what one transaction has written. It takes effect when the
// transaction commits. All methods are safe for concurrent use.
type Pending struct {
	mu     sync.Mutex
	writes []*Write // not finished yet
	parts  []part
	db     *sql.DB
	done   bool
	forget func()
	turns  turns
}

// turns counts the statements of mutations in a transaction, of which several goroutines
// may run some at a time. A nil one counts nothing, and all of its statements are alone.
type turns struct {
	mu      sync.Mutex
	sent    uint64
	running int
}

// begin is called before a statement, or several that belong together. It returns what
// end wants.
func (t *turns) begin() (turn uint64, alone bool) {
	if t == nil {
		return 0, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	t.running++
	return t.sent, t.running == 1
}

// end is called behind them, and reports whether no other has begun since.
func (t *turns) end(turn uint64) (alone bool) {
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	return t.sent == turn
}

// still reports whether no other statement has begun since.
func (t *turns) still(turn uint64) bool {
	if t == nil {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent == turn
}

// part is what finished writes touched, for one cache.
type part struct {
	cache  *cache.Cache
	facts  cache.Facts
	causes cache.Causes
}

func (p *Pending) add(w *Write) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, have := range p.writes {
		if have == w {
			return
		}
	}
	p.db = w.origin.DB
	p.writes = append(p.writes, w)
}

// settle keeps what a finished write touched and lets go of the write.
func (p *Pending) settle(w *Write) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, have := range p.writes {
		if have == w {
			p.writes = append(p.writes[:i], p.writes[i+1:]...)
			break
		}
	}
	if !p.done {
		p.collect(w)
	}
	w.specs = nil
}

// collect adds what a write touched to the parts of its caches.
func (p *Pending) collect(w *Write) {
	if mutant.On(mutant.TxDropped) {
		return
	}
	for _, c := range w.caches {
		pt := p.part(c)
		if len(pt.facts.List) > maxPending {
			pt.facts.Coarsen()
		}
		before := len(pt.facts.List)
		w.facts(&pt.facts)
		pt.causes.Add(w.cause(), pt.facts.List[before:])
	}
}

func (p *Pending) part(c *cache.Cache) *part {
	for i := range p.parts {
		if p.parts[i].cache == c {
			return &p.parts[i]
		}
	}
	p.parts = append(p.parts, part{cache: c})
	return &p.parts[len(p.parts)-1]
}

// Attach makes what is written take effect when the transaction's own Commit
// returns, before any commit hook goes on, and reports whether it could: not
// with a driver whose transactions aren't Ent's.
//
// It goes as deep as the database's transaction, into a field that only Commit
// and Rollback read: statements may run at the same time. Commit hooks won't do.
// One that is registered while others run, because one of those made the first
// write, isn't called.
func (p *Pending) Attach(tx dialect.Tx) bool {
	for {
		switch t := tx.(type) {
		case *dialect.DebugTx:
			tx = t.Tx
		case *rawTx:
			tx = t.Tx
		case *entsql.Tx:
			t.Tx = &committing{Tx: t.Tx, pending: p}
			return true
		default:
			return false
		}
	}
}

// Wrap does what Attach does for a transaction of another driver. What it
// returns takes the transaction's place at once, for the reason Attach gives; of
// such a transaction one goroutine at a time may make the first write.
func (p *Pending) Wrap(tx dialect.Tx) dialect.Tx {
	if _, ok := tx.(*foreign); ok {
		return tx
	}
	return &foreign{Tx: tx, pending: p}
}

// Drop forgets everything: the transaction rolled back.
func (p *Pending) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
}

func (p *Pending) end() {
	p.done = true
	p.writes, p.parts = nil, nil
	p.forget()
}

// commit holds everything written, runs the database's commit and makes the
// writes take effect. A commit that failed counts as done, and one that wasn't
// answered is in doubt. If a cache refuses the write the transaction is rolled
// back.
func (p *Pending) commit(run, rollback func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx := context.Background()
	// Writes whose mutations are still running, because a hook commits the
	// transaction it runs in.
	for _, w := range p.writes {
		p.collect(w)
	}
	holds := make([]*cache.Hold, len(p.parts))
	release := func(touched bool) {
		for i := range p.parts {
			f := &p.parts[i].facts
			if !touched {
				f = &cache.Facts{}
			}
			p.parts[i].cache.Touch(ctx, holds[i], f, p.parts[i].causes.Transaction())
		}
	}
	for i := range p.parts {
		h, err := p.parts[i].cache.Hold(ctx, &p.parts[i].facts)
		if err != nil {
			// As any transaction whose commit fails, it is over.
			release(false)
			p.end()
			return errors.Join(err, rollback())
		}
		holds[i] = h
	}
	doubtful := errPanicked
	defer func() {
		if unanswered(doubtful, p.db) && !mutant.On(mutant.DoubtIgnored) {
			for i := range p.parts {
				p.parts[i].cache.InDoubt(ctx, holds[i], &p.parts[i].facts, p.parts[i].causes.Transaction())
			}
		} else {
			release(true)
		}
		p.end()
	}()
	doubtful = run()
	return doubtful
}

// committing is a database's transaction that has written.
type committing struct {
	driver.Tx
	pending *Pending
}

func (t *committing) Commit() error { return t.pending.commit(t.Tx.Commit, t.Tx.Rollback) }

func (t *committing) Rollback() error {
	defer t.pending.Drop()
	return t.Tx.Rollback()
}

// foreign is a transaction of another driver than Ent's that has written.
type foreign struct {
	dialect.Tx
	pending *Pending
}

func (t *foreign) Commit() error { return t.pending.commit(t.Tx.Commit, t.Tx.Rollback) }

func (t *foreign) Rollback() error {
	defer t.pending.Drop()
	return t.Tx.Rollback()
}

var errUnsupported = errors.New("entcache: the transaction's driver doesn't support it")

// ExecContext forwards to the transaction.
func (t *foreign) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if tx, ok := t.Tx.(interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}); ok {
		return tx.ExecContext(ctx, query, args...)
	}
	return nil, errUnsupported
}

// QueryContext forwards to the transaction.
func (t *foreign) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if tx, ok := t.Tx.(interface {
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	}); ok {
		return tx.QueryContext(ctx, query, args...)
	}
	return nil, errUnsupported
}
