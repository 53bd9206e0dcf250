package entcache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// Stats counts by type and operation.
func ExampleHandle_Stats() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	cache, err := entcache.New()
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	client.Intercept(cache.Interceptor())

	for range 4 {
		client.Track.GetX(ctx, 1)
	}
	client.Track.UpdateOneID(1).AddStock(-1).ExecX(ctx)
	client.Track.GetX(ctx, 1)

	stats := cache.Stats()
	get := stats.Types["Track"][entcache.Only]
	fmt.Printf("%d hits, %d misses, %d of them invalidated: %.0f %%\n", get.Hits, get.Misses, get.Invalidated, 100*get.HitRatio())
	fmt.Println(get.ValueHits, "hits were typed values;", stats.Invalidations, "invalidation")
	// Output:
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE id = 1
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// 3 hits, 2 misses, 1 of them invalidated: 60 %
	// 3 hits were typed values; 1 invalidation
}
