package precision

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/cespare/xxhash/v2"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/interceptor"
	"github.com/entcache/ent-cache/internal/simredis"
	"github.com/entcache/ent-cache/store/memstore"
)

// Options are those of a run.
type Options struct {
	Seed uint64
	// Operations is how long the log is, Writes the share of writes in it.
	Operations int
	Writes     float64
	// Every is the time from one operation to the next, for policies with a TTL.
	// Zero means 10 ms.
	Every time.Duration
	// Remote gives the cache a remote level, as if there were other processes.
	Remote bool

	// unseen lets the writes go past the cache, which must then be found stale.
	unseen bool
}

// Result is what a run has found.
type Result struct {
	Workload string
	Writes   float64
	// Policies are the scores by the names of the policies, in the order of Names.
	Names    []string
	Policies map[string]Score
	// Causes are why the cache missed where the oracle would have hit, the most
	// frequent first.
	Causes []Cause
}

// Ours is the name of the cache among the policies.
const Ours = "entcache"

// Run plays a workload. Two runs must not overlap: Ent's migration writes to
// variables of the generated code.
func Run(ctx context.Context, w Workload, o Options) (*Result, error) {
	if o.Every == 0 {
		o.Every = 10 * time.Millisecond
	}
	p, err := newPlayer(ctx, w, o)
	if err != nil {
		return nil, err
	}
	defer p.close()
	for i, op := range w.log(o.Seed, o.Operations, o.Writes, o.Every) {
		p.at = i + 1
		if err := p.play(ctx, op); err != nil {
			return nil, fmt.Errorf("%s, operation %d: %w", w.Name, p.at, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	r := &Result{Workload: w.Name, Writes: o.Writes, Policies: make(map[string]Score), Causes: p.causes.list()}
	for i, m := range p.models {
		r.Names = append(r.Names, m.name())
		r.Policies[m.name()] = m.score
		if i == 0 {
			r.Names = append(r.Names, Ours)
		}
	}
	r.Policies[Ours] = p.ours.score
	return r, nil
}

// player plays one log.
type player struct {
	workload Workload
	options  Options
	db       *sql.DB
	recorder *recorder
	cache    *cache.Cache
	store    store
	at       int
	// sql are the tables of statements, which are few.
	sql    map[string][]string
	models []*model
	ours   ours
	causes causes
}

// ours is what the cache made of the reads. Its entries are the hashes of what it
// served last.
type ours struct {
	entries map[uint64]uint64
	score   Score
}

func newPlayer(ctx context.Context, w Workload, o Options) (*player, error) {
	p := &player{
		workload: w, options: o, sql: make(map[string][]string), ours: ours{entries: make(map[uint64]uint64)}, causes: newCauses(w),
	}
	for _, policy := range policies(o.Every) {
		p.models = append(p.models, &model{policy: policy, entries: make(map[uint64]entry)})
	}
	var err error
	if p.db, err = sql.Open("sqlite", ":memory:?_pragma=foreign_keys(1)&_time_format=sqlite&_timezone=UTC"); err != nil {
		return nil, err
	}
	// Each connection would have a database of its own.
	p.db.SetMaxOpenConns(1)
	p.recorder = &recorder{Driver: entsql.OpenDB(dialect.SQLite, p.db)}
	options := cache.Options{
		Near:   forever{memstore.New(1 << 30)},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if o.Remote {
		options.Remote = simredis.New(simredis.Options{Seed: o.Seed}).Client(simredis.Config{})
		options.Consistency = cache.Bounded(time.Hour)
	}
	p.cache, err = cache.New(options)
	if err == nil {
		p.store, err = w.open(ctx, p.recorder, interceptor.New(p.cache))
	}
	if err != nil {
		p.close()
		return nil, err
	}
	p.recorder.take()
	return p, nil
}

func (p *player) close() {
	if p.cache != nil {
		_ = p.cache.Close()
	}
	_ = p.db.Close()
}

// forever keeps entries whatever their TTL is: how long a run takes must not
// matter, nor how policies set their TTLs.
type forever struct{ cache.Near }

// Set stores an entry for a day.
func (n forever) Set(key cache.Key, e *cache.Entry, _ time.Duration) {
	n.Near.Set(key, e, 24*time.Hour)
}

func (p *player) play(ctx context.Context, op operation) error {
	if !op.write {
		return p.store.read(op.kind, op.params, func(query func(context.Context, bool) (any, error)) (any, error) {
			return p.ask(ctx, op, query)
		})
	}
	p.recorder.take()
	if err := p.store.write(ctx, op.kind, op.params, !p.options.unseen); err != nil {
		return err
	}
	return p.wrote()
}

func (p *player) wrote() error {
	var w write
	for _, s := range p.recorder.take() {
		c, err := parseChange(s)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		w.add(p.workload, c)
	}
	if len(w.tables) == 0 {
		return nil
	}
	for _, m := range p.models {
		m.wrote(p.at, w)
	}
	return nil
}

// add adds what a statement writes.
func (w *write) add(of Workload, c *change) {
	for _, t := range slices.Concat([]string{c.table}, cascadesOf(of, c)) {
		if !slices.Contains(w.tables, t) {
			w.tables = append(w.tables, t)
		}
	}
	if c.verb == "insert" || of.joins[c.table] {
		return
	}
	ids := c.where["id"]
	if len(ids) == 0 {
		w.bulk = append(w.bulk, c.table)
	}
	for _, id := range ids {
		w.rows = append(w.rows, row{c.table, text(id)})
	}
}

func cascadesOf(w Workload, c *change) []string {
	if c.verb != "delete" {
		return nil
	}
	return w.cascades[c.table]
}

// ask runs a root query, first without the cache and then with it, and lets every
// policy have its say.
func (p *player) ask(ctx context.Context, op operation, query func(context.Context, bool) (any, error)) (any, error) {
	p.recorder.take()
	v, err := query(ctx, false)
	if err != nil {
		return nil, err
	}
	statements := p.recorder.take()
	if len(statements) == 0 {
		return nil, errors.New("a read without a statement")
	}
	now := result{key: keyOf(statements[0])}
	if now.hash, err = hashOf(v); err != nil {
		return nil, err
	}
	for _, s := range statements {
		for _, t := range p.tablesOf(s.query) {
			if !slices.Contains(now.tables, t) {
				now.tables = append(now.tables, t)
			}
		}
	}
	now.rows = rowsOf(v, p.tablesOf(statements[0].query)[0])
	for _, m := range p.models {
		m.read(p.at, now)
	}
	return v, p.askCache(ctx, op, now, query)
}

func (p *player) askCache(ctx context.Context, op operation, now result, query func(context.Context, bool) (any, error)) error {
	var (
		hash uint64
		hit  = true
	)
	explained, err := cache.Explain(ctx, func(ctx context.Context) error {
		v, err := query(ctx, true)
		if err == nil {
			hash, err = hashOf(v)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, x := range explained {
		hit = hit && served(x)
	}
	statements := p.recorder.take()
	if hit != (len(statements) == 0) {
		return fmt.Errorf("a hit is %v to the cache, and %d statements reached the database: %v", hit, len(statements), explained)
	}
	s := &p.ours.score
	s.Reads++
	held, ok := p.ours.entries[now.key]
	p.ours.entries[now.key] = hash
	if hash != now.hash {
		// Of a miss, a statement of an eager load may have been a hit.
		s.Stale++
	}
	switch {
	case hit:
		s.Hits++
	case ok:
		s.Evicted++
		if held == now.hash {
			s.Needless++
			p.causes.missed(op.kind, explained)
		}
	}
	return nil
}

func (p *player) tablesOf(query string) []string {
	tables, ok := p.sql[query]
	if !ok {
		tables = tablesOf(nil, query)
		p.sql[query] = tables
	}
	return tables
}

func keyOf(s statement) uint64 {
	h := xxhash.New()
	_, _ = h.WriteString(s.query)
	for _, a := range s.args {
		_, _ = fmt.Fprintf(h, "\x00%T %v", a, a)
	}
	return h.Sum64()
}

func hashOf(v any) (uint64, error) {
	b, err := json.Marshal(v)
	return xxhash.Sum64(b), err
}

// rowsOf returns the rows of a table that a result has: entities, or one.
func rowsOf(v any, table string) []row {
	var rows []row
	add := func(v reflect.Value) {
		if v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct {
			if id := v.Elem().FieldByName("ID"); id.IsValid() {
				rows = append(rows, row{table, text(id.Interface())})
			}
		}
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice {
		for i := range rv.Len() {
			add(rv.Index(i))
		}
	} else if v != nil {
		add(rv)
	}
	return rows
}
