package codec

import (
	"bytes"
	"math"
	"testing"
	"time"
)

// FuzzDecode: bytes never make Decode panic, and what decodes is the frame of
// what it decodes to, bit for bit.
func FuzzDecode(f *testing.F) {
	frame, err := Encode(nil, golden(), fingerprint)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame, false)
	f.Add(frame[bodyAt:], true)
	f.Add([]byte("\x01\x91\xa1a\x01"), true)
	named, err := Encode(nil, NewRows([]string{"a"}, time.Date(2024, 7, 1, 0, 0, 0, 0, zone(f, "Europe/Berlin"))), fingerprint)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(named[bodyAt:], true)
	f.Fuzz(func(t *testing.T, b []byte, frameIt bool) {
		if frameIt {
			b = framed(b)
		}
		r, err := Decode(b, fingerprint)
		if err != nil {
			if r != nil {
				t.Fatalf("rows beside the error %v", err)
			}
			return
		}
		again, err := Encode(nil, r, fingerprint)
		if err != nil {
			t.Fatalf("decoded rows don't encode: %v", err)
		}
		if !bytes.Equal(b, again) {
			t.Fatalf("decoded\n%x\nencoded again\n%x", b, again)
		}
	})
}

// FuzzRoundTrip builds rows of every kind from the fuzzer's bytes.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint8(1), []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"), int64(1), "text", 1.5)
	f.Add(uint8(3), []byte{9, 9, 9}, int64(math.MinInt64), "", math.Inf(-1))
	f.Fuzz(func(t *testing.T, columns uint8, kinds []byte, n int64, s string, x float64) {
		names := []string{}
		for range columns % 8 {
			names = append(names, s)
		}
		var (
			values []any
			r      = &Rows{Columns: names, N: len(kinds)}
		)
		if len(names) > 0 {
			for i := range len(kinds) / len(names) * len(names) {
				values = append(values, fuzzed(kinds[i], n+int64(i), s, x))
			}
			r = NewRows(names, values...)
		}
		for i, v := range r.Values() {
			requireSame(t, values[i], v)
		}
		b, err := Encode(nil, r, uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b, uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		if got.N != r.N || len(got.Values()) != len(values) || len(got.Columns) != len(r.Columns) {
			t.Fatalf("%d rows, %d values, %d columns", got.N, len(got.Values()), len(got.Columns))
		}
		for i, v := range got.Values() {
			requireSame(t, values[i], v)
		}
		for i, c := range r.Columns {
			if got.Columns[i] != c {
				t.Fatalf("column %q became %q", c, got.Columns[i])
			}
		}
	})
}

func fuzzed(kind byte, n int64, s string, x float64) any {
	switch kind % 13 {
	case 0:
		return nil
	case 1:
		return n
	case 2:
		return n >> (uint64(n) % 64)
	case 3:
		return uint64(n)
	case 4:
		return x
	case 5:
		return float32(x)
	case 6:
		return n%2 == 0
	case 7:
		return []byte(nil)
	case 8:
		return []byte(s)
	case 9:
		return s
	case 10:
		return time.Unix(n, n&0x1fffffff).UTC()
	case 11:
		return time.Unix(n, 0)
	default:
		return time.Unix(n%(1<<40), 0).In(time.FixedZone(s[:min(len(s), 200)], int(n%86400)))
	}
}
