package entcache_test

import (
	"context"
	"fmt"
	"time"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// WithTTL says how long what is read now may be served.
func ExampleWithTTL() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	short := entcache.WithTTL(ctx, 20*time.Millisecond)
	fmt.Println(client.Genre.GetX(short, 1).Name)
	time.Sleep(50 * time.Millisecond)
	fmt.Println(client.Genre.GetX(ctx, 1).Name)
	fmt.Println(client.Genre.GetX(ctx, 1).Name)
	// Output:
	// db: SELECT … FROM genres WHERE genres.id = 1 LIMIT 2
	// Rock
	// db: SELECT … FROM genres WHERE genres.id = 1 LIMIT 2
	// Rock
	// Rock
}
