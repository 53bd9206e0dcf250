package entcache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// Driver sees what raw SQL writes, and to which rows.
func ExampleDriver() {
	ctx := context.Background()
	cached := entcache.Interceptor()
	client := ent.NewClient(ent.Driver(entcache.Driver(openStore(), cached)))
	client.Intercept(cached)

	fmt.Println(client.Track.GetX(ctx, 1).Stock, client.Track.GetX(ctx, 2).Stock)

	if _, err := client.ExecContext(ctx, "UPDATE tracks SET stock = stock - ? WHERE id = ?", 1, 2); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Track.GetX(ctx, 1).Stock, client.Track.GetX(ctx, 2).Stock)
	// Output:
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// db: SELECT … FROM tracks WHERE tracks.id = 2 LIMIT 2
	// 10 10
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE tracks.id = 2 LIMIT 2
	// 10 9
}
