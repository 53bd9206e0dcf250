package entcache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// Refresh reads the database and stores the result for all: for one look at
// something that is written behind Ent's back.
func ExampleRefresh() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	fmt.Println(client.Genre.GetX(ctx, 1).Name)

	// Raw SQL isn't seen.
	if _, err := client.ExecContext(ctx, "UPDATE genres SET name = 'Rock music' WHERE id = 1"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Genre.GetX(ctx, 1).Name)
	fmt.Println(client.Genre.GetX(entcache.Refresh(ctx), 1).Name)
	fmt.Println(client.Genre.GetX(ctx, 1).Name)
	// Output:
	// db: SELECT … FROM genres WHERE genres.id = 1 LIMIT 2
	// Rock
	// db: UPDATE genres
	// Rock
	// db: SELECT … FROM genres WHERE genres.id = 1 LIMIT 2
	// Rock music
	// Rock music
}
