package benchmarks

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/mitchellh/hashstructure/v2"
)

// Peer is the yardstick: a cache of recorded rows at Ent's driver, as
// ariga.io/entcache has one. A hit costs what it costs there: Ent builds the
// statement, its text and arguments are hashed by reflection, a list in the
// order of use is looked up under a lock, and the recorded values are assigned
// to Ent's destinations as database/sql does it.
//
// What isn't modelled is what makes no difference to a hit in the process: a
// level in Redis, keys and lifetimes in the context. Nothing is ever invalidated,
// there as here.
type Peer struct {
	dialect.Driver
	ttl        time.Duration
	gets, hits atomic.Uint64

	mu      sync.Mutex
	max     int
	entries map[any]*list.Element
	order   *list.List
}

// recorded is the result of a statement.
type recorded struct {
	columns []string
	values  [][]driver.Value
}

// clone returns a copy in memory of its own. A result is copied when it is stored:
// there it goes through encoding/gob, which leaves what belongs together side by
// side, and replaying it is the faster for that.
func (r *recorded) clone() *recorded {
	c := &recorded{columns: slices.Clone(r.columns), values: make([][]driver.Value, len(r.values))}
	for i, row := range r.values {
		c.values[i] = make([]driver.Value, len(row))
		for k, v := range row {
			switch v := v.(type) {
			case int64:
				c.values[i][k] = v
			case float64:
				c.values[i][k] = v
			case time.Time:
				c.values[i][k] = v
			case string:
				c.values[i][k] = strings.Clone(v)
			case []byte:
				c.values[i][k] = slices.Clone(v)
			default:
				c.values[i][k] = v
			}
		}
	}
	return c
}

// held is what the list of a Peer holds.
type held struct {
	key     any
	result  *recorded
	expires time.Time
}

// NewPeer returns a driver that caches what drv reads: at most so many results,
// or any number for zero, each for as long as ttl.
func NewPeer(drv dialect.Driver, maxEntries int, ttl time.Duration) *Peer {
	return &Peer{Driver: drv, ttl: ttl, max: maxEntries, entries: make(map[any]*list.Element), order: list.New()}
}

// Query implements dialect.Driver.
func (p *Peer) Query(ctx context.Context, query string, args, v any) error {
	rows, ok := v.(*entsql.Rows)
	argv, given := args.([]any)
	if !ok || !given || !strings.HasPrefix(query, "SELECT") || ctx.Value(peerKey{}) != nil {
		return p.Driver.Query(ctx, query, args, v)
	}
	key, err := hashstructure.Hash(struct {
		Q string
		A []any
	}{query, argv}, hashstructure.FormatV2, nil)
	if err != nil {
		return p.Driver.Query(ctx, query, args, v)
	}
	p.gets.Add(1)
	if r := p.get(key); r != nil {
		p.hits.Add(1)
		rows.ColumnScanner = &replayed{columns: r.columns, values: r.values}
		return nil
	}
	if err := p.Driver.Query(ctx, query, args, rows); err != nil {
		return err
	}
	rows.ColumnScanner = &recording{ColumnScanner: rows.ColumnScanner, done: func(r *recorded) { p.add(key, r.clone()) }}
	return nil
}

// peerKey is the key under which a context could say that a read is to leave
// the cache alone.
type peerKey struct{}

// Hits returns how many of the statements so far were hits, and all of them.
func (p *Peer) Hits() (hits, gets uint64) { return p.hits.Load(), p.gets.Load() }

// Purge drops all results.
func (p *Peer) Purge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.entries)
	p.order.Init()
}

func (p *Peer) get(key any) *recorded {
	p.mu.Lock()
	e, ok := p.entries[key]
	if ok {
		p.order.MoveToFront(e)
	}
	p.mu.Unlock()
	if !ok {
		return nil
	}
	h := e.Value.(*held)
	if time.Now().Before(h.expires) {
		return h.result
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.entries[key] == e {
		p.remove(e)
	}
	return nil
}

func (p *Peer) add(key any, r *recorded) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.entries[key]; ok {
		p.remove(old)
	}
	p.entries[key] = p.order.PushFront(&held{key, r, time.Now().Add(p.ttl)})
	if p.max > 0 && p.order.Len() > p.max {
		p.remove(p.order.Back())
	}
}

func (p *Peer) remove(e *list.Element) {
	p.order.Remove(e)
	delete(p.entries, e.Value.(*held).key)
}

// crowd adds copies of an entry under keys that no statement has, until there
// are as many entries as wanted.
func (p *Peer) crowd(entries int) {
	p.mu.Lock()
	first := p.order.Front().Value.(*held).result
	n := p.order.Len()
	p.mu.Unlock()
	for ; n < entries; n++ {
		p.add([2]int{n}, first.clone())
	}
}

// recording keeps what is scanned, and hands it over if that was all.
type recording struct {
	entsql.ColumnScanner
	result recorded
	ended  bool
	done   func(*recorded)
}

func (r *recording) Next() bool {
	more := r.ColumnScanner.Next()
	r.ended = !more
	return more
}

func (r *recording) Columns() ([]string, error) {
	columns, err := r.ColumnScanner.Columns()
	r.result.columns = columns
	return columns, err
}

func (r *recording) Scan(dest ...any) error {
	row := make([]driver.Value, len(dest))
	raw := make([]any, len(dest))
	for i := range raw {
		raw[i] = rawValue{&row[i]}
	}
	if err := r.ColumnScanner.Scan(raw...); err != nil {
		return err
	}
	r.result.values = append(r.result.values, row)
	return assign(dest, row)
}

func (r *recording) Close() error {
	err := r.ColumnScanner.Close()
	if err == nil && r.ended && r.Err() == nil {
		r.done(&r.result)
	}
	return err
}

// rawValue takes what the database's driver returned as it is.
type rawValue struct{ to *driver.Value }

// Scan implements sql.Scanner.
func (v rawValue) Scan(src any) error {
	if b, ok := src.([]byte); ok {
		src = slices.Clone(b)
	}
	*v.to = src
	return nil
}

// replayed is a recorded result that is read again.
type replayed struct {
	columns []string
	values  [][]driver.Value
}

var _ entsql.ColumnScanner = (*replayed)(nil)

func (r *replayed) Close() error               { return nil }
func (r *replayed) Columns() ([]string, error) { return r.columns, nil }
func (r *replayed) Err() error                 { return nil }
func (r *replayed) Next() bool                 { return len(r.values) > 0 }
func (r *replayed) NextResultSet() bool        { return false }
func (r *replayed) ColumnTypes() ([]*sql.ColumnType, error) {
	return nil, errors.New("entcache: the yardstick keeps no column types: measure reads that don't ask for them")
}

func (r *replayed) Scan(dest ...any) error {
	if len(r.values) == 0 {
		return sql.ErrNoRows
	}
	row := r.values[0]
	r.values = r.values[1:]
	return assign(dest, row)
}

func assign(dest []any, row []driver.Value) error {
	if len(dest) != len(row) {
		return fmt.Errorf("entcache: %d destinations for %d columns", len(dest), len(row))
	}
	for i, src := range row {
		if err := convertAssign(dest[i], src); err != nil {
			return err
		}
	}
	return nil
}

// database/sql keeps this name for the cache that is modelled, which takes it in
// the same way.
//
//go:linkname convertAssign database/sql.convertAssign
func convertAssign(dest, src any) error
