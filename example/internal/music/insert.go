package music

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/entcache/ent-cache/ent"
)

// IDs are the keys of the rows in the database, in the order of the data.
type IDs struct {
	Artists, Albums, Tracks, Genres, Playlists, Customers, Employees []int
	Emails                                                           []string
}

// bulk is how many rows one INSERT takes.
const bulk = 500

// Insert fills the database in one transaction.
func (r *Rows) Insert(ctx context.Context, client *ent.Client) (*IDs, error) {
	in := &inserter{ctx: ctx, ids: new(IDs)}
	err := inTx(ctx, client, func(tx *ent.Tx) error {
		for _, step := range []func(*ent.Client, *Rows) error{
			in.catalog, in.tracks, in.playlists, in.people, in.invoices, in.lines,
		} {
			if err := step(tx.Client(), r); err != nil {
				return err
			}
		}
		return nil
	})
	return in.ids, err
}

// inserter knows under which key in the database each row of the data is.
type inserter struct {
	ctx context.Context
	ids *IDs

	genre, media, artist, album, track keys
	employee, customer, invoice        keys
}

// keys are the keys in the database by the data's own.
type keys map[int]int

// of returns the key of a row that another one refers to. It is 0, which the
// database refuses, if there is no such row.
func (k keys) of(key int) int { return k[key] }

func (k keys) ofNillable(key *int) *int {
	if key == nil {
		return nil
	}
	id := k[*key]
	return &id
}

func (in *inserter) catalog(c *ent.Client, r *Rows) error {
	in.genre, in.media, in.artist, in.album = keys{}, keys{}, keys{}, keys{}
	genres, err := c.Genre.MapCreateBulk(r.Genre, func(b *ent.GenreCreate, i int) { b.SetName(r.Genre[i].Name) }).Save(in.ctx)
	if err != nil {
		return err
	}
	for i, g := range genres {
		in.genre[r.Genre[i].GenreId] = g.ID
		in.ids.Genres = append(in.ids.Genres, g.ID)
	}
	media, err := c.MediaType.MapCreateBulk(r.MediaType, func(b *ent.MediaTypeCreate, i int) { b.SetName(r.MediaType[i].Name) }).Save(in.ctx)
	if err != nil {
		return err
	}
	for i, m := range media {
		in.media[r.MediaType[i].MediaTypeId] = m.ID
	}
	artists, err := c.Artist.MapCreateBulk(r.Artist, func(b *ent.ArtistCreate, i int) { b.SetName(r.Artist[i].Name) }).Save(in.ctx)
	if err != nil {
		return err
	}
	for i, a := range artists {
		in.artist[r.Artist[i].ArtistId] = a.ID
		in.ids.Artists = append(in.ids.Artists, a.ID)
	}
	albums, err := c.Album.MapCreateBulk(r.Album, func(b *ent.AlbumCreate, i int) {
		b.SetTitle(r.Album[i].Title).
			SetArtistID(in.artist.of(r.Album[i].ArtistId)).
			SetNillableReleasedAt(date(r.Album[i].ReleasedAt))
	}).Save(in.ctx)
	if err != nil {
		return fmt.Errorf("albums: %w", err)
	}
	for i, a := range albums {
		in.album[r.Album[i].AlbumId] = a.ID
		in.ids.Albums = append(in.ids.Albums, a.ID)
	}
	return nil
}

func (in *inserter) tracks(c *ent.Client, r *Rows) error {
	in.track = keys{}
	// Chinook sells files and counts no stock.
	stock := rand.New(rand.NewPCG(1, 1))
	for chunk := range slices.Chunk(r.Track, bulk) {
		tracks, err := c.Track.MapCreateBulk(chunk, func(b *ent.TrackCreate, i int) {
			t := chunk[i]
			b.SetName(t.Name).
				SetComposer(t.Composer).
				SetMilliseconds(t.Milliseconds).
				SetNillableBytes(t.Bytes).
				SetUnitPrice(cents(t.UnitPrice)).
				SetStock(10 + stock.IntN(90)).
				SetNillableAlbumID(in.album.ofNillable(t.AlbumId)).
				SetNillableGenreID(in.genre.ofNillable(t.GenreId)).
				SetMediaTypeID(in.media.of(t.MediaTypeId))
		}).Save(in.ctx)
		if err != nil {
			return fmt.Errorf("tracks: %w", err)
		}
		for i, t := range tracks {
			in.track[chunk[i].TrackId] = t.ID
			in.ids.Tracks = append(in.ids.Tracks, t.ID)
		}
	}
	return nil
}

