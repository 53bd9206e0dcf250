package cache

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

// drain reads a result with one column to its end.
func drain(t *testing.T, rows entsql.ColumnScanner) (values []any, err error) {
	t.Helper()
	for rows.Next() {
		var v any
		require.NoError(t, rows.Scan(&v))
		values = append(values, v)
	}
	err = rows.Err()
	require.NoError(t, rows.Close())
	return values, err
}

func numbers(n int) *script {
	s := oneSet([]string{"n"})
	for i := range n {
		s.sets[0].rows = append(s.sets[0].rows, []driver.Value{int64(i)})
	}
	return s
}

func TestRecordReasons(t *testing.T) {
	for name, test := range map[string]struct {
		script            *script
		maxRows, maxBytes int
		reason            Reason
		kept              int // rows
		rest              bool
		err               error
	}{
		"no rows":            {numbers(0), 10, 1000, Cacheable, 0, false, nil},
		"some rows":          {numbers(9), 10, 1000, Cacheable, 9, false, nil},
		"as many as allowed": {numbers(10), 10, 1000, Cacheable, 10, false, nil},
		"a row too many":     {numbers(11), 10, 1000, TooLarge, 11, true, nil},
		"far too many":       {numbers(50), 10, 10000, TooLarge, 11, true, nil},
		"too many bytes":     {numbers(50), 100, 300, TooLarge, 20, true, nil},
		"one huge value":     {oneSet([]string{"b"}, []driver.Value{make([]byte, 1000)}), 10, 1000, TooLarge, 1, true, nil},
		"no bounds":          {numbers(5000), 0, 0, Cacheable, 5000, false, nil},
		"negative bounds":    {numbers(5000), -1, -1, Cacheable, 5000, false, nil},
		"fails":              {&script{sets: []resultSet{{columns: []string{"a"}, rows: numbers(3).sets[0].rows, err: errDriver}}}, 10, 1000, Incomplete, 3, false, errDriver},
		"closes badly":       {&script{sets: numbers(3).sets, closing: errDriver}, 10, 1000, Incomplete, 3, false, errDriver},
		"unknown value":      {oneSet([]string{"a"}, []driver.Value{int64(1)}, []driver.Value{int32(2)}, []driver.Value{int64(3)}), 10, 1000, UnknownValue, 3, false, nil},
		"two sets":           {&script{sets: []resultSet{numbers(2).sets[0], numbers(3).sets[0]}}, 10, 1000, UnknownValue, 2, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			rec, err := record(test.script.query(t, context.Background()), nil, test.maxRows, test.maxBytes, false)
			require.NoError(t, err)
			require.Equal(t, test.reason, rec.reason, rec.reason.String())
			require.Equal(t, test.kept, rec.rows.N)
			require.Len(t, rec.rows.Values(), test.kept)
			require.Equal(t, test.rest, rec.rest != nil)
			require.ErrorIs(t, rec.err, test.err)
			if !test.rest {
				require.Equal(t, 1, test.script.closed, "the live rows must be closed")
			}
			// Nothing is lost, and nothing comes twice.
			var want []any
			for _, r := range test.script.sets[0].rows {
				want = append(want, r[0])
			}
			got, err := drain(t, rec.scanner())
			require.ErrorIs(t, err, test.err)
			require.Equal(t, want, got)
			require.Equal(t, 1, test.script.closed)
		})
	}
}

// The bytes counted are those an entry of the rows will count.
func TestRecordCountsAsSize(t *testing.T) {
	rows := [][]driver.Value{{int64(1), "some text", []byte("bytes")}, {nil, "", []byte{}}}
	columns := []string{"a", "b", "c"}
	rec, err := record(oneSet(columns, rows...).query(t, context.Background()), nil, 0, 0, false)
	require.NoError(t, err)
	size := rec.rows.Size()
	rec, err = record(oneSet(columns, rows...).query(t, context.Background()), nil, 0, size, false)
	require.NoError(t, err)
	require.Equal(t, Cacheable, rec.reason)
	rec, err = record(oneSet(columns, rows...).query(t, context.Background()), nil, 0, size-1, false)
	require.NoError(t, err)
	require.Equal(t, TooLarge, rec.reason)
}

func TestRecordKeepsTypes(t *testing.T) {
	rec, err := record(numbers(1).query(t, context.Background()), nil, 0, 0, true)
	require.NoError(t, err)
	require.Len(t, rec.types, 1)
	require.Equal(t, "TYPE OF n", rec.types[0].DatabaseTypeName())
	rec, err = record(numbers(1).query(t, context.Background()), nil, 0, 0, false)
	require.NoError(t, err)
	require.Nil(t, rec.types)
}

