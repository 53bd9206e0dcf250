package entcache

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// Option configures a cache.
type Option func(*config) error

type config struct {
	cache.Options
	maxBytes int64
}

// WithMaxBytes bounds the memory of cached results, in bytes. The default is
// 64 MiB. Results used rarely make room for others.
func WithMaxBytes(n int64) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("entcache: WithMaxBytes(%d): use a positive number of bytes", n)
		}
		c.maxBytes = n
		return nil
	}
}

// WithoutValues keeps results as rows only. By default the results of whole
// queries are kept as typed values too, where nothing stands between the cache
// and the query: a hit is then a copy of the entities, and Ent builds no SQL and
// scans no rows. Without them hits cost several times as much; results are the
// same. It is for comparing the two.
func WithoutValues() Option {
	return func(c *config) error {
		c.NoValues = true
		return nil
	}
}

// CheckShared finds writes to entities that reads share; see [Shared] and
// Mixin.Shared. A result that somebody has written to isn't served any more, and
// an error with the entity and the field is logged. It costs a second copy of
// each result and a comparison for each hit, so it is for tests; with the race
// detector it is on.
func CheckShared() Option {
	return func(c *config) error {
		c.CheckShared = true
		return nil
	}
}

// WithLedgerFacts sets how many facts that writes touched lately are
// remembered, in about 18 bytes each. The default, 262144, lasts for minutes at
// a thousand writes a second; with fewer, writes expire entries they didn't
// touch.
func WithLedgerFacts(n int) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("entcache: WithLedgerFacts(%d): use a positive number", n)
		}
		c.LedgerFacts = n
		return nil
	}
}

// WithInDoubt sets for how long the results that a write in doubt touches are
// neither served nor stored. A write is in doubt if the database didn't answer
// it: its context ended or its connection broke, and the server may let it take
// effect later. The default is a minute, which is longer than a statement waits
// for a lock in MySQL.
func WithInDoubt(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return fmt.Errorf("entcache: WithInDoubt(%v): use a positive time", d)
		}
		c.InDoubt = d
		return nil
	}
}

// WithNamespace makes s part of every key.
func WithNamespace(s string) Option {
	return func(c *config) error {
		c.Namespace = s
		return nil
	}
}

// WithLogger sends warnings, and each hit, miss and bypass at debug level, to l.
// The default is slog.Default(); nil keeps the default.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		c.Logger = l
		return nil
	}
}

// WithVaryBy makes what f returns part of every key. f must cover everything in
// the context, besides the query, that decides what the database returns:
// session variables, for instance, which row-level security looks at. Without
// it reads under session variables aren't cached. f runs on every read and must
// be safe for concurrent use.
func WithVaryBy(f func(context.Context) string) Option {
	return func(c *config) error {
		c.VaryBy = f
		return nil
	}
}
