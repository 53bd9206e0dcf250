package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// One line makes a client's reads cached; which ones, the Mixin in the schema of
// each type says. A statement that reaches the database is printed as "db:".
func Example() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	fmt.Println(client.Track.GetX(ctx, 1).Name)
	fmt.Println(client.Track.GetX(ctx, 1).Name)

	// What isn't there is remembered too, until it is created.
	_, err := client.Track.Get(ctx, 100)
	fmt.Println(err)
	_, err = client.Track.Get(ctx, 100)
	fmt.Println(err)
	// Output:
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// Paper Boats
	// Paper Boats
	// db: SELECT … FROM tracks WHERE tracks.id = 100 LIMIT 2
	// ent: track not found
	// ent: track not found
}
