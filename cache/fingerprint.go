package cache

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"reflect"
	"slices"
	"sync"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Fingerprint collects what tells a query from others before it runs: the SQL
// and arguments that its predicates and order come to, and everything else that
// is set on its builder and those of the edges it loads.
//
// Predicates are functions. Those of generated code are asked what they are; see
// term. If there are others they are run as Ent runs them, on a selector of the same
// table. That one selects no columns: which they are follows from the rest, and they
// are most of what building a statement costs.
//
// Two queries of one type and operation with the same fingerprint run the same
// statements and put the results together in the same way. Methods that return a
// bool are false if the query can't be told from others; Reason says why. A
// Fingerprint is for one query and one goroutine.
type Fingerprint struct {
	buf     []byte
	cache   *Cache
	ctx     context.Context
	driver  dialect.Driver // what the root runs on, without the cache's driver
	dialect string
	kind    resultKind
	reason  string

	// head is where what decides the statements begins in buf, query where what the
	// query is begins, whatever it is read for.
	head, query int
	// parts are the statements in buf. If the fingerprint is compared with an
	// earlier one, against is that, and next the part that is compared next.
	parts   []part
	against *Fingerprint
	next    int

	// question is what terms are asked with, values are those of one statement and
	// args what they are in a fingerprint. unasked says that one had no answer. depth
	// is how many groups of terms the one that answers is in.
	question *question
	values   []any
	args     []byte
	unasked  bool
	depth    int
}

var fingerprints = sync.Pool{New: func() any { return &Fingerprint{buf: make([]byte, 0, 1024)} }}

// newFingerprint returns the fingerprint of the query of a scope, empty yet.
func newFingerprint(c *Cache, sc *scope) *Fingerprint {
	f := fingerprints.Get().(*Fingerprint)
	f.cache, f.ctx = c, sc
	f.driver, f.dialect = sc.driver.Driver, sc.driver.dialect
	f.kind = sc.kind
	return f
}

// resultKind is what a query returns.
type resultKind uint8

const (
	otherResult resultKind = iota
	entities               // with the edges loaded
	ids                    // scanned as a column
	count
)

func (f *Fingerprint) release() {
	clear(f.parts)
	clear(f.values)
	*f = Fingerprint{buf: f.buf[:0], parts: f.parts[:0], question: f.question, values: f.values[:0], args: f.args[:0]}
	fingerprints.Put(f)
}

// Reason says why the query can't be told from others, in a few words.
func (f *Fingerprint) Reason() string { return f.reason }

// Refuse sets the reason, and returns false.
func (f *Fingerprint) Refuse(reason string) bool {
	f.reason = reason
	return false
}

// Context is the context that the query runs under; predicates may look at it.
func (f *Fingerprint) Context() context.Context { return f.ctx }

// SetContext replaces the context by one derived from it.
func (f *Fingerprint) SetContext(ctx context.Context) { f.ctx = ctx }

// AppendStrings appends strings that decide what the query reads.
func (f *Fingerprint) AppendStrings(list ...string) {
	f.appendCount(len(list))
	for _, s := range list {
		f.buf = appendString(f.buf, s)
	}
}

func (f *Fingerprint) appendCount(n int) { f.buf = binary.AppendUvarint(f.buf, uint64(n)) }

// Root reports whether a builder's interceptors leave the result to the cache.
// Those before the cache's run for a hit too. Those after it wouldn't, except
// that traversal is over by the time any of them runs.
func (f *Fingerprint) Root(inters []ent.Interceptor) bool {
	if f.kind == otherResult {
		return f.Refuse("the operation returns what the caller scans")
	}
	first := slices.IndexFunc(inters, f.own)
	if first < 0 {
		return f.Refuse("the cache isn't among the interceptors of the builder")
	}
	if f.kind == ids && first > 0 && !onlyTraverse(inters[:first]) {
		// The querier scans into a variable of the caller, who may be such an
		// interceptor; it can't be seen whether a value fits.
		return f.Refuse("an interceptor stands before the cache")
	}
	for _, inter := range inters[first:] {
		if !f.own(inter) && !traverses(inter) {
			return f.Refuse("an interceptor stands between the cache and the query")
		}
	}
	return true
}

// own reports whether an interceptor is that of the cache.
func (f *Fingerprint) own(inter ent.Interceptor) bool {
	i, ok := inter.(interface{ EntcacheCache() *Cache })
	return ok && i.EntcacheCache() == f.cache
}

