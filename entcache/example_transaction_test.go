package entcache_test

import (
	"context"
	"fmt"
	"log"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// What a transaction writes takes effect when it commits. Reads in it see the
// database, and others see what was committed before.
func Example_transaction() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	price := func(who string, c *ent.Client) { fmt.Println(who, c.Track.GetX(ctx, 1).UnitPrice) }
	setPrice := func(cents int64, end func(*ent.Tx) error) {
		tx, err := client.Tx(ctx)
		if err != nil {
			log.Fatal(err)
		}
		tx.Track.UpdateOneID(1).SetUnitPrice(cents).ExecX(ctx)
		price("in the transaction:", tx.Client())
		price("elsewhere:", client)
		if err := end(tx); err != nil {
			log.Fatal(err)
		}
	}
	price("before:", client)

	fmt.Println("-- rolled back")
	setPrice(149, (*ent.Tx).Rollback)
	price("after:", client)

	fmt.Println("-- committed")
	setPrice(199, (*ent.Tx).Commit)
	price("after:", client)
	// Output:
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// before: 99
	// -- rolled back
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE id = 1
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// in the transaction: 149
	// elsewhere: 99
	// after: 99
	// -- committed
	// db: UPDATE tracks
	// db: SELECT … FROM tracks WHERE id = 1
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// in the transaction: 199
	// elsewhere: 99
	// db: SELECT … FROM tracks WHERE tracks.id = 1 LIMIT 2
	// after: 199
}
