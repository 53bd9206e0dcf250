package precision

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/entcache/ent-cache/ent"
)

// How many rows of what the music store has at first. Ids count from one.
const (
	numGenres    = 25
	numArtists   = 150
	numAlbums    = 300
	numTracks    = 3000
	numPlaylists = 200
	numCustomers = 500
	numEmployees = 8
	numInvoices  = 1000
)

var (
	adjectives = strings.Fields("Silent Golden Broken Electric Midnight Velvet Crimson Distant Hollow Burning Lonely Northern Paper Restless " +
		"Sleeping Wild Frozen Gentle Hidden Iron Amber Bitter Copper Daring Early Faded Grand Humble Icy Jagged")
	nouns = strings.Fields("River Mirror Garden Machine Ocean Shadow Harbor Engine Forest Signal Window Mountain Letter Animal Station Summer " +
		"Lantern Avenue Horizon Thunder")
	countries = strings.Fields("Portugal Germany France Norway Czechia Canada Brazil India Italy Poland")
)

// shopData fills the music store, with the same rows each time.
func shopData(ctx context.Context, c *ent.Client) error {
	r := rand.New(rand.NewPCG(1, 1))
	title := func() string { return adjectives[r.IntN(len(adjectives))] + " " + nouns[r.IntN(len(nouns))] }
	for _, step := range []func() error{
		func() error {
			return c.Genre.MapCreateBulk(make([]int, numGenres), func(b *ent.GenreCreate, i int) { b.SetName(fmt.Sprint("Genre ", i)) }).Exec(ctx)
		},
		func() error { return c.MediaType.Create().SetName("File").Exec(ctx) },
		func() error {
			return c.Artist.MapCreateBulk(make([]int, numArtists), func(b *ent.ArtistCreate, i int) { b.SetName("The " + title() + "s") }).Exec(ctx)
		},
		func() error {
			return c.Album.MapCreateBulk(make([]int, numAlbums), func(b *ent.AlbumCreate, i int) {
				b.SetTitle(title()).SetArtistID(1 + r.IntN(numArtists))
			}).Exec(ctx)
		},
		func() error {
			return bulk(numTracks, func(n, from int) error {
				return c.Track.MapCreateBulk(make([]int, n), func(b *ent.TrackCreate, i int) {
					newTrack(b, r, 1+(from+i)*numAlbums/numTracks)
				}).Exec(ctx)
			})
		},
		func() error {
			for range numPlaylists {
				members := r.Perm(numTracks)[:5+r.IntN(40)]
				for i := range members {
					members[i]++
				}
				if err := c.Playlist.Create().SetName(title()).AddTrackIDs(members...).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		},
		func() error {
			return c.Employee.MapCreateBulk(make([]int, numEmployees), func(b *ent.EmployeeCreate, i int) {
				b.SetFirstName(adjectives[i]).SetLastName(nouns[i]).SetEmail(fmt.Sprintf("%d@shop.example", i+1))
			}).Exec(ctx)
		},
		func() error {
			return c.Customer.MapCreateBulk(make([]int, numCustomers), func(b *ent.CustomerCreate, i int) { newCustomer(b, r, i+1) }).Exec(ctx)
		},
		func() error {
			return c.Invoice.MapCreateBulk(make([]int, numInvoices), func(b *ent.InvoiceCreate, i int) {
				b.SetCustomerID(1 + r.IntN(numCustomers)).SetBillingCountry(countries[r.IntN(len(countries))]).SetInvoiceDate(epoch).SetTotal(198)
			}).Exec(ctx)
		},
		func() error {
			return bulk(2*numInvoices, func(n, from int) error {
				return c.InvoiceLine.MapCreateBulk(make([]int, n), func(b *ent.InvoiceLineCreate, i int) {
					b.SetInvoiceID(1 + (from+i)/2).SetTrackID(1 + r.IntN(numTracks)).SetUnitPrice(99).SetQuantity(1)
				}).Exec(ctx)
			})
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// bulk inserts so many rows, as many at once as one statement takes.
func bulk(rows int, insert func(n, from int) error) error {
	const most = 500
	for from := 0; from < rows; from += most {
		if err := insert(min(most, rows-from), from); err != nil {
			return err
		}
	}
	return nil
}

func newTrack(b *ent.TrackCreate, r *rand.Rand, album int) *ent.TrackCreate {
	return b.SetName(adjectives[r.IntN(len(adjectives))] + " " + nouns[r.IntN(len(nouns))] + " " + nouns[r.IntN(len(nouns))]).
		SetMilliseconds(90_000 + r.IntN(300_000)).
		SetUnitPrice([]int64{99, 129, 199}[r.IntN(3)]).
		SetStock(5 + r.IntN(50)).
		SetUpdatedAt(epoch).
		SetAlbumID(album).
		SetGenreID(1 + r.IntN(numGenres)).
		SetMediaTypeID(1)
}

func newCustomer(b *ent.CustomerCreate, r *rand.Rand, n int) *ent.CustomerCreate {
	return b.SetFirstName(adjectives[r.IntN(len(adjectives))]).
		SetLastName(nouns[r.IntN(len(nouns))]).
		SetCountry(countries[r.IntN(len(countries))]).
		SetEmail(email(n)).
		SetSupportRepID(1 + r.IntN(numEmployees))
}

func email(customer int) string { return fmt.Sprintf("%d@mail.example", customer) }
