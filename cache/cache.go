// Package cache is the engine: it decides which reads may be served from the
// cache, names results, derives what they depend on and what writes touch, and
// keeps the two together.
//
// A cached result is the database as of a position in the log of writes,
// together with the facts it depends on. It is served only while no write after
// that position has touched one of them.
package cache

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/entcache/ent-cache/cache/ledger"
	"github.com/entcache/ent-cache/codec/envelope"
)

// Options configure a Cache.
type Options struct {
	// Near is the level inside the process; it is required. The cache closes it.
	Near Near
	// NoValues switches the level of typed values off: hits then replay rows.
	NoValues bool
	// CheckShared finds writes to results that hits share; see Share. With the race
	// detector it is always on.
	CheckShared bool
	// Namespace is part of every key. Caches that share a remote level and not
	// a database need different ones.
	Namespace string
	// LedgerFacts is how many facts touched lately are remembered, in about 18
	// bytes each. With fewer, writes expire entries they didn't touch. Zero
	// means ledger.DefaultFacts.
	LedgerFacts int
	// InDoubt is how long the facts of a write that the database didn't answer
	// are held. Zero means DefaultInDoubt.
	InDoubt time.Duration
	// Remote is the level that processes share, nil for none. The cache doesn't
	// close it.
	Remote Remote
	// Consistency is what reads are promised that don't ask for another; the
	// zero value is Bounded(DefaultBound). Without Remote it means nothing.
	Consistency Consistency
	// Lease is how long the announcement of a write lasts unless it is renewed;
	// zero means DefaultLease. The remote level bounds it.
	Lease time.Duration
	// RefuseUnannounced makes writes fail that can't be announced; else they go
	// on, and other processes may serve what was there before until the remote
	// level can be reached again or their entries expire.
	RefuseUnannounced bool
	// Envelope compresses and encrypts results at the remote level. Nil means
	// envelope.New().
	Envelope *envelope.Envelope
	// Logger gets warnings, and each hit, miss and bypass at debug level. Nil
	// means slog.Default().
	Logger *slog.Logger
	// VaryBy returns what results depend on besides their SQL and arguments.
	// It is part of the key. With it, reads under session variables are cached,
	// so it must cover them; nil leaves those reads uncached.
	VaryBy func(context.Context) string
}

// Cache caches the reads of one logical database. Several clients of that
// database may share one. All methods are safe for concurrent use.
type Cache struct {
	opts    Options
	near    Near
	handed  handed
	ledger  *ledger.Ledger
	log     *slog.Logger
	memo    memo
	known   knownStatements
	flights flights
	stats   statsTable
	drivers driverSet
	closed  atomic.Bool
	shared  *shared // nil without a remote level
	id      Epoch   // names the log of this process
	recent  recent  // its last writes, for explanations

	checkShared bool

	start      time.Time
	background tasks
	refreshes  chan struct{}
	ctx        context.Context // ends when the cache is closed
	cancel     context.CancelFunc

	mu        sync.Mutex
	schemas   map[*Schema]bool
	databases map[weak.Pointer[sql.DB]]uint64
	lastDB    uint64
	warned    map[string]bool
	distrust  map[Fact]bool
}

// ErrClosed is returned by methods of a closed cache.
var ErrClosed = errors.New("entcache: the cache is closed")

// New returns a cache.
func New(o Options) (*Cache, error) {
	if o.Near == nil {
		return nil, errors.New("entcache: no near level: set Options.Near, or build the cache with entcache.New")
	}
	if o.InDoubt < 0 {
		return nil, fmt.Errorf("entcache: writes in doubt held for %v: use zero for the default, or a positive time", o.InDoubt)
	}
	if o.InDoubt == 0 {
		o.InDoubt = DefaultInDoubt
	}
	if o.LedgerFacts < 0 {
		return nil, fmt.Errorf("entcache: a ledger of %d facts: use zero for the default, or a positive number", o.LedgerFacts)
	}
	c := &Cache{
		opts: o, near: o.Near, ledger: ledger.New(o.LedgerFacts), log: o.Logger,
		id: randomID(), checkShared: o.CheckShared || raceDetector, start: time.Now(), refreshes: make(chan struct{}, maxRefreshes),
		schemas:   make(map[*Schema]bool),
		databases: make(map[weak.Pointer[sql.DB]]uint64),
		warned:    make(map[string]bool),
		distrust:  make(map[Fact]bool),
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if o.Remote != nil {
		s, err := newShared(c, o)
		if err != nil {
			return nil, err
		}
		c.shared = s
	}
	c.enlist()
	return c, nil
}

// Close drops every entry and ends the cache's goroutines. Writes that have
// ended are recorded at the remote level first, for up to two seconds. Clients
// go on without a cache: other processes aren't told of what they write from
// then on, so close them before. Closing twice is an error.
func (c *Cache) Close() error {
	if c.closed.Swap(true) {
		return ErrClosed
	}
	c.delist()
	c.background.end()
	c.cancel()
	c.background.wait()
	if c.shared != nil {
		c.shared.close()
	}
	c.near.Close()
	return nil
}

// warnOnce logs a warning the first time its message and subject come up.
func (c *Cache) warnOnce(ctx context.Context, msg, subject string, remedy string) {
	c.mu.Lock()
	known := c.warned[msg+subject]
	c.warned[msg+subject] = true
	c.mu.Unlock()
	if !known {
		c.log.LogAttrs(ctx, slog.LevelWarn, "entcache: "+msg, slog.String("subject", subject), slog.String("remedy", remedy))
	}
}

// learn remembers a schema, so that types can be invalidated by name.
func (c *Cache) learn(s *Schema) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schemas[s] = true
}

// firstDatabase is the number of the database that was seen first: the one that
// a remote level belongs to.
const firstDatabase = 1

// database numbers the databases of the clients, so that clients of different
// databases that were given one cache by mistake don't share results.
func (c *Cache) database(db *sql.DB) uint64 {
	key := weak.Make(db)
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.databases[key]
	if !ok {
		c.lastDB++
		n = c.lastDB
		c.databases[key] = n
	}
	return n
}