// A driver may reuse its buffers for the next row.
func TestRecordCopiesBytes(t *testing.T) {
	buf := []byte("one")
	s := oneSet([]string{"b"}, []driver.Value{buf}, []driver.Value{buf})
	s.next = func(_, row int) {
		if row == 1 {
			copy(buf, "two")
		}
	}
	rec, err := record(s.query(t, context.Background()), nil, 0, 0, false)
	require.NoError(t, err)
	require.Equal(t, []any{[]byte("one"), []byte("two")}, rec.rows.Values())
}

func TestRecordWithoutColumns(t *testing.T) {
	rec, err := record(oneSet([]string{}, nil, nil, nil).query(t, context.Background()), nil, 10, 1000, true)
	require.NoError(t, err)
	require.Equal(t, Cacheable, rec.reason)
	require.Equal(t, 3, rec.rows.N)
	rec, err = record(oneSet([]string{}, nil, nil, nil).query(t, context.Background()), nil, 2, 1000, true)
	require.NoError(t, err)
	require.Equal(t, TooLarge, rec.reason)
}

func TestRecordOfCancelledQuery(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := numbers(9)
	s.next = func(_, row int) {
		if row == 4 {
			cancel()
		}
	}
	rec, err := record(s.query(t, ctx), nil, 0, 0, false)
	require.NoError(t, err)
	require.Equal(t, Incomplete, rec.reason)
	require.ErrorIs(t, rec.err, context.Canceled)
	got, err := drain(t, rec.scanner())
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, got, 4)
}

func TestRecordOfClosedRows(t *testing.T) {
	live := numbers(3).query(t, context.Background())
	require.NoError(t, live.Close())
	_, err := record(live, nil, 0, 0, false)
	require.EqualError(t, err, "sql: Rows are closed")
}

// oddRows end well and close badly, as Ent's rows do that reset session
// variables when they are closed.
type oddRows struct {
	entsql.ColumnScanner
	closed int
}

func (r *oddRows) Close() error {
	r.closed++
	return errors.Join(r.ColumnScanner.Close(), errDriver)
}

func TestRecordPassesOnTheErrorOfClose(t *testing.T) {
	live := &oddRows{ColumnScanner: numbers(2).query(t, context.Background())}
	rec, err := record(live, nil, 0, 0, false)
	require.NoError(t, err)
	require.Equal(t, Incomplete, rec.reason)
	require.Equal(t, 1, live.closed)
	r := rec.scanner()
	for range 2 {
		require.True(t, r.Next())
	}
	require.False(t, r.Next())
	require.NoError(t, r.Err())
	require.ErrorIs(t, r.Close(), errDriver)
	require.NoError(t, r.Close())
	require.Equal(t, 1, live.closed)
}

// cutRows fail in the middle of a row.
type cutRows struct {
	entsql.ColumnScanner
	left int
}

func (r *cutRows) Scan(dest ...any) error {
	if r.left--; r.left < 0 {
		_ = dest[0].(sql.Scanner).Scan("half a row")
		return errDriver
	}
	return r.ColumnScanner.Scan(dest...)
}

func TestRecordOfAFailedScan(t *testing.T) {
	rec, err := record(&cutRows{ColumnScanner: numbers(9).query(t, context.Background()), left: 3}, nil, 0, 0, false)
	require.NoError(t, err)
	require.Equal(t, Incomplete, rec.reason)
	require.Equal(t, 3, rec.rows.N)
	got, err := drain(t, rec.scanner())
	require.ErrorIs(t, err, errDriver)
	require.Equal(t, []any{int64(0), int64(1), int64(2)}, got)
}

// The rest of a result belongs to its reader, who may stop early.
func TestRestIsClosedByItsReader(t *testing.T) {
	s := numbers(9)
	rec, err := record(s.query(t, context.Background()), nil, 3, 0, false)
	require.NoError(t, err)
	require.Equal(t, 0, s.closed)
	r := rec.scanner()
	require.True(t, r.Next())
	require.NoError(t, r.Close())
	require.Equal(t, 1, s.closed)
	require.False(t, r.Next())
}

func TestRecordedValuesAreKnown(t *testing.T) {
	rec, err := record(numbers(3).query(t, context.Background()), nil, 0, 0, false)
	require.NoError(t, err)
	b, err := codec.Encode(nil, rec.rows, 1)
	require.NoError(t, err)
	got, err := codec.Decode(b, 1)
	require.NoError(t, err)
	require.Equal(t, rec.rows.Values(), got.Values())
}

// Names that are known are used only if they are the result's.
func TestRecordUsesKnownColumns(t *testing.T) {
	for _, known := range [][]string{{"n"}, {"m"}, {"n", "n"}, {}} {
		rec, err := record(numbers(1).query(t, context.Background()), &known, 0, 0, false)
		require.NoError(t, err)
		require.Equal(t, []string{"n"}, rec.rows.Columns)
		if len(known) == 1 && known[0] == "n" {
			require.Same(t, &known[0], &rec.rows.Columns[0])
		}
	}
}
