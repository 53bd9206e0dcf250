package cache

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

type (
	number        int32
	natural       uint16
	text          string
	octets        []byte
	flag          bool
	digest        [4]byte
	wrapped       struct{ v driver.Value }
	again         struct{}
	failingValuer struct{}
	pointed       struct{ s string }
)

func (w wrapped) Value() (driver.Value, error)     { return w.v, nil }
func (again) Value() (driver.Value, error)         { return wrapped{1}, nil }
func (failingValuer) Value() (driver.Value, error) { return nil, errors.New("failed") }
func (p *pointed) Value() (driver.Value, error)    { return p.s, nil }

func column(k Kind) *Column { return &Column{ColumnSpec: ColumnSpec{Name: "c", Kind: k}, Exact: true} }

func ptr[T any](v T) *T { return &v }

// What a driver hands out, what a query passes and what a mutation sets for one
// value must end in one form, and different values in different ones.
func TestCanonicalFormsOfOneValue(t *testing.T) {
	u := uuid.MustParse("6BA7B810-9dad-11d1-80b4-00c04fd430c8")
	for name, c := range map[string]struct {
		kind   Kind
		groups [][]any // the values of a group are one, those of two are two
	}{
		"int": {KindInt, [][]any{
			{1, int8(1), int64(1), uint(1), uint64(1), number(1), natural(1), "1", []byte("1"), text("1"), ptr(1), ptr(int64(1)),
				wrapped{int64(1)}, ptr(wrapped{"1"}), sql.NullInt64{Int64: 1, Valid: true}},
			{-1, int64(-1), "-1"},
			{0, "0", uint8(0)},
			{int64(math.MinInt64), "-9223372036854775808"},
			{int64(math.MaxInt64), uint64(math.MaxInt64), "9223372036854775807"},
			{uint64(math.MaxInt64 + 1), "9223372036854775808"},
			{uint64(math.MaxUint64), "18446744073709551615", []byte("18446744073709551615")},
		}},
		"bool": {KindBool, [][]any{
			{true, 1, int64(1), "1", []byte("1"), flag(true), ptr(true), wrapped{true}, uint8(1)},
			{false, 0, int64(0), "0", []byte("0"), flag(false)},
		}},
		"string": {KindString, [][]any{
			{"a", []byte("a"), text("a"), octets("a"), ptr("a"), wrapped{"a"}, &pointed{"a"}, sql.NullString{String: "a", Valid: true}},
			{"A"}, {""}, {"a "}, {"1"}, {"\x00"}, {"é"}, {"e\u0301"},
		}},
		"bytes": {KindBytes, [][]any{
			{[]byte("abcd"), octets("abcd"), digest{'a', 'b', 'c', 'd'}, wrapped{[]byte("abcd")}},
			{[]byte{}, octets{}}, {[]byte{0}},
		}},
		"uuid": {KindUUID, [][]any{
			{u, [16]byte(u), u[:], &u, u.String(), "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "6ba7b8109dad11d180b400c04fd430c8",
				"{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", []byte(u.String()),
				uuid.NullUUID{UUID: u, Valid: true}, text(u.String())},
			{uuid.Nil, "00000000-0000-0000-0000-000000000000"},
			{uuid.Max},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			col := column(c.kind)
			seen := make(map[Fact]any)
			for _, group := range c.groups {
				first, ok := col.canonical(group[0], false)
				require.True(t, ok, "%#v", group[0])
				fact := valueFact(1, first)
				require.NotContains(t, seen, fact, "%#v", group[0])
				seen[fact] = group[0]
				for _, v := range group[1:] {
					got, ok := col.canonical(v, false)
					require.True(t, ok, "%T %#v", v, v)
					require.Equal(t, first, got, "%T %#v", v, v)
					require.Equal(t, fact, valueFact(1, got))
				}
			}
		})
	}
}

// Where Go can't tell what the database makes of a value there is no form.
func TestValuesWithoutCanonicalForm(t *testing.T) {
	for name, c := range map[string]struct {
		kind   Kind
		values []any
	}{
		"int":    {KindInt, []any{"01", "+1", "1.0", " 1", "", "x", "1e3", "-0", true, 1.0, time.Time{}, "18446744073709551616", []byte(nil)}},
		"bool":   {KindBool, []any{2, -1, "true", "t", "", "2", 1.0, []byte{1}}},
		"string": {KindString, []any{1, true, 1.5, time.Time{}, struct{}{}, []int{1}, [2]int{}, map[string]int{}}},
		"uuid": {KindUUID, []any{"", "x", "6ba7b810-9dad-11d1-80b4-00c04fd430c", "6ba7b810+9dad-11d1-80b4-00c04fd430c8",
			"6ba7b810-9dad-11d1-80b4-00c04fd430cg", []byte{1, 2}, 1, "+ba7b8109dad11d180b400c04fd430c8", "6ba7b810_9dad11d180b400c04fd430c"}},
		"any":   {KindInt, []any{nil, (*int)(nil), wrapped{nil}, (*wrapped)(nil), again{}, failingValuer{}, sql.NullInt64{}, sql.NullString{}}},
		"bytes": {KindBytes, []any{"a", 1, true}},
		"float": {KindFloat, []any{1.0, 1, "1"}},
		"time":  {KindTime, []any{time.Now(), "2024-01-01"}},
		"json":  {KindJSON, []any{"{}", []byte("{}")}},
		"other": {KindOther, []any{1, "a"}},
	} {
		col := &Column{ColumnSpec: ColumnSpec{Kind: c.kind}, Exact: comparable(ColumnSpec{Kind: c.kind})}
		for _, v := range c.values {
			_, ok := col.canonical(v, false)
			require.False(t, ok, "%s: %T %#v", name, v, v)
		}
	}
	_, ok := column(KindString).canonical("a", true)
	require.False(t, ok, "the database folds texts")
	_, ok = column(KindInt).canonical("1", true)
	require.True(t, ok, "and compares numbers as Go does")
	_, ok = (&Column{ColumnSpec: ColumnSpec{Kind: KindInt}}).canonical(1, false)
	require.False(t, ok, "the column isn't exact")
}

// A nil pointer to a type whose method takes the value is NULL for database/sql.
func TestCallValuerOfNilPointers(t *testing.T) {
	v, err := callValuer((*wrapped)(nil))
	require.NoError(t, err)
	require.Nil(t, v)
	v, err = callValuer(&pointed{"a"})
	require.NoError(t, err)
	require.Equal(t, "a", v)
}

func FuzzParseUUID(f *testing.F) {
	for _, s := range []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "urn:uuid:", "6BA7B8109dad11d180b400c04fd430c8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseUUID(s)
		want, err := uuid.Parse(s)
		if ok && err == nil {
			require.Equal(t, [16]byte(want), got)
		}
		// What we take for one must be one; the reverse only costs precision.
		require.False(t, ok && err != nil, "%q", s)
	})
}
