package music

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Rows are the store's data, named as in the JSON of the Chinook database.
type Rows struct {
	Genre         []genreRow
	MediaType     []mediaRow
	Artist        []artistRow
	Album         []albumRow
	Track         []trackRow
	Employee      []employeeRow
	Customer      []customerRow
	Invoice       []invoiceRow
	InvoiceLine   []lineRow
	Playlist      []playlistRow
	PlaylistTrack []playlistTrackRow
}

type genreRow struct {
	GenreId int
	Name    string
}

type mediaRow struct {
	MediaTypeId int
	Name        string
}

type artistRow struct {
	ArtistId int
	Name     string
}

type albumRow struct {
	AlbumId    int
	Title      string
	ArtistId   int
	ReleasedAt string // not in Chinook
}

type trackRow struct {
	TrackId      int
	Name         string
	AlbumId      *int
	MediaTypeId  int
	GenreId      *int
	Composer     string
	Milliseconds int
	Bytes        *int
	UnitPrice    float64
}

type employeeRow struct {
	EmployeeId                  int
	LastName, FirstName, Title  string
	ReportsTo                   *int
	BirthDate, HireDate         string
	City, Country, Phone, Email string
}

type customerRow struct {
	CustomerId                         int
	FirstName, LastName                string
	Company                            *string
	Address, City, Country, PostalCode string
	Phone, Email                       string
	SupportRepId                       *int
}

type invoiceRow struct {
	InvoiceId, CustomerId                                          int
	InvoiceDate                                                    string
	BillingAddress, BillingCity, BillingCountry, BillingPostalCode string
	Total                                                          float64
}

type lineRow struct {
	InvoiceLineId, InvoiceId, TrackId int
	UnitPrice                         float64
	Quantity                          int
}

type playlistRow struct {
	PlaylistId int
	Name       string
}

type playlistTrackRow struct {
	PlaylistId, TrackId int
}

// Load reads the store's data from a file.
func Load(name string) (*Rows, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := new(Rows)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s isn't the Chinook database as JSON: %w", name, err)
	}
	if len(r.Genre) == 0 || len(r.Artist) == 0 || len(r.Album) == 0 || len(r.Track) == 0 || len(r.Playlist) == 0 ||
		len(r.Employee) == 0 || len(r.Customer) == 0 {
		return nil, fmt.Errorf("%s has a table without rows, or lacks it; there are %s", name, r)
	}
	return r, nil
}

// String counts the rows.
func (r *Rows) String() string {
	return fmt.Sprintf("%d artists, %d albums, %d tracks, %d playlists with %d tracks, %d customers, %d invoices with %d lines",
		len(r.Artist), len(r.Album), len(r.Track), len(r.Playlist), len(r.PlaylistTrack), len(r.Customer), len(r.Invoice), len(r.InvoiceLine))
}

// Words returns what a visitor may look for in the names of tracks.
func (r *Rows) Words() []string {
	var words []string
	for _, t := range r.Track {
		if f := strings.Fields(t.Name); len(f) > 0 {
			words = append(words, f[0])
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}
