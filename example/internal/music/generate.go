package music

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// How many rows there are of what.
const (
	numArtists   = 275
	numAlbums    = 350
	numTracks    = 3500
	numPlaylists = 18
	numCustomers = 1000
	numEmployees = 8
	numInvoices  = 400
)

var (
	genreNames = strings.Split("Rock,Jazz,Metal,Punk,Blues,Latin,Reggae,Pop,Soundtrack,Bossa Nova,Easy Listening,Soul,Electronica,World,"+
		"Hip Hop,Folk,Country,Disco,Ambient,Gospel,Swing,Tango,Alternative,Classical,Opera", ",")
	mediaNames = []string{"MP3", "AAC", "FLAC", "Vinyl", "Compact disc"}
	adjectives = strings.Fields("Silent Golden Broken Electric Midnight Velvet Crimson Distant Hollow Burning Lonely Northern Paper Restless " +
		"Sleeping Wild Frozen Gentle Hidden Iron")
	nouns = strings.Fields("River Mirror Garden Machine Ocean Shadow Harbor Engine Forest Signal Window Mountain Letter Animal Station Summer " +
		"Lantern Avenue Horizon Thunder")
	firstNames = strings.Fields("Ada Boris Clara Diego Elena Farid Greta Hugo Ines Jonas Kaya Luis Mira Noah Olga Pavel Rosa Samir Tara Yuki")
	lastNames  = strings.Fields("Almeida Berg Costa Dubois Eriksen Fischer Garcia Haddad Ivanova Jensen Kowalski Lopez Meyer Novak Okafor " +
		"Petrov Rossi Silva Tanaka Weber")
	places = [][2]string{
		{"Lisbon", "Portugal"}, {"Berlin", "Germany"}, {"Lyon", "France"}, {"Oslo", "Norway"}, {"Prague", "Czechia"}, {"Toronto", "Canada"},
		{"Recife", "Brazil"}, {"Chicago", "USA"}, {"Boston", "USA"}, {"Pune", "India"}, {"Turin", "Italy"}, {"Krakow", "Poland"},
	}
)

// Generate makes up a store, the same one for the same seed.
func Generate(seed uint64) *Rows {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), Rows: new(Rows)}
	g.catalog()
	g.people()
	g.sales()
	return g.Rows
}

type generator struct {
	*rand.Rand
	*Rows
}

func (g *generator) pick(words []string) string { return words[g.IntN(len(words))] }

func (g *generator) title() string { return g.pick(adjectives) + " " + g.pick(nouns) }

func (g *generator) catalog() {
	for i, name := range genreNames {
		g.Genre = append(g.Genre, genreRow{i + 1, name})
	}
	for i, name := range mediaNames {
		g.MediaType = append(g.MediaType, mediaRow{i + 1, name})
	}
	for i := range numArtists {
		g.Artist = append(g.Artist, artistRow{i + 1, "The " + g.title() + "s"})
	}
	for i := range numAlbums {
		g.Album = append(g.Album, albumRow{i + 1, g.title(), 1 + g.IntN(numArtists), g.day(1970, 50)})
	}
	for i := range numTracks {
		album, genre, size := 1+i*numAlbums/numTracks, 1+g.IntN(len(genreNames)), 1_000_000+g.IntN(9_000_000)
		g.Track = append(g.Track, trackRow{
			TrackId: i + 1, Name: g.title() + " " + g.pick(nouns), AlbumId: &album, MediaTypeId: 1 + g.IntN(len(mediaNames)), GenreId: &genre,
			Composer: g.pick(firstNames) + " " + g.pick(lastNames), Milliseconds: 90_000 + g.IntN(300_000), Bytes: &size,
			UnitPrice: []float64{0.99, 1.29, 1.99}[g.IntN(3)],
		})
	}
	for i := range numPlaylists {
		g.Playlist = append(g.Playlist, playlistRow{i + 1, fmt.Sprintf("%s %d", g.pick(nouns), i+1)})
		for _, track := range g.Perm(numTracks)[:50+g.IntN(1000)] {
			g.PlaylistTrack = append(g.PlaylistTrack, playlistTrackRow{i + 1, track + 1})
		}
	}
}

func (g *generator) people() {
	for i := range numEmployees {
		// One leads the others through two managers.
		var manager *int
		switch {
		case i == 1 || i == 2:
			manager = new(1)
		case i > 2:
			manager = new(2 + i%2)
		}
		at := places[g.IntN(len(places))]
		first, last := g.pick(firstNames), g.pick(lastNames)
		g.Employee = append(g.Employee, employeeRow{
			EmployeeId: i + 1, FirstName: first, LastName: last, Title: []string{"Manager", "Support"}[min(i/3, 1)], ReportsTo: manager,
			BirthDate: g.day(1960, 40), HireDate: g.day(2010, 14), City: at[0], Country: at[1], Phone: g.phone(),
			Email: email(first, last, i, "shop.example"),
		})
	}
	for i := range numCustomers {
		var company *string
		if g.IntN(5) == 0 {
			company = new(g.pick(lastNames) + " & " + g.pick(lastNames))
		}
		at, rep := places[g.IntN(len(places))], 4+g.IntN(numEmployees-3)
		first, last := g.pick(firstNames), g.pick(lastNames)
		g.Customer = append(g.Customer, customerRow{
			CustomerId: i + 1, FirstName: first, LastName: last, Company: company, Address: fmt.Sprintf("%d %s Street", 1+g.IntN(200), g.pick(nouns)),
			City: at[0], Country: at[1], PostalCode: fmt.Sprintf("%05d", g.IntN(100_000)), Phone: g.phone(),
			Email: email(first, last, i, "mail.example"), SupportRepId: &rep,
		})
	}
}

func (g *generator) sales() {
	for i := range numInvoices {
		by := g.Customer[g.IntN(numCustomers)]
		v := invoiceRow{
			InvoiceId: i + 1, CustomerId: by.CustomerId, InvoiceDate: g.day(2021, 4), BillingAddress: by.Address, BillingCity: by.City,
			BillingCountry: by.Country, BillingPostalCode: by.PostalCode,
		}
		for range 1 + g.IntN(10) {
			t := g.Track[g.IntN(numTracks)]
			l := lineRow{len(g.InvoiceLine) + 1, v.InvoiceId, t.TrackId, t.UnitPrice, 1 + g.IntN(2)}
			v.Total += l.UnitPrice * float64(l.Quantity)
			g.InvoiceLine = append(g.InvoiceLine, l)
		}
		g.Invoice = append(g.Invoice, v)
	}
}

// day returns a day in the years from first on, written as in Chinook.
func (g *generator) day(first, years int) string {
	return time.Date(first, 1, 1+g.IntN(365*years), 0, 0, 0, 0, time.UTC).Format("2006-01-02T15:04:05")
}

func (g *generator) phone() string { return fmt.Sprintf("+00 555 %04d", g.IntN(10_000)) }

func email(first, last string, i int, host string) string {
	return strings.ToLower(first+"."+last) + fmt.Sprintf(".%d@%s", i+1, host)
}
