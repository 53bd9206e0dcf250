package codec

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata")

const fingerprint = 0x0123456789abcdef

func zone(t testing.TB, name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no tz database: %v", err)
	}
	return loc
}

// golden holds every kind of value but times in a named zone, which depend on
// the machine's tz database.
func golden() *Rows {
	return NewRows([]string{"id", "name", "a rather long name of a column, over 31 bytes"}, goldenValues()...)
}

func goldenValues() []any {
	return []any{
		nil, int64(0), int64(-1),
		int64(127), int64(128), int64(-33),
		int64(math.MaxInt64), int64(math.MinInt64), uint64(math.MaxUint64),
		true, false, float32(1.5),
		2.5, []byte(nil), []byte{},
		[]byte{0, 255}, "", "grüße",
		time.Date(2024, 2, 29, 23, 59, 59, 999999999, time.UTC),
		time.Date(1, 1, 1, 0, 0, 0, 0, time.FixedZone("X", -(5*3600+30*60))),
		// A local time's zone isn't written, its instant is.
		time.Unix(1719835200, 0),
	}
}

func TestGolden(t *testing.T) {
	r := golden()
	frame, err := Encode(nil, r, fingerprint)
	require.NoError(t, err)
	path := filepath.Join("testdata", "frame.v1.hex")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(wrap(hex.EncodeToString(frame))), 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(text), wrap(hex.EncodeToString(frame)), "frames that other processes wrote must stay readable: raise Version")
	got, err := Decode(frame, fingerprint)
	require.NoError(t, err)
	require.Equal(t, r, got)
}

func wrap(s string) string {
	var b strings.Builder
	for len(s) > 64 {
		b.WriteString(s[:64] + "\n")
		s = s[64:]
	}
	return b.String() + s + "\n"
}

func TestRoundTrip(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	one := []string{"a"}
	for name, r := range map[string]struct {
		columns []string
		values  []any
	}{
		"every kind":   {golden().Columns, goldenValues()},
		"no rows":      {columns: []string{"id"}},
		"nothing":      {columns: []string{}},
		"one":          {one, []any{int64(1)}},
		"many columns": {strings.Split(strings.Repeat("c,", 299)+"c", ","), make([]any, 300)},
		"long": {one, []any{
			strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 255), strings.Repeat("x", 256),
			strings.Repeat("x", 1<<16), make([]byte, 1<<16),
		}},
		"chunks":       {one, textsOf(0, 1, longText-1, longText, 0, chunkSize-1, longText-1, longText-1, longText-1, longText-1, 1, 0, longText, 0, 2)},
		"a full chunk": {one, textsOf(128, 128, 128, 128, 0)},
		"floats":       {one, []any{0.0, math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, float32(math.MaxFloat32), math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff0000000000bad), math.Float32frombits(0x7fc00bad)}},
		"times": {one, []any{
			time.Time{}, time.Unix(0, 0).UTC(), time.Unix(-1, 1).UTC(), time.Unix(1<<60, 0).UTC(),
			time.Unix(1<<33-1, 999999999).UTC(), time.Unix(1<<33, 0).UTC(), time.Unix(-1<<33, 0).UTC(), time.Unix(-1<<33-1, 1).UTC(),
			time.Unix(0, 0).In(time.FixedZone("", 0)), time.Unix(0, 0).In(time.FixedZone("", 3600)),
			time.Date(2024, 7, 1, 0, 0, 0, 0, berlin), time.Date(2024, 1, 1, 0, 0, 0, 0, berlin), time.Date(3024, 1, 1, 0, 0, 0, 0, berlin),
		}},
		"zones": {one, zoned(300)},
	} {
		t.Run(name, func(t *testing.T) {
			rows := NewRows(r.columns, r.values...)
			for i, v := range rows.Values() {
				requireSame(t, r.values[i], v)
			}
			prefix := []byte("before")
			b, err := Encode(prefix, rows, fingerprint)
			require.NoError(t, err)
			require.Equal(t, "before", string(b[:6]))
			got, err := Decode(b[6:], fingerprint)
			require.NoError(t, err)
			require.Equal(t, r.columns, got.Columns)
			require.Equal(t, rows.N, got.N)
			require.Len(t, got.Values(), len(r.values))
			for i, v := range got.Values() {
				requireSame(t, r.values[i], v)
			}
			again, err := Encode(nil, got, fingerprint)
			require.NoError(t, err)
			require.Equal(t, b[6:], again)
			// The rows share no memory with the frame.
			for i := range b {
				b[i] = 0xff
			}
			require.Equal(t, r.columns, got.Columns)
			for i, v := range got.Values() {
				requireSame(t, r.values[i], v)
			}
		})
	}
}

