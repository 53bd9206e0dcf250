package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// Readers who promise not to change what they get needn't each have a copy.
func ExampleShared() {
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	ctx := entcache.Shared(context.Background())
	client.Genre.GetX(ctx, 1) // what the database returns is its reader's own
	a, b := client.Genre.GetX(ctx, 1), client.Genre.GetX(ctx, 1)
	c := client.Genre.GetX(context.Background(), 1)
	fmt.Println(a == b, a == c, c.Name)
	// Output:
	// db: SELECT … FROM genres WHERE genres.id = 1 LIMIT 2
	// true false Rock
}
