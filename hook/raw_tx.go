package hook

import (
	"context"
	"database/sql"
	"sync"

	"entgo.io/ent/dialect"
	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/mutant"
)

// rawTx is a transaction of a Driver. What raw statements write in it is collected
// and takes effect when it commits, as what mutations write does.
type rawTx struct {
	dialect.Tx
	d       *Driver
	pending *Pending

	mu sync.Mutex
	// loose says that statements may take effect when they run: one may have
	// ended the database's transaction, or it isn't ours to commit.
	loose bool
}

func newRawTx(d *Driver, tx dialect.Tx) *rawTx {
	return &rawTx{
		Tx: tx, d: d, loose: d.origin.DB == nil,
		pending: &Pending{db: d.origin.DB, forget: func() {}},
	}
}

// Unwrap returns the transaction behind.
func (t *rawTx) Unwrap() dialect.Tx { return t.Tx }

// watch collects what a statement writes. It returns a write where the statement
// may take effect at once.
func (t *rawTx) watch(ctx context.Context, query string, args []any) *rawWrite {
	all := *t.d.caches.Load()
	caches := untold(ctx, all, query)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.loose {
		// Mutations expect the transaction to end with Commit or Rollback.
		caches = all
	}
	if len(caches) == 0 {
		return nil
	}
	stmt := t.d.memo.Read(t.d.dialect, query)
	if !stmt.Writes() {
		return nil
	}
	if c := stmt.Control(); (c == cache.RawSavepoint || c == cache.RawRelease) && !stmt.Escapes() {
		return nil
	}
	if stmt.Escapes() {
		t.loose = true
	}
	if mutant.On(mutant.RawTxAtOnce) {
		return t.d.watchFor(ctx, caches, query, args)
	}
	for _, c := range caches {
		t.pending.raw(ctx, c, stmt, args)
	}
	if !t.loose {
		return nil
	}
	w := t.d.watchFor(ctx, caches, query, args)
	if w != nil {
		w.control = cache.RawNone
	}
	return w
}

// raw collects what a raw statement touches.
func (p *Pending) raw(ctx context.Context, c *cache.Cache, stmt *cache.RawWrite, args []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	pt := p.part(c)
	if len(pt.facts.List) > maxPending {
		pt.facts.Coarsen()
	}
	before := len(pt.facts.List)
	c.RawFacts(ctx, &pt.facts, stmt, args)
	pt.causes.Add(c.RawCause(stmt), pt.facts.List[before:])
}

// Exec forwards to the transaction behind.
func (t *rawTx) Exec(ctx context.Context, query string, args, v any) error {
	argv, _ := args.([]any)
	return t.d.exec(ctx, t.watch(ctx, query, argv), func() error { return t.Tx.Exec(ctx, query, args, v) })
}

// Query forwards to the transaction behind.
func (t *rawTx) Query(ctx context.Context, query string, args, v any) error {
	argv, _ := args.([]any)
	return t.d.query(ctx, t.watch(ctx, query, argv), v, func(ctx context.Context) error { return t.Tx.Query(ctx, query, args, v) })
}

// ExecContext forwards to the transaction behind.
func (t *rawTx) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	tx, ok := t.Tx.(execer)
	if !ok {
		return nil, errUnsupported
	}
	err = t.d.exec(ctx, t.watch(ctx, query, args), func() (err error) {
		res, err = tx.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

// QueryContext forwards to the transaction behind.
func (t *rawTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	tx, ok := t.Tx.(queryer)
	if !ok {
		return nil, errUnsupported
	}
	return t.d.queryContext(ctx, t.watch(ctx, query, args), tx, query, args)
}

// Commit makes what was written take effect, as Pending does.
func (t *rawTx) Commit() error { return t.pending.commit(t.Tx.Commit, t.Tx.Rollback) }

// Rollback drops what was written, unless a statement may have committed it.
func (t *rawTx) Rollback() error {
	t.mu.Lock()
	loose := t.loose
	t.mu.Unlock()
	if loose {
		return t.pending.commit(t.Tx.Rollback, t.Tx.Rollback)
	}
	defer t.pending.Drop()
	return t.Tx.Rollback()
}
