package hook

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync/atomic"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/mutant"
)

// Driver reads the statements that it forwards, and makes caches forget what
// those write that aren't a mutation's. Its methods are safe for concurrent use.
type Driver struct {
	dialect.Driver
	dialect string
	origin  cache.Origin
	memo    cache.RawMemo
	caches  atomic.Pointer[[]*cache.Cache]

	steering steering
}

var _ dialect.Driver = (*Driver)(nil)

// NewDriver returns a driver around drv that tells the caches of raw writes.
func NewDriver(drv dialect.Driver, caches ...*cache.Cache) *Driver {
	d := &Driver{Driver: drv, dialect: drv.Dialect(), origin: cache.OriginOf(drv)}
	d.caches.Store(&[]*cache.Cache{})
	for _, c := range caches {
		d.EntcacheAttach(c)
	}
	return d
}

// EntcacheAttach adds a cache; one whose clients read through the driver adds
// itself.
func (d *Driver) EntcacheAttach(c *cache.Cache) {
	for {
		have := d.caches.Load()
		if slices.Contains(*have, c) {
			return
		}
		more := append(slices.Clone(*have), c)
		if d.caches.CompareAndSwap(have, &more) {
			return
		}
	}
}

// Unwrap returns the driver behind.
func (d *Driver) Unwrap() dialect.Driver { return d.Driver }

// DB returns the database behind, nil if there is none.
func (d *Driver) DB() *sql.DB { return d.origin.DB }

// watch returns the write that a statement is, or nil if it is none or every
// cache knows of it.
func (d *Driver) watch(ctx context.Context, query string, args []any) *rawWrite {
	return d.watchFor(ctx, untold(ctx, *d.caches.Load(), query), query, args)
}

func (d *Driver) watchFor(ctx context.Context, caches []*cache.Cache, query string, args []any) *rawWrite {
	if len(caches) == 0 {
		return nil
	}
	stmt := d.memo.Read(d.dialect, query)
	if !stmt.Writes() {
		return nil
	}
	w := &rawWrite{d: d, control: stmt.Control(), savepoint: stmt.Savepoint()}
	for _, c := range caches {
		p := rawPart{cache: c, by: c.RawCause(stmt)}
		c.RawFacts(ctx, &p.facts, stmt, args)
		if p.facts.All || len(p.facts.List) > 0 {
			w.parts = append(w.parts, p)
		}
	}
	if len(w.parts) == 0 {
		return nil
	}
	return w
}

// Exec forwards to the driver behind.
func (d *Driver) Exec(ctx context.Context, query string, args, v any) error {
	argv, _ := args.([]any)
	return d.exec(ctx, d.watch(ctx, query, argv), func() error { return d.Driver.Exec(ctx, query, args, v) })
}

// Query forwards to the driver behind.
func (d *Driver) Query(ctx context.Context, query string, args, v any) error {
	argv, _ := args.([]any)
	return d.query(ctx, d.watch(ctx, query, argv), v, func(ctx context.Context) error { return d.Driver.Query(ctx, query, args, v) })
}

func (d *Driver) exec(ctx context.Context, w *rawWrite, run func() error) error {
	if w == nil || mutant.On(mutant.RawIgnored) {
		return run()
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	// Deferred: a driver that panics must not lose the write.
	err := errPanicked
	defer func() { w.end(ctx, err) }()
	err = run()
	return err
}

// query runs a statement that gives rows. It is over when they are closed. Rows of
// database/sql stay what they are: Ent's migrations ask for them.
func (d *Driver) query(ctx context.Context, w *rawWrite, v any, run func(context.Context) error) error {
	if w == nil || mutant.On(mutant.RawReturningIgnored) {
		return run(ctx)
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	watched := newClosing(ctx, func(err error) { w.end(ctx, err) })
	err, open := errPanicked, false
	defer func() {
		if !open {
			watched.end(err)
		}
	}()
	err = run(watched)
	if rows, ok := v.(*entsql.Rows); ok && err == nil {
		open = true
		if live, ok := rows.ColumnScanner.(*sql.Rows); ok {
			watched.arm(live)
		} else {
			rows.ColumnScanner = watched.scanner(rows.ColumnScanner)
		}
	}
	return err
}

// The methods that drivers may have besides dialect.Driver's.
type (
	txBeginner interface {
		BeginTx(context.Context, *sql.TxOptions) (dialect.Tx, error)
	}
	execer interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}
	queryer interface {
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	}
)

var errNotSupported = errors.New("entcache: the driver behind entcache.Driver doesn't support it")

// ExecContext forwards to the driver behind.
func (d *Driver) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	drv, ok := d.Driver.(execer)
	if !ok {
		return nil, errNotSupported
	}
	err = d.exec(ctx, d.watch(ctx, query, args), func() (err error) {
		res, err = drv.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

// QueryContext forwards to the driver behind.
func (d *Driver) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	drv, ok := d.Driver.(queryer)
	if !ok {
		return nil, errNotSupported
	}
	return d.queryContext(ctx, d.watch(ctx, query, args), drv, query, args)
}

func (d *Driver) queryContext(ctx context.Context, w *rawWrite, q queryer, query string, args []any) (*sql.Rows, error) {
	if w == nil || mutant.On(mutant.RawReturningIgnored) {
		return q.QueryContext(ctx, query, args...)
	}
	if err := w.begin(ctx); err != nil {
		return nil, err
	}
	watched := newClosing(ctx, func(err error) { w.end(ctx, err) })
	var rows *sql.Rows
	err, open := errPanicked, false
	defer func() {
		if !open {
			watched.end(err)
		}
	}()
	rows, err = q.QueryContext(watched, query, args...)
	if err == nil {
		open = true
		watched.arm(rows)
	}
	return rows, err
}

// Tx begins a transaction. What raw statements write in it takes effect when it
// commits.
func (d *Driver) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := d.Driver.Tx(ctx)
	if err != nil {
		return nil, err
	}
	return newRawTx(d, tx), nil
}

// BeginTx is Tx with options.
func (d *Driver) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	drv, ok := d.Driver.(txBeginner)
	if !ok {
		return nil, errNotSupported
	}
	tx, err := drv.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return newRawTx(d, tx), nil
}
