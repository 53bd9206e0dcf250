package cache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
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
	var values []any
	for i := range n {
		for _, v := range row {
			// Each row has values of its own.
			switch x := v.(type) {
			case int64:
				v = x + int64(i)<<20
			case string:
				v = strings.Clone(x)
			}
			values = append(values, v)
		}
	}
	return codec.NewRows(columns, values...), dest
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

	at := time.Date(2024, 2, 29, 1, 2, 3, 456, time.FixedZone("X", 3600))
	id := uuid.New()
	for _, tt := range []struct {
		value any
		dest  []any
	}{
		{int64(1 << 40), []any{new(int), new(int64), &entsql.NullScanner{S: new(sql.NullInt64)}}},
		{int64(1), []any{new(bool), new(sql.NullBool)}},
		{"a text", []any{new(string), new(sql.NullString), &entsql.NullScanner{S: new(sql.NullString)}}},
		{id.String(), []any{new(uuid.UUID), &entsql.NullScanner{S: new(uuid.UUID)}}},
		{id[:], []any{new(uuid.UUID), &entsql.NullScanner{S: new(uuid.UUID)}}},
		{[]byte("12"), []any{new(int), new(int64), new(string), new(sql.NullInt64), new(sql.NullFloat64), new(sql.NullString)}},
		{[]byte("1"), []any{new(sql.NullBool)}},
		{at, []any{new(time.Time), new(sql.NullTime), &entsql.NullScanner{S: new(sql.NullTime)}}},
		{at.UTC(), []any{new(time.Time), new(sql.NullTime)}},
		{1.5, []any{new(float64), new(sql.NullFloat64)}},
		{nil, []any{new(any), new([]byte), new(sql.NullString), &entsql.NullScanner{S: new(uuid.UUID)}}},
	} {
		rows := codec.NewRows([]string{"a"}, tt.value)
		for _, d := range tt.dest {
			require.EqualValues(t, 1, testing.AllocsPerRun(100, func() {
				r := newReplay(rows, nil)
				if !r.Next() || r.Scan(d) != nil {
					t.Fatal("not scanned")
				}
			}), "%T into %T", tt.value, d)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		rows, dest := customers(n)
		b.Run(fmt.Sprintf("%drows", n), func(b *testing.B) {
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
	for _, n := range []int{1, 20, 100} {
		columns, row, _ := customer()
		s := oneSet(columns)
		for range n {
			s.sets[0].rows = append(s.sets[0].rows, row)
		}
		db := sql.OpenDB(s)
		defer db.Close()
		b.Run(fmt.Sprintf("%drows", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				live, err := db.QueryContext(context.Background(), "query")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := record(live, nil, 1000, 1<<20, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
