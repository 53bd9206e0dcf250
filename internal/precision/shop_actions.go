package precision

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
)

var shopActions = []action[*ent.Client]{
	{
		name: "order", weight: 450,
		draw: func(v *visitor) params {
			return params{id: v.id(numCustomers), other: v.id(numTracks), n: 1 + v.IntN(3)}
		},
		run: order,
	},
	{
		name: "delivery", weight: 150, draw: ofTrack,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Track.UpdateOneID(p.id).AddStock(50).SetUpdatedAt(p.now).Exec(ctx)
		},
	},
	{
		name: "price", weight: 120, draw: func(v *visitor) params { return params{id: v.id(numTracks), n: 79 + 10*v.IntN(15)} },
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Track.UpdateOneID(p.id).SetUnitPrice(int64(p.n)).SetUpdatedAt(p.now).Exec(ctx)
		},
	},
	{
		name: "prices of a genre", weight: 5, draw: ofGenre,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Track.Update().Where(track.GenreID(p.id), track.UnitPriceLT(300)).AddUnitPrice(1).SetUpdatedAt(p.now).Exec(ctx)
		},
	},
	{
		name: "withdrawal or return", weight: 40, draw: func(v *visitor) params { return params{id: v.id(numTracks), n: v.IntN(3)} },
		run: func(ctx context.Context, c *ent.Client, p params) error {
			status := track.StatusAvailable
			if p.n == 0 {
				status = track.StatusWithdrawn
			}
			return c.Track.UpdateOneID(p.id).SetStatus(status).SetUpdatedAt(p.now).Exec(ctx)
		},
	},
	{
		name: "track into a playlist", weight: 80, draw: intoPlaylist,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Playlist.UpdateOneID(p.id).AddTrackIDs(p.other).Exec(ctx)
		},
	},
	{
		name: "track out of a playlist", weight: 50, draw: intoPlaylist,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Playlist.UpdateOneID(p.id).RemoveTrackIDs(p.other).Exec(ctx)
		},
	},
	{
		name: "support of a customer", weight: 40,
		draw: func(v *visitor) params { return params{id: v.id(numCustomers), n: 1 + v.IntN(numEmployees)} },
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Customer.UpdateOneID(p.id).SetSupportRepID(p.n).Exec(ctx)
		},
	},
	{
		name: "customer moves", weight: 40,
		draw: func(v *visitor) params {
			return params{id: v.id(numCustomers), n: v.IntN(200), text: countries[v.IntN(len(countries))]}
		},
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Customer.UpdateOneID(p.id).SetAddress(fmt.Sprintf("%d Main Street", p.n)).SetCountry(p.text).Exec(ctx)
		},
	},
	{
		name: "new customer", weight: 15,
		draw: func(v *visitor) params {
			v.newest["customers"]++
			return params{id: numCustomers + v.newest["customers"], n: v.Int()}
		},
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return newCustomer(c.Customer.Create(), rand.New(rand.NewPCG(uint64(p.n), 0)), p.id).Exec(ctx)
		},
	},
	{
		name: "new track", weight: 10, draw: func(v *visitor) params { return params{id: v.id(numAlbums), n: v.Int()} },
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return newTrack(c.Track.Create(), rand.New(rand.NewPCG(uint64(p.n), 0)), p.id).Exec(ctx)
		},
	},
}

func intoPlaylist(v *visitor) params {
	return params{id: v.id(numPlaylists), other: v.IntN(numTracks) + 1}
}

// order buys some tracks: an invoice, its lines, and less in stock.
func order(ctx context.Context, c *ent.Client, p params) (err error) {
	tx, err := c.Tx(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback()
		}
	}()
	buyer, err := tx.Customer.Get(ctx, p.id)
	if err != nil {
		return err
	}
	bill, err := tx.Invoice.Create().SetCustomer(buyer).SetBillingCountry(buyer.Country).SetInvoiceDate(p.now).Save(ctx)
	if err != nil {
		return err
	}
	var total int64
	for i := range p.n {
		// What is bought together with a track is near to it. Out of stock is not
		// found, and then nothing is bought.
		id := 1 + (p.other+i)%numTracks
		t, err := tx.Track.UpdateOneID(id).Where(track.StockGTE(1)).AddStock(-1).SetUpdatedAt(p.now).Save(ctx)
		if err != nil {
			return err
		}
		total += t.UnitPrice
		if err := tx.InvoiceLine.Create().SetInvoice(bill).SetTrack(t).SetUnitPrice(t.UnitPrice).SetQuantity(1).Exec(ctx); err != nil {
			return err
		}
	}
	if err := tx.Invoice.UpdateOne(bill).SetTotal(total).Exec(ctx); err != nil {
		return err
	}
	return tx.Commit()
}
