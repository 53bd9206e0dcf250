package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
)

// A write makes exactly the results miss that it may have changed, before it
// returns.
func Example_invalidation() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	rock := func() {
		tracks := client.Track.Query().Where(track.GenreID(1)).Order(track.ByName()).AllX(ctx)
		fmt.Println("Rock:", tracks[0].Name, tracks[0].UnitPrice)
	}
	jazz := func() {
		tracks := client.Track.Query().Where(track.GenreID(2)).Order(track.ByName()).AllX(ctx)
		fmt.Println("Jazz:", tracks[0].Name, tracks[0].UnitPrice)
	}
	rock()
	jazz()

	fmt.Println("-- a new price")
	client.Track.UpdateOneID(1).SetUnitPrice(149).ExecX(ctx)
	rock() // holds the track
	jazz() // doesn't
	// Output:
	// db: SELECT … FROM tracks WHERE tracks.genre_id = 1 ORDER BY tracks.name
	// Rock: Paper Boats 99
	// db: SELECT … FROM tracks WHERE tracks.genre_id = 2 ORDER BY tracks.name
	// Jazz: Kettle 99
	// -- a new price
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE id = 1
	// db: SELECT … FROM tracks WHERE tracks.genre_id = 1 ORDER BY tracks.name
	// Rock: Paper Boats 149
	// Jazz: Kettle 99
}
