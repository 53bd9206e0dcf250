package precision

import (
	"context"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	entgo "entgo.io/ent"

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

// shop sells music: visitors browse and search, look at their playlists and
// orders, and buy.
func shop() Workload {
	return domain[*ent.Client]{
		name:   "shop",
		client: func(drv dialect.Driver) *ent.Client { return ent.NewClient(ent.Driver(drv)) },
		attach: func(c *ent.Client, i entgo.Interceptor) { c.Intercept(i) },
		create: func(ctx context.Context, c *ent.Client) error { return c.Schema.Create(ctx) },
		fill:   shopData,
		indexes: []string{
			"CREATE INDEX albums_artist ON albums (artist_id)",
			"CREATE INDEX tracks_album ON tracks (album_id)",
			"CREATE INDEX tracks_genre ON tracks (genre_id, name)",
			"CREATE INDEX tracks_name ON tracks (name)",
			"CREATE INDEX customers_rep ON customers (support_rep_id)",
			"CREATE INDEX invoices_customer ON invoices (customer_id)",
			"CREATE INDEX lines_invoice ON invoice_lines (invoice_id)",
			"CREATE INDEX lines_track ON invoice_lines (track_id, quantity)",
		},
		joins:    map[string]bool{"playlist_tracks": true},
		reads:    shopReads,
		actions:  shopActions,
		notFound: ent.IsNotFound,
	}.workload()
}

const pageSize = 20

// page: most visitors look at the first one.
func page(v *visitor) int { return max(0, v.IntN(6)-3) }

func nothing(*visitor) params { return params{} }

func ofTrack(v *visitor) params    { return params{id: v.id(numTracks)} }
func ofGenre(v *visitor) params    { return params{id: v.id(numGenres), n: page(v)} }
func ofPlaylist(v *visitor) params { return params{id: v.id(numPlaylists)} }
func ofCustomer(v *visitor) params { return params{id: v.id(numCustomers)} }

var shopReads = []read[*ent.Client]{
	{
		name: "genres", weight: 6, draw: nothing,
		run: func(ctx context.Context, c *ent.Client, _ params) (any, error) {
			return c.Genre.Query().Order(genre.ByName()).All(ctx)
		},
	},
	{
		name: "tracks of a genre", weight: 12, draw: ofGenre,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Track.Query().
				Where(track.GenreID(p.id), track.StatusEQ(track.StatusAvailable)).
				Order(track.ByName(), track.ByID()).
				Offset(p.n * pageSize).Limit(pageSize).
				All(ctx)
		},
	},
	{
		name: "size of a genre", weight: 5, draw: ofGenre,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Track.Query().Where(track.GenreID(p.id), track.StatusEQ(track.StatusAvailable)).Count(ctx)
		},
	},
	{
		name: "in stock of a genre", weight: 3, draw: ofGenre,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Track.Query().Where(track.GenreID(p.id), track.StockGT(0)).Order(track.ByName(), track.ByID()).Limit(pageSize).IDs(ctx)
		},
	},
	{
		name: "cheapest of a genre", weight: 3, draw: ofGenre,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Track.Query().Where(track.GenreID(p.id)).Order(track.ByUnitPrice(), track.ByID()).Limit(10).All(ctx)
		},
	},
	{
		name: "artist with albums", weight: 10, draw: func(v *visitor) params { return params{id: v.id(numArtists)} },
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Artist.Query().Where(artist.ID(p.id)).
				WithAlbums(func(q *ent.AlbumQuery) { q.Order(album.ByTitle(), album.ByID()) }).
				Only(ctx)
		},
	},
	{
		name: "album with tracks", weight: 14, draw: func(v *visitor) params { return params{id: v.id(numAlbums)} },
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Album.Query().Where(album.ID(p.id)).
				WithArtist().
				WithTracks(func(q *ent.TrackQuery) { q.WithGenre().Order(track.ByID()) }).
				Only(ctx)
		},
	},
	{
		name: "track", weight: 15, draw: ofTrack,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) { return c.Track.Get(ctx, p.id) },
	},
	{
		name: "search", weight: 6, draw: func(v *visitor) params { return params{text: adjectives[v.zipf(len(adjectives))], n: page(v)} },
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Track.Query().Where(track.NameHasPrefix(p.text)).
				Order(track.ByName(), track.ByID()).
				Offset(p.n * pageSize).Limit(pageSize).
				All(ctx)
		},
	},
	{
		name: "search with albums", weight: 3, draw: func(v *visitor) params { return params{text: nouns[v.zipf(len(nouns))]} },
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Track.Query().
				Where(track.NameContains(p.text), track.HasAlbumWith(album.HasArtist())).
				WithAlbum(func(q *ent.AlbumQuery) { q.WithArtist() }).
				Order(track.ByName(), track.ByID()).
				Limit(pageSize).
				All(ctx)
		},
	},
	{
		name: "playlist with tracks", weight: 7, draw: ofPlaylist,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Playlist.Query().Where(playlist.ID(p.id)).
				WithTracks(func(q *ent.TrackQuery) { q.Order(track.ByName(), track.ByID()) }).
				Only(ctx)
		},
	},
	{
		name: "length of a playlist", weight: 3, draw: ofPlaylist,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Playlist.Query().Where(playlist.ID(p.id)).QueryTracks().Count(ctx)
		},
	},
	{
		name: "customer by email", weight: 5, draw: func(v *visitor) params { return params{text: email(v.id(numCustomers))} },
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Customer.Query().Where(customer.Email(p.text)).Only(ctx)
		},
	},
	{
		name: "customer with orders", weight: 6, draw: ofCustomer,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Customer.Query().Where(customer.ID(p.id)).
				WithInvoices(func(q *ent.InvoiceQuery) {
					q.Order(invoice.ByID(entsql.OrderDesc())).WithLines()
				}).
				Only(ctx)
		},
	},
	{
		name: "employee with customers", weight: 1, draw: func(v *visitor) params { return params{id: v.id(numEmployees)} },
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Employee.Query().Where(employee.ID(p.id)).
				WithCustomers(func(q *ent.CustomerQuery) { q.Order(customer.ByLastName(), customer.ByID()) }).
				Only(ctx)
		},
	},
	{
		name: "best sellers", weight: 1, draw: nothing,
		run: func(ctx context.Context, c *ent.Client, _ params) (any, error) {
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
}
