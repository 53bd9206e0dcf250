package oracle

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// Queries with one fingerprint run the same statements, with the same arguments,
// and copies of their results are equal and have nothing in common with them.
func TestFingerprints(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		reads := 300
		if dialectName == dialect.SQLite {
			reads = 1500
		}
		for _, name := range Domains() {
			t.Run(name, func(t *testing.T) {
				w := newWatch(t)
				w.play(t, name, dialectName, 1, reads)
				t.Logf("%d queries had %d fingerprints, %d had none: %v; %d results copied, of %d entities",
					w.queries, len(w.seen), w.none, w.reasons, w.copied, w.entities)
				require.Empty(t, w.wrong)
				require.Greater(t, w.repeated, reads/20, "without equal fingerprints nothing is proved")
				if name != "view" {
					require.Greater(t, w.queries-w.none, reads/5)
				}
			})
		}
	})
}

// play fills a domain with rows and reads them at random.
func (w *watch) play(t *testing.T, domain, dialectName string, seed uint64, reads int) {
	ctx := t.Context()
	d, err := Open(ctx, domain, dialectName)
	require.NoError(t, err)
	defer d.Close()
	g := &generator{m: d.model, rng: rand.New(rand.NewPCG(seed, 0x66696e676572))}
	client := d.Package.Open(recorder{driverOf(d), w})
	d.Package.Intercept(client, w)
	rd := &reader{m: d.model, dialect: dialectName, client: reflect.ValueOf(client)}
	as := func(op Op) *reader {
		r := *rd
		r.ctx = d.asViewer(ctx, (&choices{data: op.Data}).n(viewers))
		return &r
	}
	g.chooseFocus()
	for _, op := range g.rows() {
		_ = (&writer{reader: *as(op), plain: true}).write(op.Kind, d.byName[op.Type], rest(op.Data))
	}
	w.on = true
	var ops []Op
	for i := range reads {
		if i%40 == 0 {
			g.chooseFocus()
		}
		// New ones, and others that differ from an earlier one in a bit.
		g.recent = g.recent[:0]
		op := g.read()
		if len(ops) > 0 && g.rng.IntN(2) == 0 {
			op = ops[len(ops)-1-g.rng.IntN(min(len(ops), 40))]
			op.Data = slices.Clone(op.Data)
			op.Data[preamble+1+g.rng.IntN(len(op.Data)-preamble-1)] ^= byte(1 << g.rng.IntN(8))
		}
		ops = append(ops, op)
		again := ops[g.rng.IntN(len(ops))]
		for _, op := range []Op{op, again} {
			as(op).read(d.byName[op.Type], rest(op.Data))
		}
	}
}

// watch stands where the cache's interceptor would, and looks at every query.
type watch struct {
	cache *cache.Cache
	on    bool
	// seen are the statements by type, operation and fingerprint.
	seen map[string][]string
	// running are the statements of the query that runs, if one does.
	running []string
	depth   int

	wrong                                           []string
	queries, none, repeated, copied, entities, size int
	reasons                                         map[string]int
}

func newWatch(t *testing.T) *watch {
	h, err := entcache.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	var i any = h.Interceptor()
	return &watch{
		cache: i.(interface{ EntcacheCache() *cache.Cache }).EntcacheCache(),
		seen:  make(map[string][]string), reasons: make(map[string]int),
	}
}

// EntcacheCache makes the watch look like the cache's interceptor.
func (w *watch) EntcacheCache() *cache.Cache { return w.cache }

// Intercept implements ent.Interceptor.
func (w *watch) Intercept(next ent.Querier) ent.Querier {
	return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		b, ok := q.(cache.ValueBuilder)
		if !ok || !w.on || ent.QueryFromContext(ctx) != b.EntcacheContext() {
			return next.Query(ctx, q)
		}
		w.queries++
		print, reason := w.cache.Fingerprint(ctx, b)
		again, _ := w.cache.Fingerprint(ctx, b)
		if string(print) != string(again) {
			w.fail("a fingerprint differs from itself")
		}
		w.running = []string{}
		v, err := next.Query(ctx, q)
		ran := w.running
		w.running = nil
		if reason != "" {
			w.none++
			w.reasons[reason]++
			return v, err
		}
		// Edges with names are loaded in any order.
		slices.Sort(ran)
		key := fmt.Sprintf("%s %s %x", b.EntcacheType().Name, ent.QueryFromContext(ctx).Op, print)
		if have, ok := w.seen[key]; !ok {
			w.seen[key] = ran
		} else if err == nil && len(ran) > 0 {
			w.repeated++
			if !slices.Equal(have, ran) {
				w.fail("one fingerprint, two queries:\n%s\n%s", strings.Join(have, "\n"), strings.Join(ran, "\n"))
			}
		}
		if err == nil {
			w.copy(b, v)
		}
		return v, err
	})
}

// copy compares a result with a copy of it, and with one of the copy.
func (w *watch) copy(b cache.ValueBuilder, v ent.Value) {
	first, ok := b.EntcacheClone(v)
	if !ok {
		w.fail("%T of a %s can't be copied", v, b.EntcacheType().Name)
		return
	}
	w.copied++
	w.size += b.EntcacheValueSize(first)
	n, err := compareCopies(v, first)
	w.entities += n
	if err != nil {
		w.fail("%s: %v", b.EntcacheType().Name, err)
	}
	second, ok := b.EntcacheClone(first)
	if !ok {
		w.fail("a copy of a %s can't be copied", b.EntcacheType().Name)
		return
	}
	if _, err := compareCopies(first, second); err != nil {
		w.fail("%s: %v", b.EntcacheType().Name, err)
	}
}

func (w *watch) fail(format string, args ...any) {
	if len(w.wrong) < 3 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// recorder is a driver that tells a watch the statements.
type recorder struct {
	dialect.Driver
	watch *watch
}

// Query records and forwards.
func (d recorder) Query(ctx context.Context, query string, args, v any) error {
	if d.watch.running != nil {
		list, _ := args.([]any)
		text := query
		for _, a := range list {
			if dv, err := driver.DefaultParameterConverter.ConvertValue(a); err == nil {
				a = dv
			}
			text += fmt.Sprintf(" %T(%v)", a, a)
		}
		d.watch.running = append(d.watch.running, text)
	}
	return d.Driver.Query(ctx, query, args, v)
}

// Unwrap returns the driver behind.
func (d recorder) Unwrap() dialect.Driver { return d.Driver }
