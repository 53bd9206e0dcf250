package oracle

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// What runs in place of Ent, where the statement of a query is known, runs the
// statement that Ent does, with the same arguments, and makes the same of its rows.
func TestKnownStatements(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		reads := 300
		if dialectName == dialect.SQLite {
			reads = 250 // the slowest under the race detector
		}
		known := 0
		for _, name := range Domains() {
			t.Run(name, func(t *testing.T) {
				p := playKnown(t, name, dialectName, 1, reads)
				t.Logf("%d reads, %d of them of known statements, %d pointers compared", p.reads, p.known, p.pointers)
				require.Empty(t, p.wrong)
				known += p.known
			})
		}
		require.Greater(t, known, reads, "without known statements nothing is proved")
	})
}

type knownPlay struct {
	reads, known, pointers int
	wrong                  string
}

// playKnown reads a domain at random, by Ent alone and twice past what is cached: the
// second time statements are known, and often the first.
func playKnown(t *testing.T, domain, dialectName string, seed uint64, reads int) (p knownPlay) {
	ctx := t.Context()
	d, err := Open(ctx, domain, dialectName)
	require.NoError(t, err)
	defer d.Close()
	g := &generator{m: d.model, rng: rand.New(rand.NewPCG(seed, 0x6b6e6f776e))}
	h, err := entcache.New()
	require.NoError(t, err)
	defer h.Close()
	log := &statementLog{Driver: driverOf(d)}
	client := d.Package.Open(log)
	d.Package.Intercept(client, h.Interceptor())
	rd := &reader{m: d.model, dialect: dialectName, client: reflect.ValueOf(client)}
	as := func(ctx context.Context, op Op) *reader {
		r := *rd
		r.ctx = d.asViewer(ctx, (&choices{data: op.Data}).n(viewers))
		return &r
	}
	g.chooseFocus()
	for _, op := range g.rows() {
		_ = (&writer{reader: *as(ctx, op), plain: true}).write(op.Kind, d.byName[op.Type], rest(op.Data))
	}
	for i := range reads {
		if i%40 == 0 {
			g.chooseFocus()
		}
		op := g.read()
		ask := func(ctx context.Context) (answer, []string, bool) {
			log.ran, log.built = nil, false
			a := as(ctx, op).read(d.byName[op.Type], rest(op.Data))
			ran := slices.Clone(log.ran)
			slices.Sort(ran) // edges with names are loaded in any order
			return a, ran, len(ran) > 0 && !log.built
		}
		want, ran, _ := ask(entcache.Skip(ctx))
		for range 2 {
			p.reads++
			got, also, known := ask(entcache.Refresh(ctx))
			if _, ok := want.err.(*panicError); ok {
				break // of Ent
			}
			if known {
				p.known++
			}
			if !slices.Equal(ran, also) {
				p.wrong = fmt.Sprintf("Ent runs\n%s\nand the cache\n%s", strings.Join(ran, "\n"), strings.Join(also, "\n"))
				return p
			}
			if !equal(&got, &want) {
				p.wrong = fmt.Sprintf("Ent returns %s, and the cache %s", want.render(true), got.render(true))
				return p
			}
			for i := range want.values {
				if !known || dialectName != dialect.SQLite {
					continue // zones of drivers differ from time to time
				}
				n, err := compareResults(want.values[i], got.values[i])
				p.pointers += n
				if err != nil {
					p.wrong = fmt.Sprintf("%s\n%v", strings.Join(also, "\n"), err)
					return p
				}
			}
		}
	}
	return p
}

// statementLog is a driver that notes statements, and whether Ent built them.
type statementLog struct {
	dialect.Driver
	ran   []string
	built bool
}

// Query notes and forwards.
func (d *statementLog) Query(ctx context.Context, query string, args, v any) error {
	list, _ := args.([]any)
	text := query
	for _, a := range list {
		text += fmt.Sprintf(" %T(%v)", a, a)
		if v, ok := a.(driver.Valuer); ok {
			value, _ := v.Value()
			text += fmt.Sprintf("=%T(%v)", value, value)
		}
	}
	d.ran = append(d.ran, text)
	d.built = d.built || builtByEnt()
	return d.Driver.Query(ctx, query, args, v)
}

// Unwrap returns the driver behind.
func (d *statementLog) Unwrap() dialect.Driver { return d.Driver }

// builtByEnt reports whether the builders of Ent are among the callers.
func builtByEnt() bool {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for {
		f, more := frames.Next()
		for _, name := range []string{".sqlAll", ".sqlCount", ".sqlScan", "sqlgraph."} {
			if strings.Contains(f.Function, name) {
				return true
			}
		}
		if !more {
			return false
		}
	}
}
