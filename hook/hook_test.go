package hook

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

var testSchema = cache.MustSchema(cache.SchemaSpec{
	Tables: []cache.TableSpec{{Name: "users", ID: []string{"id"}, Columns: []cache.ColumnSpec{
		{Name: "id", Kind: cache.KindInt}, {Name: "name", Kind: cache.KindString},
	}}},
	Types: []cache.TypeSpec{{Name: "User", Table: "users"}},
})

// mutation is what generated code makes of a mutation.
type mutation struct {
	ent.Mutation
	write *Write
}

func (*mutation) EntcacheType() *cache.Type   { return testSchema.Type("User") }
func (m *mutation) EntcacheWrite() *Write     { return m.write }
func (m *mutation) EntcacheSetWrite(w *Write) { m.write = w }

// nothing is a near level that keeps nothing.
type nothing struct{}

func (nothing) Get(cache.Key) (*cache.Entry, bool)         { return nil, false }
func (nothing) Set(cache.Key, *cache.Entry, time.Duration) {}
func (nothing) Delete(cache.Key)                           {}
func (nothing) Purge()                                     {}
func (nothing) Len() int                                   { return 0 }
func (nothing) Size() int64                                { return 0 }
func (nothing) Close()                                     {}

// source is an interceptor that has a cache.
type source struct {
	ent.Interceptor
	cache *cache.Cache
}

func (s source) EntcacheCache() *cache.Cache { return s.cache }

// log is what happened, in order: what a cache was told, and what ran.
type log struct {
	mu     sync.Mutex
	caches []*cache.Cache
	seen   []uint64
	lines  []string
}

// doubt is how long the tests' caches hold what a write in doubt touches.
const doubt = 5 * time.Second

func newLog(t *testing.T, n int) *log {
	t.Helper()
	l := &log{}
	for range n {
		c, err := cache.New(cache.Options{Near: nothing{}, InDoubt: doubt})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		l.caches = append(l.caches, c)
	}
	l.seen = make([]uint64, n)
	return l
}

// say notes what happened since the last time: each step of a cache's position
// is a hold or a write that took effect.
func (l *log) say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, c := range l.caches {
		for n := c.Stats().Position; l.seen[i] < n; l.seen[i]++ {
			l.lines = append(l.lines, "position")
		}
	}
	if line != "" {
		l.lines = append(l.lines, line)
	}
}

func (l *log) take() []string {
	l.say("")
	lines := l.lines
	l.lines = nil
	return lines
}

func (l *log) writes() (n uint64) {
	for _, c := range l.caches {
		n += c.Stats().Invalidations
	}
	return n
}

func (l *log) client(drv dialect.Driver, p *Pending) Client {
	cl := Client{Driver: drv, Pending: p, Sources: [][]ent.Interceptor{nil, {}}}
	for _, c := range l.caches {
		cl.Sources = append(cl.Sources, []ent.Interceptor{source{cache: c}, source{cache: c}})
	}
	return cl
}

// Caches are found on every type, once.
func TestCachesOfAClient(t *testing.T) {
	l := newLog(t, 2)
	cl := l.client(nil, nil)
	cl.Sources = append(cl.Sources, []ent.Interceptor{ent.InterceptFunc(func(q ent.Querier) ent.Querier { return q })})
	require.Equal(t, l.caches, cl.caches())
	require.Empty(t, (&Client{}).caches())
}

// Whatever becomes of the mutation, its write ends with it, and an outer write
// of the same mutation comes back.
func TestInvalidateEndsWithTheMutation(t *testing.T) {
	outer := &Write{}
	for name, next := range map[string]ent.MutateFunc{
		"succeeds": func(context.Context, ent.Mutation) (ent.Value, error) { return nil, nil },
		"fails":    func(context.Context, ent.Mutation) (ent.Value, error) { return nil, errors.New("failed") },
		"panics":   func(context.Context, ent.Mutation) (ent.Value, error) { panic("in a hook") },
	} {
		t.Run(name, func(t *testing.T) {
			m := &mutation{write: outer}
			var w *Write
			inside := ent.MutateFunc(func(ctx context.Context, em ent.Mutation) (ent.Value, error) {
				w = m.write
				require.NotSame(t, outer, w)
				require.Same(t, w, ctx.Value(writeKey{}))
				require.False(t, w.finished)
				return next(ctx, em)
			})
			func() {
				defer func() { _ = recover() }()
				_, _ = Invalidate(inside).Mutate(t.Context(), m)
			}()
			require.True(t, w.finished)
			require.Same(t, outer, m.write)
		})
	}
}

// A mutation that no generated code made passes.
func TestInvalidatePassesOthersOn(t *testing.T) {
	called := false
	v, err := Invalidate(ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		called = true
		return 7, nil
	})).Mutate(t.Context(), struct{ ent.Mutation }{})
	require.NoError(t, err)
	require.Equal(t, 7, v)
	require.True(t, called)
}
