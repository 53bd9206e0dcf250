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
// its result depends on; of a query whose typed value was there only that. After a
// write it names the write and the facts that it touched.
func ExampleExplain() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	for i := range 3 {
		if i == 2 {
			client.Track.UpdateOneID(2).SetStock(0).ExecX(ctx)
		}
		list, err := entcache.Explain(ctx, func(ctx context.Context) error {
			_, err := client.Track.Query().Where(track.GenreID(1), track.StockGT(0)).IDs(ctx)
			return err
		})
		if err != nil {
			log.Fatal(err)
		}
		for _, x := range list {
			fmt.Println(x.Type, x.Op, x.Outcome, x.Rows, "rows")
			if w := x.Invalidation; w != nil {
				fmt.Println("after", w.By, "touched", w.Facts)
			} else if len(x.Facts) > 0 {
				fmt.Println("depends on", x.Facts)
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
	// depends on [table(tracks) rewritten(tracks,1) field(tracks,genre_id,1) field(tracks,stock,1) rewritten(tracks,2) field(tracks,genre_id,2) field(tracks,stock,2) rows(tracks) entered(tracks,genre_id) within(tracks,stock,genre_id) entered(tracks,genre_id=1) within(tracks,stock,genre_id=1)]
	// Track IDs hit 2 rows
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE id = 2
	// db: SELECT tracks.id FROM tracks WHERE tracks.genre_id = 1 AND tracks.stock > 0
	// Track IDs miss 1 rows
	// after update of Track 2 (set stock updated_at) touched [field(tracks,stock,2) within(tracks,stock,genre_id=1)]
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// Track Only: bypass (in a transaction)
}