func TestRoundTripWithoutColumns(t *testing.T) {
	b, err := Encode(nil, &Rows{Columns: []string{}, N: 3}, fingerprint)
	require.NoError(t, err)
	got, err := Decode(b, fingerprint)
	require.NoError(t, err)
	require.Equal(t, &Rows{Columns: []string{}, N: 3}, got)
}

// textsOf returns texts and bytes of the lengths, no two alike.
func textsOf(lengths ...int) (values []any) {
	for i, n := range lengths {
		s := strings.Repeat(string(rune('a'+i)), n)
		values = append(values, s, []byte(s))
	}
	return values
}

// zoned returns times in so many zones.
func zoned(n int) (values []any) {
	for i := range n {
		values = append(values, time.Unix(int64(i), 0).In(time.FixedZone("Z", i)))
	}
	return values
}

// requireSame compares as a program sees values: kind, bits, and what a time
// prints and is computed with.
func requireSame(t *testing.T, want, got any) {
	t.Helper()
	switch w := want.(type) {
	case float64:
		require.IsType(t, w, got)
		require.Equal(t, math.Float64bits(w), math.Float64bits(got.(float64)))
	case float32:
		require.IsType(t, w, got)
		require.Equal(t, math.Float32bits(w), math.Float32bits(got.(float32)))
	case time.Time:
		require.IsType(t, w, got)
		g := got.(time.Time)
		w = w.Round(0)
		require.True(t, w.Equal(g))
		require.Equal(t, w.String(), g.String())
		require.Equal(t, w.Location().String(), g.Location().String())
		require.Equal(t, w.AddDate(0, 6, 0).String(), g.AddDate(0, 6, 0).String())
		if w.Location() == time.UTC || w.Location() == time.Local {
			require.True(t, w == g, "%v and %v differ by ==", w, g) //nolint:staticcheck
		}
	default:
		require.Equal(t, want, got)
	}
}

func TestMonotonicClockIsDropped(t *testing.T) {
	now := time.Now()
	b, err := Encode(nil, NewRows([]string{"a"}, now), 0)
	require.NoError(t, err)
	got, err := Decode(b, 0)
	require.NoError(t, err)
	require.True(t, now.Round(0) == got.Time(0)) //nolint:staticcheck
}

func TestEncodeRefuses(t *testing.T) {
	custom, err := time.LoadLocationFromTZData("Nowhere/At_All", tzdata(t))
	require.NoError(t, err)
	endless := int64(maxRows) + 1 // negative on a 32-bit machine
	one := func(v any) *Rows { return NewRows([]string{"c"}, v) }
	for name, r := range map[string]*Rows{
		"int":             one(1),
		"named string":    one(named("x")),
		"pointer":         one(new(int64)),
		"struct":          one(struct{}{}),
		"unknown zone":    one(time.Date(2024, 7, 1, 0, 0, 0, 0, custom)),
		"long zone":       one(time.Unix(0, 0).In(time.FixedZone(strings.Repeat("z", 256), 1))),
		"too few values":  {Columns: []string{"a", "b"}, N: 2, kinds: make([]Kind, 3)},
		"too many values": {Columns: []string{"a"}, N: 0, kinds: make([]Kind, 1)},
		"negative rows":   {N: -1},
		"endless rows":    {N: int(endless)},
	} {
		t.Run(name, func(t *testing.T) {
			dst := append(make([]byte, 0, 64), "before"...)
			got, err := Encode(dst, r, 0)
			require.ErrorIs(t, err, ErrValue)
			require.Equal(t, "before", string(got))
		})
	}
}

