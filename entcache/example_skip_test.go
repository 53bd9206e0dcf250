package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// Skip leaves the cache alone.
func ExampleSkip() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	fmt.Println(client.Genre.GetX(ctx, 1).Name)
	fmt.Println(client.Genre.GetX(entcache.Skip(ctx), 1).Name)
	fmt.Println(client.Genre.GetX(ctx, 1).Name)
	// Output:
	// db: SELECT … FROM genres WHERE genres.id = 1 LIMIT 2
	// Rock
	// db: SELECT … FROM genres WHERE genres.id = 1 LIMIT 2
	// Rock
	// Rock
}