func onlyTraverse(inters []ent.Interceptor) bool {
	for _, inter := range inters {
		if !traverses(inter) {
			return false
		}
	}
	return true
}

// probe is the querier that traverses asks about. A pointer, so that it equals
// only itself.
var probe ent.Querier = new(probeQuerier)

type probeQuerier struct{ _ byte }

func (*probeQuerier) Query(context.Context, ent.Query) (ent.Value, error) { return nil, nil }

// traverses reports whether an interceptor does nothing but traverse: a function
// that is a Traverser and returns the querier it gets, as Ent's and the
// generated ones do.
func traverses(inter ent.Interceptor) bool {
	if _, ok := inter.(ent.TraverseFunc); ok {
		return true
	}
	if _, ok := inter.(ent.Traverser); !ok || reflect.TypeOf(inter).Kind() != reflect.Func {
		return false
	}
	got := inter.Intercept(probe)
	p, ok := got.(*probeQuerier)
	return ok && p == probe
}

// Loads reports whether the operation loads edges.
func (f *Fingerprint) Loads() bool {
	return f.kind == entities && !mutant.On(mutant.PrintSkipsEdges)
}

// Edge begins the builder that loads the edge of that index. The edge's query
// must reach the cache with nothing in between: its interceptors and traversers
// would be skipped by a hit.
func (f *Fingerprint) Edge(index int, drv dialect.Driver, inters []ent.Interceptor) bool {
	f.buf = binary.AppendUvarint(append(f.buf, 'e'), uint64(index))
	return f.edge(drv, inters)
}

// Named is Edge for an edge that is loaded under a name.
func (f *Fingerprint) Named(index int, name string, drv dialect.Driver, inters []ent.Interceptor) bool {
	f.buf = binary.AppendUvarint(append(f.buf, 'n'), uint64(index))
	f.buf = appendString(f.buf, name)
	return f.edge(drv, inters)
}

func (f *Fingerprint) edge(drv dialect.Driver, inters []ent.Interceptor) bool {
	if d, ok := drv.(*Driver); ok {
		drv = d.Driver
	}
	if !reflect.ValueOf(drv).Comparable() || drv != f.driver {
		return f.Refuse("an edge is loaded through another client")
	}
	if len(inters) == 0 {
		return f.Refuse("the cache isn't among the interceptors of an edge")
	}
	for _, inter := range inters {
		if !f.own(inter) {
			return f.Refuse("an edge has interceptors of its own")
		}
	}
	return true
}

// End ends a builder.
func (f *Fingerprint) End() { f.buf = append(f.buf, '.') }

// EdgeNames returns the names in the order in which their builders are to be
// appended.
func EdgeNames[Q any](named map[string]Q) []string {
	if len(named) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(named))
}

// Selection is what a builder selects, apart from its predicates, order and edges.
type Selection struct {
	Values *Values
	// Builder is the builder itself.
	Builder any
	Context *ent.QueryContext
	// From is where a path led to, and Path whether there was one.
	From *entsql.Selector
	Path bool
	// ForeignKeys says that the entities get columns that aren't fields.
	ForeignKeys bool
	// Schema is the database schema of the table, and Schemas whether the client
	// has any.
	Schema  string
	Schemas bool
}

// AppendQuery appends the statement of a builder.
func AppendQuery[O, P ~func(*entsql.Selector)](f *Fingerprint, sel Selection, order []O, predicates []P) bool {
	if !sel.Values.keep(f, sel.Builder) {
		return false
	}
	if !mutant.On(mutant.PrintSkipsBounds) {
		f.appendContext(&sel)
	}
	if mutant.On(mutant.PrintSkipsOrder) {
		order = nil
	}
	var was *part
	if f.against != nil {
		if was = f.was(len(predicates)); was == nil {
			return f.Refuse("the query isn't what it was")
		}
		predicates = predicates[:was.predicates]
		sel.From = was.from
	}
	p := part{predicates: len(predicates)}
	if sel.From != nil {
		from := *sel.From
		p.from = &from
	}
	p.start = len(f.buf)
	if sel.From == nil && askTerms(f, sel.Schema, order, predicates) {
		p.asked = true
		f.appendTermValues(&p)
	} else {
		s, own := f.selector(&sel)
		// In the order of Ent, as one may look at what the other did.
		if f.kind == ids {
			apply(s, predicates)
			apply(s, order)
		} else {
			apply(s, order)
			apply(s, predicates)
		}
		if f.kind == count && len(order) > 0 {
			s.ClearOrder()
		}
		if !f.appendSelector(s, own, &sel, &p) {
			return false
		}
	}
	p.end = len(f.buf)
	f.parts = append(f.parts, p)
	if was != nil && !bytes.Equal(f.buf[p.start:p.end], f.against.buf[was.start:was.end]) {
		return f.Refuse("a predicate or the order says something else each time")
	}
	return true
}