// named is a type that no driver of database/sql hands out.
type named string

func tzdata(t *testing.T) []byte {
	for _, dir := range []string{"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"} {
		if b, err := os.ReadFile(filepath.Join(dir, "Europe/Berlin")); err == nil {
			return b
		}
	}
	t.Skip("no tz database in the usual places")
	return nil
}

func TestDecodeRefuses(t *testing.T) {
	good, err := Encode(nil, golden(), fingerprint)
	require.NoError(t, err)

	t.Run("every truncation", func(t *testing.T) {
		for n := range good {
			r, err := Decode(good[:n], fingerprint)
			require.ErrorIs(t, err, ErrCorrupt, "%d bytes", n)
			require.Nil(t, r)
		}
	})
	t.Run("every flipped bit", func(t *testing.T) {
		for i := range len(good) * 8 {
			b := append([]byte{}, good...)
			b[i/8] ^= 1 << (i % 8)
			r, err := Decode(b, fingerprint)
			if i/8 == len(magic) {
				require.ErrorIs(t, err, ErrVersion)
			} else {
				require.ErrorIs(t, err, ErrCorrupt, "bit %d", i)
			}
			require.Nil(t, r)
		}
	})
	t.Run("trailing byte", func(t *testing.T) {
		_, err := Decode(append(append([]byte{}, good...), 0), fingerprint)
		require.ErrorIs(t, err, ErrCorrupt)
	})
	t.Run("another schema", func(t *testing.T) {
		_, err := Decode(good, fingerprint+1)
		require.ErrorIs(t, err, ErrFingerprint)
	})
	t.Run("another version", func(t *testing.T) {
		b := append([]byte{}, good...)
		b[len(magic)] = Version + 1
		_, err := Decode(b, fingerprint)
		require.ErrorIs(t, err, ErrVersion)
	})
}

// framed puts a header with a right checksum before any body.
func framed(body []byte) []byte {
	b := append([]byte(magic), Version)
	b = binary.BigEndian.AppendUint64(b, fingerprint)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = append(b, body...)
	binary.BigEndian.PutUint64(b[checksumAt:], checksum(b))
	return b
}

