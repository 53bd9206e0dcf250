package cache

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func keyOf(t *testing.T, st *prepared, database uint64, vary string, args ...any) Key {
	t.Helper()
	k, ok := st.key(database, vary, args)
	require.True(t, ok, "%#v", args)
	return k
}

// Arguments that a database could tell apart make different keys.
func TestKeysTellArgumentsApart(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 6, time.UTC)
	east := time.FixedZone("east", 3600)
	u := uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	st := prepare(unitSchema, "", "sqlite3", "SELECT 1")
	seen := make(map[Key]string)
	for _, args := range [][]any{
		{}, {nil}, {nil, nil}, {""}, {"", ""}, {[]byte{}}, {[]byte(nil)},
		{0}, {1}, {-1}, {"1"}, {true}, {false}, {1.0}, {uint(1)}, {[]byte("1")}, {wrapped{"1"}}, {wrapped{int64(1)}}, {wrapped{nil}},
		{"a", "b"}, {"ab"}, {"a"}, {"b", "a"}, {"a", []byte("b")}, {"ab", ""}, {"", "ab"}, {"a\x00b"}, {"as"}, {"\x01a"},
		{1, 2}, {12}, {2, 1}, {1, nil}, {nil, 1},
		{0.0}, {math.Copysign(0, -1)}, {math.Inf(1)}, {math.MaxInt64}, {uint64(math.MaxUint64)}, {math.MinInt64},
		{at}, {at.Add(1)}, {at.Add(time.Second)}, {at.In(east)}, {at.In(time.FixedZone("other", 3600))}, {at.Unix()}, {at.String()},
		{u}, {u.String()}, {u[:]}, {&u},
		{time.Time{}}, {"n"}, {"N"},
	} {
		k := keyOf(t, st, 1, "", args...)
		require.NotContains(t, seen, k, "%#v", args)
		seen[k] = fmt.Sprintf("%#v", args)
	}
}

// Arguments that reach a driver as one value make one key.
func TestKeysOfEqualArguments(t *testing.T) {
	st := prepare(unitSchema, "", "sqlite3", "SELECT 1")
	for _, same := range [][]any{
		{1, int64(1), int8(1), number(1), ptr(1), ptr(int64(1))},
		{"a", text("a"), ptr("a"), ptr(text("a"))},
		{[]byte("a"), octets("a")},
		{true, flag(true), ptr(true)},
		{uint8(7), natural(7)},
		{nil, (*int)(nil), (*string)(nil)},
		{float32(0.5), 0.5},
	} {
		first := keyOf(t, st, 1, "", same[0])
		for _, v := range same[1:] {
			require.Equal(t, first, keyOf(t, st, 1, "", v), "%T", v)
		}
	}
}

// Everything else that decides a result is in the key.
func TestKeysTellStatementsApart(t *testing.T) {
	other := MustSchema(SchemaSpec{Fingerprint: "other"})
	seen := make(map[Key]bool)
	add := func(st *prepared, database uint64, vary string) {
		t.Helper()
		k := keyOf(t, st, database, vary, 1)
		require.False(t, seen[k])
		seen[k] = true
	}
	base := prepare(unitSchema, "", "sqlite3", "SELECT id FROM users")
	add(base, 1, "")
	add(base, 2, "")
	add(base, 1, "a")
	add(prepare(unitSchema, "n", "sqlite3", "SELECT id FROM users"), 1, "")
	add(prepare(unitSchema, "", "postgres", "SELECT id FROM users"), 1, "")
	add(prepare(other, "", "sqlite3", "SELECT id FROM users"), 1, "")
	add(prepare(unitSchema, "", "sqlite3", "SELECT id FROM users "), 1, "")
	add(prepare(unitSchema, "", "sqlite3", "SELECT Id FROM users"), 1, "")
	add(prepare(unitSchema, "nsqlite3", "", "SELECT id FROM users"), 1, "")

	k, l := keyOf(t, base, 1, "a"), keyOf(t, base, 1, "", "a")
	require.NotEqual(t, k, l, "what a program varies by isn't an argument")
	require.Equal(t, keyOf(t, base, 1, "", 1), keyOf(t, prepare(unitSchema, "", "sqlite3", "SELECT id FROM users"), 1, "", 1))
}

func TestArgumentsWithoutKey(t *testing.T) {
	st := prepare(unitSchema, "", "sqlite3", "SELECT 1")
	for _, v := range []any{[]int{1}, map[string]int{}, struct{}{}, make(chan int), func() {}, again{}, failingValuer{}, wrapped{[]int{1}},
		complex(1, 1), [2]int{}, ptr([]string{"a"})} {
		_, ok := st.key(1, "", []any{"before", v, "after"})
		require.False(t, ok, "%T", v)
	}
}

func TestKeysAllocateNothing(t *testing.T) {
	st := prepare(unitSchema, "", "sqlite3", "SELECT 1")
	args := []any{1, "a", int64(2), true, 1.5, []byte("b"), nil}
	keyOf(t, st, 1, "", args...)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = st.key(1, "", args) }))
}

// FuzzKey decodes two lists of arguments and requires that their keys are equal
// only if the lists are.
func FuzzKey(f *testing.F) {
	st := prepare(unitSchema, "", "sqlite3", "SELECT 1")
	f.Add([]byte{0, 1, 2}, []byte{0, 1, 3})
	f.Add([]byte("\x02\x01a\x02\x01b"), []byte("\x02\x02ab"))
	f.Add([]byte("\x03\x01a"), []byte("\x02\x01a"))
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("\x05\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, b := decodeArgs(x), decodeArgs(y)
		k, okA := st.key(1, "", a)
		l, okB := st.key(1, "", b)
		require.True(t, okA && okB)
		require.Equal(t, fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b), k == l, "%#v\n%#v", a, b)
	})
}

func decodeArgs(b []byte) []any {
	r := bytes.NewReader(b)
	var args []any
	word := func() (v uint64) {
		_ = binary.Read(r, binary.BigEndian, &v)
		return v
	}
	blob := func() []byte {
		n, _ := r.ReadByte()
		out := make([]byte, min(int(n), r.Len()))
		_, _ = r.Read(out)
		return out
	}
	for len(args) < 32 {
		kind, err := r.ReadByte()
		if err != nil {
			break
		}
		switch kind % 9 {
		case 0:
			args = append(args, nil)
		case 1:
			args = append(args, int64(word()))
		case 2:
			args = append(args, string(blob()))
		case 3:
			args = append(args, blob())
		case 4:
			args = append(args, word()%2 == 0)
		case 5:
			args = append(args, word())
		case 6:
			v := math.Float64frombits(word())
			if v != v || v == 0 {
				v = 1 // NaN isn't printed with its bits, nor a zero with its sign
			}
			args = append(args, v)
		case 7:
			args = append(args, time.Unix(int64(word()%1e10), int64(word()%1e9)).UTC())
		case 8:
			args = append(args, wrapped{string(blob())})
		}
	}
	return args
}
