package cache

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// Driver is the driver a builder runs on while its read may be cached. Without
// a scope in the context it only forwards, so it does no harm in the entities
// that inherit it from their builder. There is one for each cache and
// underlying driver.
type Driver struct {
	dialect.Driver
	cache    *Cache
	dialect  string
	database uint64
}

var _ dialect.Driver = (*Driver)(nil)

// Unwrap returns the driver behind.
func (d *Driver) Unwrap() dialect.Driver { return d.Driver }

// Query serves a read under a scope from the cache, and forwards others.
func (d *Driver) Query(ctx context.Context, query string, args, v any) error {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	if sc == nil {
		return d.Driver.Query(ctx, query, args, v)
	}
	rows, ok := v.(*entsql.Rows)
	argv, isList := args.([]any)
	if sc.driver != d || !ok || !isList {
		sc.collector().taint()
		return d.Driver.Query(ctx, query, args, v)
	}
	return d.cache.read(ctx, sc, query, argv, rows)
}

var errUnsupported = errors.New("entcache: the client's driver doesn't support it")

// BeginTx forwards to the driver behind.
func (d *Driver) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	if drv, ok := d.Driver.(interface {
		BeginTx(context.Context, *sql.TxOptions) (dialect.Tx, error)
	}); ok {
		return drv.BeginTx(ctx, opts)
	}
	return nil, errUnsupported
}

// ExecContext forwards to the driver behind.
func (d *Driver) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if drv, ok := d.Driver.(interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}); ok {
		return drv.ExecContext(ctx, query, args...)
	}
	return nil, errUnsupported
}

// QueryContext forwards to the driver behind.
func (d *Driver) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if drv, ok := d.Driver.(interface {
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	}); ok {
		return drv.QueryContext(ctx, query, args...)
	}
	return nil, errUnsupported
}

// maxDrivers bounds the drivers remembered: a program may make one for every
// request (client.Debug()), and those get a wrapper for every read.
const maxDrivers = 64

// driverSet is the drivers of a cache by what they wrap.
type driverSet struct {
	m  sync.Map // dialect.Driver → *Driver
	mu sync.Mutex
	n  int
	// last is one that was asked for: most programs have one.
	last atomic.Pointer[Driver]
}

func (s *driverSet) wrap(c *Cache, drv dialect.Driver, db *sql.DB) *Driver {
	if !reflect.TypeOf(drv).Comparable() {
		return newDriver(c, drv, db)
	}
	if d := s.last.Load(); d != nil && d.Driver == drv {
		return d
	}
	if d, ok := s.m.Load(drv); ok {
		s.last.Store(d.(*Driver))
		return d.(*Driver)
	}
	d := newDriver(c, drv, db)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= maxDrivers {
		return d
	}
	known, ok := s.m.LoadOrStore(drv, d)
	if !ok {
		s.n++
	}
	return known.(*Driver)
}

func newDriver(c *Cache, drv dialect.Driver, db *sql.DB) *Driver {
	attach(c, drv)
	return &Driver{Driver: drv, cache: c, dialect: drv.Dialect(), database: c.database(db)}
}
