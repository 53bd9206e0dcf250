package cache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

var errDriver = errors.New("connection lost")

// scripts are results of every shape, made anew by each call.
func scripts() map[string]func() *script {
	row := func(n int64) []driver.Value { return []driver.Value{n, fmt.Sprintf("name %d", n)} }
	columns := []string{"id", "name"}
	return map[string]func() *script{
		"no rows":     func() *script { return oneSet(columns) },
		"one row":     func() *script { return oneSet(columns, row(1)) },
		"three rows":  func() *script { return oneSet(columns, row(1), row(2), row(3)) },
		"no columns":  func() *script { return oneSet([]string{}, nil, nil) },
		"fails first": func() *script { return &script{sets: []resultSet{{columns: columns, err: errDriver}}} },
		"fails later": func() *script {
			return &script{sets: []resultSet{{columns: columns, rows: [][]driver.Value{row(1), row(2)}, err: errDriver}}}
		},
		"closes badly": func() *script { s := oneSet(columns, row(1), row(2)); s.closing = errDriver; return s },
		"odd value":    func() *script { return oneSet([]string{"a"}, []driver.Value{int32(1)}, []driver.Value{int64(2)}) },
		"two sets": func() *script {
			return &script{sets: []resultSet{{columns: columns, rows: [][]driver.Value{row(1)}}, {columns: []string{"x"}, rows: [][]driver.Value{{"y"}, {"z"}}}}}
		},
		"second set fails": func() *script {
			return &script{sets: []resultSet{{columns: columns, rows: [][]driver.Value{row(1)}}, {columns: []string{"x"}, err: errDriver}}}
		},
	}
}

// step calls one method and spells what it returned.
func step(rows entsql.ColumnScanner, op int) string {
	switch op {
	case 0, 1, 2:
		return fmt.Sprint("Next ", rows.Next())
	case 3, 4:
		n := 1
		if c, err := rows.Columns(); err == nil {
			n = len(c)
		}
		vals, dest := make([]any, n), make([]any, n)
		for i := range vals {
			dest[i] = &vals[i]
		}
		err := rows.Scan(dest...)
		return fmt.Sprint("Scan ", vals, err)
	case 5:
		return fmt.Sprint("Err ", rows.Err())
	case 6:
		c, err := rows.Columns()
		return fmt.Sprint("Columns ", c, err)
	case 7:
		types, err := rows.ColumnTypes()
		var b strings.Builder
		for _, ct := range types {
			b.WriteString(ct.Name() + ":" + ct.DatabaseTypeName() + " ")
		}
		return fmt.Sprint("ColumnTypes ", b.String(), err)
	case 8:
		return fmt.Sprint("Scan of too many ", rows.Scan(new(any), new(any), new(any)))
	case 9:
		return fmt.Sprint("NextResultSet ", rows.NextResultSet())
	default:
		return fmt.Sprint("Close ", rows.Close())
	}
}

// Any order of calls gives on recorded rows what it gives on live ones, whether
// they were recorded to the end or cut off by a bound.
func TestReplayIsSQLRows(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for name, open := range scripts() {
		t.Run(name, func(t *testing.T) {
			for run := range 400 {
				maxRows := rnd.IntN(4)
				live := open().query(t, context.Background())
				rec, err := record(open().query(t, context.Background()), nil, maxRows, 0, true)
				require.NoError(t, err)
				replayed := rec.scanner()
				var trace []string
				ended := false
				for range rnd.IntN(14) {
					op := rnd.IntN(11)
					if name == "closes badly" && !ended && op > 8 {
						// The recorded rows were closed already, so an early
						// Close has no error to return.
						continue
					}
					want, got := step(live, op), step(replayed, op)
					ended = ended || want == "Next false"
					trace = append(trace, want)
					require.Equal(t, want, got, "run %d, bound %d, after %s", run, maxRows, strings.Join(trace, "; "))
				}
				require.NoError(t, errors.Join(ignore(live.Close()), ignore(replayed.Close())))
			}
		})
	}
}

func ignore(err error) error {
	if errors.Is(err, errDriver) {
		return nil
	}
	return err
}

