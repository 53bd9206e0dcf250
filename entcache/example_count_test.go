package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
)

// A count depends on the columns it filters by and on which rows exist: it
// survives writes to other columns.
func Example_count() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	cheap := func() { fmt.Println("cheap:", client.Track.Query().Where(track.UnitPriceLT(100)).CountX(ctx)) }
	cheap()

	fmt.Println("-- sold one")
	client.Track.UpdateOneID(1).AddStock(-1).ExecX(ctx)
	cheap()

	fmt.Println("-- dearer")
	client.Track.UpdateOneID(1).SetUnitPrice(149).ExecX(ctx)
	cheap()
	// Output:
	// db: SELECT COUNT(tracks.id) FROM tracks WHERE tracks.unit_price < 100
	// cheap: 3
	// -- sold one
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE id = 1
	// cheap: 3
	// -- dearer
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE id = 1
	// db: SELECT COUNT(tracks.id) FROM tracks WHERE tracks.unit_price < 100
	// cheap: 2
}
