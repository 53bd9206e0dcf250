package races

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"entgo.io/ent/dialect"

	"github.com/entcache/ent-cache/cache"
)

// The points at which an actor can be stopped. Those of the database lie below
// the cache, store lies between the last look at the ledger and the near level, of
// whatever is stored first, and value between the last statement and the value;
// found lies between a look at the near level that found something and the look at
// the ledger.
const (
	beforeQuery  = "query"
	afterQuery   = "query-done"
	beforeExec   = "exec"
	afterExec    = "exec-done"
	beforeCommit = "commit"
	afterCommit  = "commit-done"
	beforeStore  = "store"
	atValue      = "value"
	atFound      = "found"
	inHook       = "hook"
)

var points = []string{beforeQuery, afterQuery, beforeExec, afterExec, beforeCommit, afterCommit, beforeStore, atValue, atFound, inHook}

// errInjected is what a script makes a statement fail with.
var errInjected = errors.New("injected")

// pass is called by an actor that comes to a point. It stops there if the
// script says so, and fails or panics there if the script says that.
func (a *actor) pass(point string) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	fault := a.faults[point]
	delete(a.faults, point)
	stop := a.until == point
	if stop {
		a.until = ""
		a.at = point
	}
	a.mu.Unlock()
	if stop {
		<-a.resume
	}
	switch fault {
	case "error":
		return errInjected
	case "panic":
		panic("injected")
	}
	return nil
}

type actorKey struct{}

func actorOf(ctx context.Context) *actor {
	a, _ := ctx.Value(actorKey{}).(*actor)
	return a
}

// gate is a driver that actors pass through on their way to the database.
type gate struct{ dialect.Driver }

func (g *gate) Unwrap() dialect.Driver { return g.Driver }

func (g *gate) Query(ctx context.Context, query string, args, v any) error {
	return query1(ctx, g.Driver, query, args, v)
}

func (g *gate) Exec(ctx context.Context, query string, args, v any) error {
	return exec1(ctx, g.Driver, query, args, v)
}

func (g *gate) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := g.Driver.Tx(ctx)
	if err != nil {
		return nil, err
	}
	return &gateTx{Tx: tx, actor: actorOf(ctx)}, nil
}

// BeginTx is Tx with options.
func (g *gate) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	tx, err := g.Driver.(interface {
		BeginTx(context.Context, *sql.TxOptions) (dialect.Tx, error)
	}).BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &gateTx{Tx: tx, actor: actorOf(ctx)}, nil
}

type gateTx struct {
	dialect.Tx
	actor *actor
}

func (t *gateTx) Query(ctx context.Context, query string, args, v any) error {
	return query1(ctx, t.Tx, query, args, v)
}

func (t *gateTx) Exec(ctx context.Context, query string, args, v any) error {
	return exec1(ctx, t.Tx, query, args, v)
}

// Commit fails before the database commits where the script has an error at
// beforeCommit, and after it did where it has one at afterCommit.
func (t *gateTx) Commit() error {
	if err := t.actor.pass(beforeCommit); err != nil {
		return errors.Join(err, t.Tx.Rollback())
	}
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	return t.actor.pass(afterCommit)
}

func query1(ctx context.Context, db dialect.ExecQuerier, query string, args, v any) error {
	a := actorOf(ctx)
	if err := a.pass(beforeQuery); err != nil {
		return err
	}
	if err := db.Query(ctx, query, args, v); err != nil {
		return err
	}
	return a.pass(afterQuery)
}

func exec1(ctx context.Context, db dialect.ExecQuerier, query string, args, v any) error {
	a := actorOf(ctx)
	if err := a.pass(beforeExec); err != nil {
		return err
	}
	if err := db.Exec(ctx, query, args, v); err != nil {
		return err
	}
	return a.pass(afterExec)
}

// near is a near level that drops what it is told to drop and nothing else, and
// at which an actor can be stopped. It isn't told who asks, so it asks who wants to
// be stopped there.
type near struct {
	mu      sync.Mutex
	entries map[cache.Key]nearEntry
	wanting func(point string) *actor
}

type nearEntry struct {
	entry   *cache.Entry
	expires time.Time
}

func (n *near) Get(k cache.Key) (*cache.Entry, bool) {
	n.mu.Lock()
	e, ok := n.entries[k]
	n.mu.Unlock()
	if !ok || !time.Now().Before(e.expires) {
		return nil, false
	}
	_ = n.wanting(atFound).pass(atFound)
	return e.entry, true
}

func (n *near) Set(k cache.Key, e *cache.Entry, ttl time.Duration) {
	_ = n.wanting(beforeStore).pass(beforeStore)
	if e.Proof == nil {
		_ = n.wanting(atValue).pass(atValue)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries[k] = nearEntry{entry: e, expires: time.Now().Add(ttl)}
}

func (n *near) Delete(k cache.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.entries, k)
}

func (n *near) Purge() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.entries)
}

func (n *near) Len() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.entries)
}

func (n *near) Size() int64 { return int64(n.Len()) }

func (n *near) Close() { n.Purge() }
