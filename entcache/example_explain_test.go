package entcache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
)

// Explain says of each statement whether it was a hit, why not, and which facts
// its result depends on; of a query whose typed value was there only that.
func ExampleExplain() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	for range 2 {
		list, err := entcache.Explain(ctx, func(ctx context.Context) error {
			_, err := client.Track.Query().Where(track.GenreID(1), track.StockGT(0)).IDs(ctx)
			return err
		})
		if err != nil {
			log.Fatal(err)
		}
		for _, x := range list {
			fmt.Println(x.Type, x.Op, x.Outcome, x.Rows, "rows")
			if len(x.Facts) > 0 {
				fmt.Println(x.Facts)
			}
		}
	}

	list, err := entcache.Explain(ctx, func(ctx context.Context) error {
		tx, err := client.Tx(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		_, err = tx.Track.Get(ctx, 1)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(list[0])
	// Output:
	// db: SELECT tracks.id FROM tracks WHERE tracks.genre_id = 1 AND tracks.stock > 0
	// Track IDs miss 2 rows
	// [table(tracks) column(tracks,stock) row(tracks,1) row(tracks,2) group(tracks,genre_id=1) groups(tracks,genre_id)]
	// Track IDs hit 2 rows
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// Track Only: bypass (in a transaction)
}
