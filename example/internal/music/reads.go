package music

import (
	"context"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/album"
	"github.com/entcache/ent-cache/ent/artist"
	"github.com/entcache/ent-cache/ent/customer"
	"github.com/entcache/ent-cache/ent/employee"
	"github.com/entcache/ent-cache/ent/genre"
	"github.com/entcache/ent-cache/ent/invoice"
	"github.com/entcache/ent-cache/ent/invoiceline"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/ent/track"
)

// Read is one question of a visitor. It is a value, so that it can be asked
// again, of the cached client and of the plain one.
type Read struct {
	kind int // index of Kinds
	id   int
	text string
	page int
}

func (r Read) String() string {
	return fmt.Sprintf("%s (id %d, text %q, page %d)", Kinds[r.kind].Name, r.id, r.text, r.page)
}

// Kind is the read's index in Kinds.
func (r Read) Kind() int { return r.kind }

// On asks the question.
func (r Read) On(ctx context.Context, c *ent.Client) (any, error) {
	v, err := Kinds[r.kind].run(ctx, c, r)
	if ent.IsNotFound(err) {
		// An answer like another.
		return err.Error(), nil
	}
	return v, err
}

const pageSize = 20

// Kind is a page of the shop: how often it is asked for, about what, and the
// query behind it.
type Kind struct {
	Name   string
	weight int
	ask    func(v *Visitor) Read
	run    func(ctx context.Context, c *ent.Client, r Read) (any, error)
}

// Kinds are all pages.
var Kinds = []Kind{
	{
		Name: "list of genres", weight: 8,
		ask: func(*Visitor) Read { return Read{} },
		run: func(ctx context.Context, c *ent.Client, _ Read) (any, error) {
			return c.Genre.Query().Order(genre.ByName()).All(ctx)
		},
	},
	{
		Name: "tracks of a genre", weight: 12,
		ask: func(v *Visitor) Read { return Read{id: v.genre(), page: v.page()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Track.Query().
				Where(track.GenreID(r.id), track.StatusEQ(track.StatusAvailable)).
				Order(track.ByName(), track.ByID()).
				Offset(r.page * pageSize).Limit(pageSize).
				All(ctx)
		},
	},
	{
		Name: "size of a genre", weight: 6,
		ask: func(v *Visitor) Read { return Read{id: v.genre()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Track.Query().Where(track.GenreID(r.id), track.StatusEQ(track.StatusAvailable)).Count(ctx)
		},
	},
	{
		Name: "artist with albums", weight: 12,
		ask: func(v *Visitor) Read { return Read{id: v.artist()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Artist.Query().Where(artist.ID(r.id)).
				WithAlbums(func(q *ent.AlbumQuery) { q.Order(album.ByTitle(), album.ByID()) }).
				Only(ctx)
		},
	},
	{
		Name: "album with tracks", weight: 16,
		ask: func(v *Visitor) Read { return Read{id: v.album()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Album.Query().Where(album.ID(r.id)).
				WithArtist().
				WithTracks(func(q *ent.TrackQuery) { q.WithGenre().WithMediaType().Order(track.ByID()) }).
				Only(ctx)
		},
	},
	{
		Name: "track", weight: 16,
		ask: func(v *Visitor) Read { return Read{id: v.track()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) { return c.Track.Get(ctx, r.id) },
	},
	{
		Name: "search by beginning", weight: 5,
		ask: func(v *Visitor) Read { return Read{text: v.word(), page: v.page()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Track.Query().Where(track.NameHasPrefix(r.text)).
				Order(track.ByName(), track.ByID()).
				Offset(r.page * pageSize).Limit(pageSize).
				All(ctx)
		},
	},
	{
		Name: "search by part", weight: 5,
		ask: func(v *Visitor) Read { return Read{text: v.word()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Track.Query().
				Where(track.NameContainsFold(r.text), track.HasAlbumWith(album.HasArtist())).
				WithAlbum(func(q *ent.AlbumQuery) { q.WithArtist() }).
				Order(track.ByName(), track.ByID()).
				Limit(pageSize).
				All(ctx)
		},
	},
	{
		Name: "list of playlists", weight: 4,
		ask: func(*Visitor) Read { return Read{} },
		run: func(ctx context.Context, c *ent.Client, _ Read) (any, error) {
			return c.Playlist.Query().Order(playlist.ByName(), playlist.ByID()).All(ctx)
		},
	},
	{
		Name: "playlist with tracks", weight: 6,
		ask: func(v *Visitor) Read { return Read{id: v.playlist()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Playlist.Query().Where(playlist.ID(r.id)).
				WithTracks(func(q *ent.TrackQuery) { q.Order(track.ByName(), track.ByID()).Limit(50) }).
				Only(ctx)
		},
	},
	{
		Name: "length of a playlist", weight: 4,
		ask: func(v *Visitor) Read { return Read{id: v.playlist()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Playlist.Query().Where(playlist.ID(r.id)).QueryTracks().Count(ctx)
		},
	},
	{
		Name: "customer by email", weight: 6,
		ask: func(v *Visitor) Read { return Read{text: v.email()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Customer.Query().Where(customer.Email(r.text)).Only(ctx)
		},
	},
	{
		Name: "customer with invoices", weight: 8,
		ask: func(v *Visitor) Read { return Read{id: v.customer()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Customer.Query().Where(customer.ID(r.id)).
				WithSupportRep().
				WithInvoices(func(q *ent.InvoiceQuery) {
					q.Order(invoice.ByInvoiceDate(entsql.OrderDesc()), invoice.ByID()).Limit(10).
						WithLines(func(q *ent.InvoiceLineQuery) { q.WithTrack() })
				}).
				Only(ctx)
		},
	},
	{
		Name: "employee with customers", weight: 2,
		ask: func(v *Visitor) Read { return Read{id: v.employee()} },
		run: func(ctx context.Context, c *ent.Client, r Read) (any, error) {
			return c.Employee.Query().Where(employee.ID(r.id)).
				WithManager().WithReports().
				WithCustomers(func(q *ent.CustomerQuery) { q.Order(customer.ByLastName(), customer.ByID()).Limit(50) }).
				Only(ctx)
		},
	},
	{
		Name: "best sellers", weight: 3,
		ask: func(*Visitor) Read { return Read{} },
		run: func(ctx context.Context, c *ent.Client, _ Read) (any, error) {
			var sold []struct {
				TrackID int `sql:"track_id"`
				Sold    int `sql:"sold"`
			}
			err := c.InvoiceLine.Query().
				Order(func(s *entsql.Selector) { s.OrderBy(entsql.Desc("sold"), s.C(invoiceline.FieldTrackID)) }).
				Limit(10).
				GroupBy(invoiceline.FieldTrackID).
				Aggregate(ent.As(ent.Sum(invoiceline.FieldQuantity), "sold")).
				Scan(ctx, &sold)
			return sold, err
		},
	},
	{
		Name: "revenue by country", weight: 1,
		ask: func(*Visitor) Read { return Read{} },
		run: func(ctx context.Context, c *ent.Client, _ Read) (any, error) {
			var revenue []struct {
				Country  string `sql:"billing_country"`
				Invoices int    `sql:"count"`
				Total    int64  `sql:"sum"`
			}
			err := c.Invoice.Query().Order(invoice.ByBillingCountry()).
				GroupBy(invoice.FieldBillingCountry).
				Aggregate(ent.Count(), ent.Sum(invoice.FieldTotal)).
				Scan(ctx, &revenue)
			return revenue, err
		},
	},
}
