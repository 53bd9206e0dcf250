package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
)

// errChangedMind and errOutOfStock roll an order back.
var (
	errChangedMind = errors.New("the customer changed their mind")
	errOutOfStock  = errors.New("out of stock")
)

// action is something that changes the shop. Its writes run on the cached
// client, as they would on any: there is nothing to do for the cache.
type action struct {
	name   string
	weight int
	run    func(ctx context.Context, c *ent.Client, v *visitor) error
}

var actions = []action{
	{name: "order", weight: 200, run: order},
	{
		name: "delivery of a track", weight: 50,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			return c.Track.UpdateOneID(v.track()).AddStock(50).Exec(ctx)
		},
	},
	{
		name: "price of a track", weight: 40,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			return c.Track.UpdateOneID(v.track()).SetUnitPrice(int64(49 + 10*v.IntN(20))).Exec(ctx)
		},
	},
	{
		name: "prices of a genre", weight: 1,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			return c.Track.Update().
				Where(track.GenreID(v.genre()), track.UnitPriceLT(300)).
				AddUnitPrice(int64(1 + v.IntN(5))).
				Exec(ctx)
		},
	},
	{
		name: "withdrawal or return", weight: 15,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			status := track.StatusAvailable
			if v.IntN(3) == 0 {
				status = track.StatusWithdrawn
			}
			return c.Track.UpdateOneID(v.track()).SetStatus(status).Exec(ctx)
		},
	},
	{
		name: "tracks into a playlist", weight: 30,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			p := v.playlist()
			ids := []int{v.track(), v.track()}
			// A track is in a playlist once.
			return inTx(ctx, c, func(tx *ent.Tx) error {
				if err := tx.Playlist.UpdateOneID(p).RemoveTrackIDs(ids...).Exec(ctx); err != nil {
					return err
				}
				return tx.Playlist.UpdateOneID(p).AddTrackIDs(ids...).Exec(ctx)
			})
		},
	},
	{
		name: "tracks out of a playlist", weight: 20,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			return c.Playlist.UpdateOneID(v.playlist()).RemoveTrackIDs(v.track(), v.track()).Exec(ctx)
		},
	},
	{
		name: "new support for a customer", weight: 20,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			return c.Customer.UpdateOneID(v.customer()).SetSupportRepID(v.employee()).Exec(ctx)
		},
	},
	{
		name: "customer moves", weight: 24,
		run: func(ctx context.Context, c *ent.Client, v *visitor) error {
			at := places[v.IntN(len(places))]
			return c.Customer.UpdateOneID(v.customer()).SetCity(at[0]).SetCountry(at[1]).Exec(ctx)
		},
	},
}

// order buys some tracks: an invoice, its lines, and less in stock, or nothing
// of that.
func order(ctx context.Context, c *ent.Client, v *visitor) error {
	return inTx(ctx, c, func(tx *ent.Tx) error {
		buyer, err := tx.Customer.Get(ctx, v.customer())
		if err != nil {
			return err
		}
		bill, err := tx.Invoice.Create().
			SetCustomer(buyer).
			SetBillingAddress(buyer.Address).SetBillingCity(buyer.City).
			SetBillingCountry(buyer.Country).SetBillingPostalCode(buyer.PostalCode).
			Save(ctx)
		if err != nil {
			return err
		}
		for range 1 + v.IntN(3) {
			quantity := 1 + v.IntN(2)
			t, err := tx.Track.UpdateOneID(v.track()).Where(track.StockGTE(quantity)).AddStock(-quantity).Save(ctx)
			if ent.IsNotFound(err) {
				return errOutOfStock
			}
			if err != nil {
				return err
			}
			if err := tx.InvoiceLine.Create().SetInvoice(bill).SetTrack(t).SetUnitPrice(t.UnitPrice).SetQuantity(quantity).Exec(ctx); err != nil {
				return err
			}
			if err := tx.Invoice.UpdateOne(bill).AddTotal(t.UnitPrice * int64(quantity)).Exec(ctx); err != nil {
				return err
			}
		}
		if v.IntN(10) == 0 {
			return errChangedMind
		}
		return nil
	})
}

// inTx runs f in a transaction, and rolls it back if f fails.
func inTx(ctx context.Context, c *ent.Client, f func(*ent.Tx) error) error {
	tx, err := c.Tx(ctx)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if rerr := tx.Rollback(); rerr != nil {
			return fmt.Errorf("%w; rolling back: %v", err, rerr)
		}
		return err
	}
	return tx.Commit()
}
