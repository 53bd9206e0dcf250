package extension

import (
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/entc/load"
	"github.com/stretchr/testify/require"
)

// graphOf loads schemas that are declared in a test, with the extension.
func graphOf(t *testing.T, schemas ...ent.Interface) *gen.Graph {
	t.Helper()
	g, err := gen.NewGraph(configOf(t, "sql"), loaded(t, schemas)...)
	require.NoError(t, err)
	return g
}

func configOf(t *testing.T, storage string) *gen.Config {
	t.Helper()
	cfg := &gen.Config{Package: "example.com/shop/ent", Target: t.TempDir()}
	var err error
	cfg.Storage, err = gen.NewStorage(storage)
	require.NoError(t, err)
	require.NoError(t, entc.Extensions(New())(cfg))
	return cfg
}

func loaded(t *testing.T, schemas []ent.Interface) []*load.Schema {
	t.Helper()
	list := make([]*load.Schema, len(schemas))
	for i, s := range schemas {
		buf, err := load.MarshalSchema(s)
		require.NoError(t, err)
		list[i], err = load.UnmarshalSchema(buf)
		require.NoError(t, err)
	}
	return list
}
