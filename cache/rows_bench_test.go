package cache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

// customer is a row of thirteen columns and the destinations Ent's generated
// code has for it.
func customer() (columns []string, row []driver.Value, dest []any) {
	for range 13 {
		columns = append(columns, "column")
	}
	row = []driver.Value{
		int64(4711), "Leonie", "Köhler", nil, "Theodor-Heuss-Straße 34", "Stuttgart", nil, "Germany",
		"leonekohler@surfeu.de", true, 0.25, time.Unix(1700000000, 0).UTC(), int64(5),
	}
	dest = []any{
		new(sql.NullInt64), new(sql.NullString), new(sql.NullString), new(sql.NullString), new(sql.NullString), new(sql.NullString), new(sql.NullString), new(sql.NullString),
		new(sql.NullString), new(sql.NullBool), new(sql.NullFloat64), new(sql.NullTime), new(sql.NullInt64),
	}
	return columns, row, dest
}

func customers(n int) (*codec.Rows, []any) {
	columns, row, dest := customer()
	r := &codec.Rows{Columns: columns, N: n}
	for range n {
		for _, v := range row {
			r.Values = append(r.Values, v)
		}
	}
	return r, dest
}

func TestReplayAllocates(t *testing.T) {
	rows, dest := customers(100)
	require.EqualValues(t, 1, testing.AllocsPerRun(100, func() {
		var v entsql.Rows
		v.ColumnScanner = newReplay(rows, nil)
		for v.Next() {
			if err := v.Scan(dest...); err != nil {
				t.Fatal(err)
			}
		}
		_ = v.Close()
	}), "the replay itself is the one allocation of a hit")

	ints := &codec.Rows{Columns: []string{"id"}, N: 1, Values: []any{int64(1 << 40)}}
	for _, d := range []any{new(int), new(int64), new(any), new(bool), &entsql.NullScanner{S: new(sql.NullInt64)}} {
		if _, ok := d.(*bool); ok {
			ints.Values[0] = int64(1)
		}
		require.EqualValues(t, 1, testing.AllocsPerRun(100, func() {
			r := newReplay(ints, nil)
			if !r.Next() || r.Scan(d) != nil {
				t.Fatal("not scanned")
			}
		}), "%T", d)
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, n := range []int{1, 100} {
		rows, dest := customers(n)
		b.Run(map[int]string{1: "row", 100: "100rows"}[n], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := newReplay(rows, nil)
				for r.Next() {
					if err := r.Scan(dest...); err != nil {
						b.Fatal(err)
					}
				}
				_ = r.Close()
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	columns, row, _ := customer()
	s := oneSet(columns)
	for range 100 {
		s.sets[0].rows = append(s.sets[0].rows, row)
	}
	db := sql.OpenDB(s)
	defer db.Close()
	b.ReportAllocs()
	for b.Loop() {
		live, err := db.QueryContext(context.Background(), "query")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := record(live, 1000, 1<<20, false); err != nil {
			b.Fatal(err)
		}
	}
}
