package oracle

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

func TestOracle(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		ops := 6000
		if dialectName == dialect.SQLite {
			ops = 22000
		}
		start := time.Now()
		s, err := Campaign{Dialect: dialectName, Seed: 1, Ops: ops, Shrink: 30 * time.Second}.Run(t.Context())
		var f *Failure
		if errors.As(err, &f) {
			var replay bytes.Buffer
			_ = f.List.Write(&replay)
			t.Fatalf("%v\nfor go run ./internal/oracle/cmd/oracle -db %s -replay FILE:\n%s", err, dialectName, &replay)
		}
		require.NoError(t, err)
		t.Log(s.Line(time.Since(start)))
		require.Greater(t, s.HitRatio(), 0.4, "without hits nothing is proved")
		require.Greater(t, float64(s.ValueHits), 0.1*float64(s.Hits), "nor without values")
		require.Greater(t, float64(s.Irrelevant), 0.005*float64(s.Hits), "nor without writes that touch and don't matter")
	})
}

func TestStorm(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		for i, name := range []string{"shop", "o2o", "tenant"} {
			d, err := Open(t.Context(), name, dialectName)
			require.NoError(t, err)
			defer d.Close()
			s, err := Storm{Seed: uint64(i + 1), Readers: 4, Writers: 2, For: 2 * time.Second, Pause: 2 * time.Millisecond}.Run(t.Context(), d)
			t.Log(name, s.Line())
			require.NoError(t, err)
			require.Less(t, float64(s.Inconclusive), 0.2*float64(s.Reads), "too few reads say anything")
			require.NotZero(t, s.Hits, "without hits nothing is proved")
			require.NotZero(t, s.ValueHits, "nor without values")
		}
	})
}

func TestGenerateRepeats(t *testing.T) {
	for _, name := range Domains() {
		m, err := findDomain(name)
		require.NoError(t, err)
		a := Generate(&Database{model: m}, 7, 300)
		b := Generate(&Database{model: m}, 7, 300)
		require.Equal(t, a, b)
		require.NotEqual(t, a, Generate(&Database{model: m}, 8, 300))
	}
}

func TestReplayFile(t *testing.T) {
	m, err := findDomain("shop")
	require.NoError(t, err)
	l := Generate(&Database{model: m}, 4, 200)
	l.Ops = append(l.Ops, Op{Kind: Rollback}, Op{Kind: Read, Type: "Track"})
	l.spread(3, true)
	var b bytes.Buffer
	require.NoError(t, l.Write(&b))
	got, err := Parse(&b)
	require.NoError(t, err)
	require.Equal(t, len(l.Ops), len(got.Ops))
	for i, o := range l.Ops {
		require.Equal(t, o.String(), got.Ops[i].String())
	}
	require.Equal(t, l.Domain, got.Domain)
	require.Equal(t, l.Ledger, got.Ledger)
	require.Equal(t, 3, got.Processes)
	require.True(t, got.Tokens)
	require.True(t, got.RowsOnly)
	met := make(map[int]int)
	for _, o := range got.Ops {
		met[o.process(3)]++
	}
	require.Len(t, met, 3)
	_, err = Parse(bytes.NewBufferString("domain shop\njump Track 00\n"))
	require.ErrorContains(t, err, "line 2")
}

func TestShrinking(t *testing.T) {
	var ops []Op
	for i := range 100 {
		ops = append(ops, Op{Kind: Read, Type: "Track", Data: []byte{byte(i), 1, 2, 3}})
	}
	// Fails while operation 17 stands before 60 and their first bytes are there.
	fails := func(ops []Op) bool {
		at := func(n byte) int {
			return slices.IndexFunc(ops, func(o Op) bool { return len(o.Data) > 0 && o.Data[0] == n })
		}
		return at(17) >= 0 && at(60) > at(17)
	}
	got := withoutOps(ops, fails)
	require.Len(t, got, 2)
	got = shorter(got, fails)
	require.Equal(t, []byte{17}, got[0].Data)
	require.Equal(t, []byte{60}, got[1].Data)
}

// Every value that has no bytes left to be decided by is the simplest one.
func TestNoDataIsTheSimplestRead(t *testing.T) {
	for _, name := range Domains() {
		d, err := Open(t.Context(), name, dialect.SQLite)
		require.NoError(t, err)
		for _, typ := range d.types {
			r := &run{Database: d, plain: reflect.ValueOf(d.Package.Open(driverOf(d)))}
			a := r.reader(d.asViewer(t.Context(), 0), r.plain).read(typ, nil)
			require.NoError(t, a.err, "%s %s", name, typ.Name)
			require.Zero(t, reflect.ValueOf(a.values[0]).Len())
		}
		require.NoError(t, d.Close())
	}
}
