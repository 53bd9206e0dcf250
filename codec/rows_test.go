package codec

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// randomValues returns values in which any column mixes kinds, and texts of all
// the lengths at which something changes.
func randomValues(rnd *rand.Rand, n int) (values []any) {
	lengths := []int{0, 1, 7, 31, 32, 100, longText - 1, longText, 256, chunkSize, 1 << 16}
	for range n {
		s := strings.Repeat(string(rune('a'+rnd.IntN(26))), lengths[rnd.IntN(len(lengths)-rnd.IntN(2)*3)])
		values = append(values, fuzzed(uint8(rnd.Uint32()), int64(rnd.Uint64())>>rnd.IntN(64), s, math.Float64frombits(rnd.Uint64())))
	}
	return values
}

func names(n int) (columns []string) {
	for i := range n {
		columns = append(columns, fmt.Sprint("column ", i))
	}
	return columns
}

// Whatever kinds the values are of and in whatever order, each comes back.
func TestRowsAreTheirValues(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		columns := names(1 + rnd.IntN(7))
		n := rnd.IntN(40)
		values := randomValues(rnd, n*len(columns))
		var b Builder
		b.Reset(columns)
		for i, v := range values {
			if i%len(columns) == 0 {
				b.Add()
			}
			// A driver may use its buffer again at once.
			own, ok := v.([]byte)
			lent := bytes.Clone(own)
			if v = any(lent); !ok {
				v = values[i]
			}
			b.Set(i%len(columns), v)
			for j := range lent {
				lent[j] = '#'
			}
		}
		require.False(t, b.Unknown())
		require.Equal(t, n, b.Len())
		size := b.Size()
		r := b.Rows()
		require.Equal(t, size, r.Size())
		// What the builder is used for next is no part of the rows.
		b.Reset(columns)
		for range n {
			b.Add()
			for c := range columns {
				b.Set(c, "next")
			}
		}

		require.Equal(t, n, r.N)
		for i, v := range values {
			requireSame(t, v, r.Value(i))
			switch v := v.(type) {
			case int64:
				require.Equal(t, Int, r.Kind(i))
				require.Equal(t, v, r.Int(i))
			case float64:
				require.Equal(t, Float, r.Kind(i))
				requireSame(t, v, r.Float(i))
			case bool:
				require.Equal(t, Bool, r.Kind(i))
				require.Equal(t, v, r.Bool(i))
			case string:
				require.Equal(t, Text, r.Kind(i))
				require.Equal(t, v, r.Text(i))
			case time.Time:
				if r.Kind(i) != Other {
					require.GreaterOrEqual(t, r.Kind(i), Time)
					requireSame(t, v, r.Time(i))
				}
			}
		}
		for i := range n {
			kinds, words := r.Cells(i)
			require.Len(t, kinds, len(columns))
			require.Len(t, words, len(columns))
			for c, v := range r.Row(i) {
				requireSame(t, values[i*len(columns)+c], v)
			}
		}

		frame, err := Encode(nil, r, fingerprint)
		require.NoError(t, err)
		got, err := Decode(frame, fingerprint)
		require.NoError(t, err)
		require.Equal(t, r.kinds, got.kinds)
		for i, v := range values {
			requireSame(t, v, got.Value(i))
		}
	}
}

func TestUnknownValues(t *testing.T) {
	for _, v := range []any{1, int32(1), named("x"), new(string), struct{}{}} {
		var b Builder
		b.Reset([]string{"a"})
		b.Add()
		b.Set(0, v)
		require.True(t, b.Unknown(), "%T", v)
		require.Equal(t, v, b.Rows().Value(0))
		b.Reset(nil)
		require.False(t, b.Unknown())
	}
}

func TestBytesAreTheReaders(t *testing.T) {
	r := NewRows([]string{"a", "b"}, []byte("short"), bytes.Repeat([]byte("long"), 1000))
	for i := range 2 {
		v := r.Value(i).([]byte)
		before := strings.Clone(r.Text(i)[:4])
		v[0] = '#'
		require.Equal(t, before, r.Text(i)[:4])
	}
}

