package entcache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// The Invalidate methods are for writes that Ent doesn't make.
func ExampleHandle_InvalidateType() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	cache, err := entcache.New()
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	client.Intercept(cache.Interceptor())

	fmt.Println(client.Track.GetX(ctx, 1).Stock)

	if _, err := client.ExecContext(ctx, "UPDATE tracks SET stock = 0"); err != nil {
		log.Fatal(err)
	}
	if err := cache.InvalidateType(ctx, ent.TypeTrack); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Track.GetX(ctx, 1).Stock)
	// Output:
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// 10
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// 0
}
