package hook

import (
	"context"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// free is a driver that costs nothing.
type free struct{ dialect.Driver }

func (free) Query(context.Context, string, any, any) error { return nil }

// What a SELECT costs more through a Driver.
func BenchmarkRawSelect(b *testing.B) {
	query := "SELECT tracks.id, tracks.name, tracks.unit_price, tracks.stock FROM tracks WHERE tracks.genre_id = ? AND tracks.stock > ? ORDER BY tracks.name LIMIT 20"
	inner := free{entsql.OpenDB(dialect.SQLite, far)}
	c, err := cache.New(cache.Options{Near: nothing{}})
	require.NoError(b, err)
	defer c.Close()
	for name, drv := range map[string]dialect.Driver{"plain": inner, "read": NewDriver(inner, c)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			args := []any{1, 2}
			for b.Loop() {
				_ = drv.Query(b.Context(), query, args, nil)
			}
		})
	}
}