// Several replays of one result are independent of each other.
func TestReplaysShareRows(t *testing.T) {
	rows := codec.NewRows([]string{"a"}, int64(1), []byte("two"))
	a, b := newReplay(rows, nil), newReplay(rows, nil)
	require.True(t, a.Next())
	require.True(t, a.Next())
	var v any
	require.NoError(t, a.Scan(&v))
	v.([]byte)[0] = '#'
	require.False(t, a.Next())
	require.True(t, b.Next())
	require.True(t, b.Next())
	require.NoError(t, b.Scan(&v))
	require.Equal(t, []byte("two"), v)
}

// Every row is scanned as database/sql scans it, into the destinations of Ent's
// generated code, whatever the kinds in a column are.
func TestReplayScansEveryRow(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	id := uuid.New()
	value := func(i int) driver.Value {
		switch n := rnd.Int64(); rnd.IntN(9) {
		case 0:
			return nil
		case 1:
			return n >> rnd.IntN(64)
		case 2:
			return rnd.Float64()
		case 3:
			return n&1 == 0
		case 4:
			return time.Unix(n>>32, n&0xffff).UTC()
		case 5:
			return time.Unix(n>>20, 0).In(time.FixedZone("", i%3*3600))
		case 6:
			return strings.Repeat(fmt.Sprint(n), i%9)
		case 7:
			return []byte(fmt.Sprint(n >> 50))
		default:
			return id.String()
		}
	}
	destinations := func(kinds []int) (dest []any) {
		for _, k := range kinds {
			dest = append(dest, []any{
				new(sql.NullString), new(sql.NullInt64), new(sql.NullTime), new(sql.NullBool), new(sql.NullFloat64), new([]byte), new(any),
				new(uuid.UUID), &entsql.NullScanner{S: new(uuid.UUID)}, &entsql.NullScanner{S: new(sql.NullInt64)}, &entsql.NullScanner{S: new(sql.NullString)},
				new(int), new(string),
			}[k])
		}
		return dest
	}
	for range 100 {
		var kinds []int
		for range 1 + rnd.IntN(8) {
			kinds = append(kinds, rnd.IntN(13))
		}
		s := oneSet(make([]string, len(kinds)))
		for range 20 {
			var row []driver.Value
			for i := range kinds {
				row = append(row, value(i))
			}
			s.sets[0].rows = append(s.sets[0].rows, row)
		}
		rec, err := record(s.query(t, context.Background()), nil, 0, 0, false)
		require.NoError(t, err)
		live, replayed := s.query(t, context.Background()), rec.scanner()
		// As with Lean, the rows share their destinations.
		want, got := destinations(kinds), destinations(kinds)
		for live.Next() {
			require.True(t, replayed.Next())
			require.Equal(t, outcome(func() error { return live.Scan(want...) }), outcome(func() error { return replayed.Scan(got...) }))
			require.Equal(t, want, got)
		}
		require.False(t, replayed.Next())
	}
}

func TestReplayColumnsAreClipped(t *testing.T) {
	columns := make([]string, 1, 2)
	columns[0] = "a"
	rows := &codec.Rows{Columns: columns}
	c, err := newReplay(rows, nil).Columns()
	require.NoError(t, err)
	_ = append(c, "b")
	require.Equal(t, "", columns[:2][1])
}

func TestReplayWithoutTypes(t *testing.T) {
	r := newReplay(codec.NewRows([]string{"a"}, int64(1)), nil)
	require.True(t, r.Next())
	_, err := r.ColumnTypes()
	require.ErrorIs(t, err, errNoTypes)
	// Ent falls back to any.
	require.IsType(t, new(any), entsql.ScanTypeOf(&entsql.Rows{ColumnScanner: r}, 0))
	require.NoError(t, r.Close())
	_, err = r.ColumnTypes()
	require.EqualError(t, err, "sql: Rows are closed")
}

// Ent's own scanning works on replayed rows.
func TestReplayUnderEnt(t *testing.T) {
	rows := codec.NewRows([]string{"id", "name"}, int64(1), "a", int64(2), nil)
	var got []struct {
		ID   int
		Name *string
	}
	require.NoError(t, entsql.ScanSlice(newReplay(rows, nil), &got))
	require.Len(t, got, 2)
	require.Equal(t, "a", *got[0].Name)
	require.Nil(t, got[1].Name)

	one := codec.NewRows([]string{"sum"}, 3.0)
	n, err := entsql.ScanInt(newReplay(one, nil))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	none := &codec.Rows{Columns: []string{"sum"}}
	_, err = entsql.ScanInt(newReplay(none, nil))
	require.ErrorIs(t, err, sql.ErrNoRows)
}