func (in *inserter) playlists(c *ent.Client, r *Rows) error {
	members := make(map[int][]int)
	for _, p := range r.PlaylistTrack {
		members[p.PlaylistId] = append(members[p.PlaylistId], in.track.of(p.TrackId))
	}
	for _, row := range r.Playlist {
		p, err := c.Playlist.Create().SetName(row.Name).Save(in.ctx)
		if err != nil {
			return err
		}
		in.ids.Playlists = append(in.ids.Playlists, p.ID)
		for chunk := range slices.Chunk(members[row.PlaylistId], bulk) {
			if err := p.Update().AddTrackIDs(chunk...).Exec(in.ctx); err != nil {
				return fmt.Errorf("playlists: %w", err)
			}
		}
	}
	return nil
}

func (in *inserter) people(c *ent.Client, r *Rows) error {
	in.employee, in.customer = keys{}, keys{}
	for _, row := range r.Employee {
		// A manager comes before those that report to them.
		e, err := c.Employee.Create().
			SetFirstName(row.FirstName).SetLastName(row.LastName).SetTitle(row.Title).
			SetNillableBirthDate(date(row.BirthDate)).SetNillableHireDate(date(row.HireDate)).
			SetCity(row.City).SetCountry(row.Country).SetPhone(row.Phone).SetEmail(row.Email).
			SetNillableManagerID(in.employee.ofNillable(row.ReportsTo)).
			Save(in.ctx)
		if err != nil {
			return fmt.Errorf("employees: %w", err)
		}
		in.employee[row.EmployeeId] = e.ID
		in.ids.Employees = append(in.ids.Employees, e.ID)
	}
	for chunk := range slices.Chunk(r.Customer, bulk) {
		customers, err := c.Customer.MapCreateBulk(chunk, func(b *ent.CustomerCreate, i int) {
			row := chunk[i]
			b.SetFirstName(row.FirstName).SetLastName(row.LastName).SetNillableCompany(row.Company).
				SetAddress(row.Address).SetCity(row.City).SetCountry(row.Country).SetPostalCode(row.PostalCode).
				SetPhone(row.Phone).SetEmail(row.Email).
				SetNillableSupportRepID(in.employee.ofNillable(row.SupportRepId))
		}).Save(in.ctx)
		if err != nil {
			return fmt.Errorf("customers: %w", err)
		}
		for i, e := range customers {
			in.customer[chunk[i].CustomerId] = e.ID
			in.ids.Customers = append(in.ids.Customers, e.ID)
			in.ids.Emails = append(in.ids.Emails, e.Email)
		}
	}
	return nil
}

func (in *inserter) invoices(c *ent.Client, r *Rows) error {
	in.invoice = keys{}
	for chunk := range slices.Chunk(r.Invoice, bulk) {
		invoices, err := c.Invoice.MapCreateBulk(chunk, func(b *ent.InvoiceCreate, i int) {
			row := chunk[i]
			b.SetNillableInvoiceDate(date(row.InvoiceDate)).
				SetBillingAddress(row.BillingAddress).SetBillingCity(row.BillingCity).
				SetBillingCountry(row.BillingCountry).SetBillingPostalCode(row.BillingPostalCode).
				SetTotal(cents(row.Total)).
				SetCustomerID(in.customer.of(row.CustomerId))
		}).Save(in.ctx)
		if err != nil {
			return fmt.Errorf("invoices: %w", err)
		}
		for i, v := range invoices {
			in.invoice[chunk[i].InvoiceId] = v.ID
		}
	}
	return nil
}

func (in *inserter) lines(c *ent.Client, r *Rows) error {
	for chunk := range slices.Chunk(r.InvoiceLine, bulk) {
		err := c.InvoiceLine.MapCreateBulk(chunk, func(b *ent.InvoiceLineCreate, i int) {
			row := chunk[i]
			b.SetUnitPrice(cents(row.UnitPrice)).SetQuantity(row.Quantity).
				SetInvoiceID(in.invoice.of(row.InvoiceId)).
				SetTrackID(in.track.of(row.TrackId))
		}).Exec(in.ctx)
		if err != nil {
			return fmt.Errorf("invoice lines: %w", err)
		}
	}
	return nil
}

func cents(price float64) int64 { return int64(math.Round(price * 100)) }

// date reads a date as Chinook writes it; nil if there is none.
func date(s string) *time.Time {
	t, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil {
		return nil
	}
	return &t
}
