package cache

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

// A value in a row has the form it has as an argument, or none where that has
// none: texts in MySQL, columns that compare as they like.
func TestCanonicalFormsInRows(t *testing.T) {
	id := uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	values := append(sources(), id[:], "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", []byte("a"), []byte("12"))
	forms := 0
	for kind := KindOther; kind <= KindJSON; kind++ {
		for _, exact := range []bool{true, false} {
			for _, fold := range []bool{true, false} {
				c := column(kind)
				c.Exact = exact
				for _, v := range values {
					want, ok := c.canonical(v, fold)
					got, also := c.canonicalOf(codec.NewRows([]string{"a", "b"}, nil, v), 1, fold)
					require.Equal(t, ok, also, "%#v", v)
					require.Equal(t, want, got, "%#v", v)
					if ok {
						forms++
					}
				}
			}
		}
	}
	require.Greater(t, forms, 100)
}
