package music

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
)

// errChangedMind and errOutOfStock roll an order back.
var (
	errChangedMind = errors.New("the customer changed their mind")
	errOutOfStock  = errors.New("out of stock")
)

// Action is something that changes the shop. Its writes run on the cached
// client, as they would on any: there is nothing to do for the cache.
type Action struct {
	Name   string
	weight int
	run    func(ctx context.Context, c *ent.Client, v *Visitor) error
}

// Actions are all there are. None lowers a price: of two prices of a track, the
// lower is the older one.
var Actions = []Action{
	{Name: "order", weight: 200, run: order},
	{
		Name: "delivery of a track", weight: 50,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			return c.Track.UpdateOneID(v.track()).AddStock(50).Exec(ctx)
		},
	},
	{
		Name: "price of a track", weight: 40,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			return c.Track.UpdateOneID(v.track()).AddUnitPrice(int64(1 + v.IntN(5))).Exec(ctx)
		},
	},
	{
		Name: "prices of a genre", weight: 1,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			return c.Track.Update().
				Where(track.GenreID(v.genre()), track.UnitPriceLT(300)).
				AddUnitPrice(int64(1 + v.IntN(5))).
				Exec(ctx)
		},
	},
	{
		Name: "withdrawal or return", weight: 15,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			status := track.StatusAvailable
			if v.IntN(3) == 0 {
				status = track.StatusWithdrawn
			}
			return c.Track.UpdateOneID(v.track()).SetStatus(status).Exec(ctx)
		},
	},
	{
		Name: "tracks into a playlist", weight: 30,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			p := v.playlist()
			ids := []int{v.track(), v.track()}
			slices.Sort(ids)
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
		Name: "tracks out of a playlist", weight: 20,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			return c.Playlist.UpdateOneID(v.playlist()).RemoveTrackIDs(v.track(), v.track()).Exec(ctx)
		},
	},
	{
		Name: "new support for a customer", weight: 20,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			return c.Customer.UpdateOneID(v.customer()).SetSupportRepID(v.employee()).Exec(ctx)
		},
	},
	{
		Name: "customer moves", weight: 24,
		run: func(ctx context.Context, c *ent.Client, v *Visitor) error {
			at := places[v.IntN(len(places))]
			return c.Customer.UpdateOneID(v.customer()).SetCity(at[0]).SetCountry(at[1]).Exec(ctx)
		},
	},
}

// order buys some tracks: an invoice, its lines, and less in stock, or nothing
// of that.
func order(ctx context.Context, c *ent.Client, v *Visitor) error {
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
		tracks := []int{v.track(), v.track(), v.track()}[:1+v.IntN(3)]
		// In one order, or two orders could wait for each other.
		slices.Sort(tracks)
		for _, id := range tracks {
			quantity := 1 + v.IntN(2)
			t, err := tx.Track.UpdateOneID(id).Where(track.StockGTE(quantity)).AddStock(-quantity).Save(ctx)
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