func TestDecodeRefusesBody(t *testing.T) {
	berlin := func(offset string) string {
		return "\x01\x91\xa1a\xc7\x23\x03" + "\x00\x00\x00\x00\x66\x81\xd1\x80\x00\x00\x00\x00\x03" + offset + "\x04CESTEurope/Berlin"
	}
	zone(t, "Europe/Berlin")
	_, err := Decode(framed([]byte(berlin("\x00\x00\x1c\x20"))), fingerprint)
	require.NoError(t, err)
	for name, body := range map[string]string{
		"empty":                    "",
		"rows only":                "\x01",
		"nil rows":                 "\xc0\x90",
		"negative rows":            "\xff\x90",
		"endless rows":             "\xce\xff\xff\xff\xff\x90",
		"rows in a long form":      "\xcc\x01\x91\xa1a\x01",
		"nil columns":              "\x00\xc0",
		"columns in a long form":   "\x00\xdc\x00\x01\xa1a",
		"absurd columns":           "\x00\xdd\xff\xff\xff\xff",
		"absurd rows":              "\xce\x7f\xff\xff\xff\x91\xa1a\x01",
		"column name is bytes":     "\x00\x91\xc4\x01a",
		"column name is nil":       "\x00\x91\xc0",
		"column name too long":     "\x00\x91\xdb\xff\xff\xff\xffa",
		"missing value":            "\x02\x91\xa1a\x01",
		"left over":                "\x01\x91\xa1a\x01\x01",
		"number in a long form":    "\x01\x91\xa1a\xcc\x01",
		"signed form of a natural": "\x01\x91\xa1a\xd1\x03\xe8",
		"uint64 as a number":       "\x01\x91\xa1a\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
		"cut number":               "\x01\x91\xa1a\xcd\x01",
		"text in a long form":      "\x01\x91\xa1a\xd9\x01x",
		"absurd text":              "\x01\x91\xa1a\xdb\xff\xff\xff\xff",
		"absurd bytes":             "\x01\x91\xa1a\xc6\xff\xff\xff\xff",
		"bytes in a long form":     "\x01\x91\xa1a\xc5\x00\x01x",
		"absurd extension":         "\x01\x91\xa1a\xc9\xff\xff\xff\xff\x03",
		"unknown extension":        "\x01\x91\xa1a\xd4\x09\x00",
		"short uint64":             "\x01\x91\xa1a\xd6\x01\x00\x00\x00\x00",
		"extension in a long form": "\x01\x91\xa1a\xc7\x08\x01\x00\x00\x00\x00\x00\x00\x00\x00",
		"array":                    "\x01\x91\xa1a\x91\x01",
		"map":                      "\x01\x91\xa1a\x80",
		"never used code":          "\x01\x91\xa1a\xc1",
		"short time":               "\x01\x91\xa1a\xd8\x03" + strings.Repeat("\x00", 12),
		"time past the second":     "\x01\x91\xa1a\xc7\x0d\x03" + strings.Repeat("\x00", 8) + "\x3b\x9a\xca\x00\x00",
		"unknown kind of zone":     "\x01\x91\xa1a\xc7\x0d\x03" + strings.Repeat("\x00", 12) + "\x09",
		"UTC with more":            "\x01\x91\xa1a\xc7\x0e\x03" + strings.Repeat("\x00", 14),
		"zone with another offset": berlin("\x00\x00\x1c\x21"),
		"zone outside the tz data": "\x01\x91\xa1a\xc7\x14\x03" + strings.Repeat("\x00", 12) + "\x03\x00\x00\x00\x00\x01X.",
		"zone without a name":      "\x01\x91\xa1a\xc7\x13\x03" + strings.Repeat("\x00", 12) + "\x03\x00\x00\x00\x00\x01X",
		"UTC as a named zone":      "\x01\x91\xa1a\xc7\x18\x03" + strings.Repeat("\x00", 12) + "\x03\x00\x00\x00\x00\x03UTCUTC",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Decode(framed([]byte(body)), fingerprint)
			require.ErrorIs(t, err, ErrCorrupt)
			require.Nil(t, r)
			t.Log(err)
		})
	}
}

func TestDecodeAllocatesNoMoreThanTheBodyHolds(t *testing.T) {
	for name, body := range map[string]string{
		"rows":    "\xce\x7f\xff\xff\xff\x91\xa1a" + strings.Repeat("\x01", 100),
		"columns": "\x00\xdd\x7f\xff\xff\xff" + strings.Repeat("\xa0", 100),
		"text":    "\x01\x91\xa1a\xdb\x7f\xff\xff\xff" + strings.Repeat("x", 100),
		"bytes":   "\x01\x91\xa1a\xc6\x7f\xff\xff\xff" + strings.Repeat("x", 100),
	} {
		t.Run(name, func(t *testing.T) {
			frame := framed([]byte(body))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range 100 {
				if _, err := Decode(frame, fingerprint); err == nil {
					t.Fatal("decoded")
				}
			}
			runtime.ReadMemStats(&after)
			require.Less(t, (after.TotalAlloc-before.TotalAlloc)/100, uint64(16<<10))
		})
	}
}