func apply[F ~func(*entsql.Selector)](s *entsql.Selector, fns []F) {
	for _, fn := range fns {
		fn(s)
	}
}

// selector returns what Ent would run predicates and order on, without columns, and
// what it is part of unless a path led there.
func (f *Fingerprint) selector(sel *Selection) (*entsql.Selector, *base) {
	if sel.From != nil {
		// Not Ent's Clone: that of a predicate with an operator loses it. A copy
		// will do, for what is added goes into the selector itself, and what
		// there is is rendered anew each time.
		from := *sel.From
		s := from.Select()
		if f.kind == ids && sel.Schemas {
			s.WithContext(f.ctx)
		}
		return s, nil
	}
	b := new(base)
	b.table = *sel.Values.table
	b.selector.SetDialect(f.dialect)
	b.from(b.table.Schema(sel.Schema))
	if f.kind != ids || sel.Schemas {
		b.selector.WithContext(f.ctx)
	}
	return &b.selector, b
}

// base is a selector and the table it selects from, in one allocation. They aren't
// used again: who knows where a predicate keeps them.
type base struct {
	selector entsql.Selector
	table    entsql.SelectTable
	tables   [1]entsql.TableView
}

// What is set in a query's context, as bits.
const (
	hasLimit = 1 << iota
	hasOffset
	hasUnique
	isUnique
	hasPath
	hasForeignKeys
)

func (f *Fingerprint) appendContext(sel *Selection) {
	var (
		set           byte
		limit, offset int
		qc            = sel.Context
	)
	if qc.Limit != nil {
		set |= hasLimit
		limit = *qc.Limit
	}
	if qc.Offset != nil {
		set |= hasOffset
		offset = *qc.Offset
	}
	if qc.Unique != nil {
		set |= hasUnique
		if *qc.Unique {
			set |= isUnique
		}
	}
	if sel.Path {
		set |= hasPath
	}
	if sel.ForeignKeys {
		set |= hasForeignKeys
	}
	f.buf = append(f.buf, set)
	f.buf = binary.AppendVarint(f.buf, int64(limit))
	f.buf = binary.AppendVarint(f.buf, int64(offset))
	f.AppendStrings(qc.Fields...)
}

func (f *Fingerprint) appendSelector(s *entsql.Selector, own *base, sel *Selection, p *part) bool {
	if s.Err() != nil {
		return f.Refuse("a predicate or the order has an error")
	}
	var args []any
	ok := true
	if own != nil && own.plain(f.dialect, sel) {
		if args, ok = f.appendConditions(own, sel); !ok {
			return false
		}
	} else {
		var query string
		query, args = s.Query()
		f.buf = appendString(append(f.buf, 's'), query)
	}
	if s.Err() != nil {
		return f.Refuse("a predicate or the order has an error")
	}
	if mutant.On(mutant.PrintSkipsArgs) {
		args = nil
	}
	p.args = len(f.buf)
	if f.buf, ok = appendArgs(f.buf, args); !ok {
		return f.Refuse("an argument has no form that a key can be built from")
	}
	return true
}

// appendArgs appends a list of arguments; see appendArg.
func appendArgs(b []byte, args []any) ([]byte, bool) {
	b = binary.AppendUvarint(b, uint64(len(args)))
	ok := true
	for _, a := range args {
		if b, ok = appendArg(b, a); !ok {
			break
		}
	}
	return b, ok
}

// Fingerprint returns the fingerprint of a query, which must be about to run
// under ctx as the root of what its caller asked for, or why it has none.
func (c *Cache) Fingerprint(ctx context.Context, b ValueBuilder) (print []byte, reason string) {
	drv := b.EntcacheDriver()
	if d, ok := drv.(*Driver); ok {
		drv = d.Driver
	}
	sc := &scope{Context: ctx, driver: &Driver{Driver: drv, cache: c, dialect: drv.Dialect()}}
	if qc := ent.QueryFromContext(ctx); qc != nil {
		_, sc.kind = operation(qc.Op)
	}
	f := newFingerprint(c, sc)
	defer f.release()
	if !b.EntcacheFingerprint(f) {
		return nil, f.reason
	}
	return slices.Clone(f.buf), ""
}