// The row that a Scan broke off isn't part of the result.
func TestDrop(t *testing.T) {
	var b Builder
	b.Reset([]string{"a", "b"})
	for _, v := range []string{"one", "two"} {
		b.Add()
		b.Set(0, v)
	}
	b.Drop()
	r := b.Rows()
	require.Equal(t, 1, r.N)
	require.Equal(t, []any{"one", nil}, r.Values())
}

func TestNewRowsWantsWholeRows(t *testing.T) {
	require.Panics(t, func() { NewRows([]string{"a", "b"}, int64(1)) })
	require.Panics(t, func() { NewRows(nil, int64(1)) })
	require.Equal(t, 0, NewRows(nil).N)
}

// A text that is kept keeps a chunk alive and not its result.
func TestTextKeepsAChunkAlive(t *testing.T) {
	const results = 200
	values := make([]any, 0, 4096)
	for i := range cap(values) {
		values = append(values, fmt.Sprintf("a text of some bytes, %d", i))
	}
	frame, err := Encode(nil, NewRows([]string{"a"}, values...), fingerprint)
	require.NoError(t, err)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var kept []string
	for i := range results {
		r, err := Decode(frame, fingerprint)
		require.NoError(t, err)
		kept = append(kept, r.Text(i*7))
	}
	took := (heap() - before) / results
	t.Logf("%d bytes kept for a text of %d in a result of %d", took, len(kept[0]), len(frame))
	require.Less(t, took, int64(4<<10))
	runtime.KeepAlive(kept)
}

// Decoders are used again: what one result holds must not be another's.
func TestDecodeConcurrently(t *testing.T) {
	for g := range 4 {
		t.Run(fmt.Sprint(g), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(uint64(g), 0))
			for range 50 {
				columns := names(1 + g)
				values := randomValues(rnd, 20*len(columns))
				frame, err := Encode(nil, NewRows(columns, values...), uint64(g))
				require.NoError(t, err)
				r, err := Decode(frame, uint64(g))
				require.NoError(t, err)
				_, err = Decode(framed(frame[bodyAt:len(frame)-1]), fingerprint)
				require.ErrorIs(t, err, ErrCorrupt)
				for i, v := range values {
					requireSame(t, v, r.Value(i))
				}
			}
		})
	}
}

func TestDecodeAllocates(t *testing.T) {
	frame, err := Encode(nil, users(100), 1)
	require.NoError(t, err)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if _, err := Decode(frame, 1); err != nil {
			t.Fatal(err)
		}
	}), 20.0)
}

// The body of a frame is what the msgpack library writes.
func TestBodyIsMsgpack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 0))
	for range 100 {
		columns := names(rnd.IntN(20))
		var values []any
		if len(columns) > 0 {
			values = randomValues(rnd, 30*len(columns))
		}
		for i, v := range values {
			switch v := v.(type) {
			case time.Time:
				// An extension of ours.
				values[i] = nil
			case []byte:
				if v == nil {
					values[i] = nil
				}
			case uint64:
				values[i] = int64(v)
			}
		}
		frame, err := Encode(nil, NewRows(columns, values...), fingerprint)
		require.NoError(t, err)
		var want bytes.Buffer
		w := msgpack.NewEncoder(&want)
		rows := 0
		if len(columns) > 0 {
			rows = len(values) / len(columns)
		}
		require.NoError(t, w.EncodeUint(uint64(rows)))
		require.NoError(t, w.EncodeArrayLen(len(columns)))
		for _, c := range columns {
			require.NoError(t, w.EncodeString(c))
		}
		for _, v := range values {
			if n, ok := v.(int64); ok {
				require.NoError(t, w.EncodeInt(n))
			} else {
				require.NoError(t, w.Encode(v))
			}
		}
		require.Equal(t, want.Bytes(), frame[bodyAt:])
	}
}
