package entcache_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"regexp"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/entcache/ent-cache/ent"
)

// openStore returns the driver of a small music store in memory, which prints
// each statement that reaches the database.
func openStore() dialect.Driver {
	db, err := sql.Open("sqlite", "file::memory:?_pragma=foreign_keys(1)&_time_format=sqlite&_timezone=UTC")
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	drv := entsql.OpenDB(dialect.SQLite, db)
	fill(context.Background(), ent.NewClient(ent.Driver(drv)))
	return &printing{Driver: drv, db: db}
}

// fill makes three tracks on one album, two of Rock and one of Jazz, in one
// playlist, an employee and two customers.
func fill(ctx context.Context, client *ent.Client) {
	if err := client.Schema.Create(ctx); err != nil {
		log.Fatal(err)
	}
	rock := client.Genre.Create().SetName("Rock").SaveX(ctx)
	jazz := client.Genre.Create().SetName("Jazz").SaveX(ctx)
	file := client.MediaType.Create().SetName("File").SaveX(ctx)
	artist := client.Artist.Create().SetName("The Samples").SaveX(ctx)
	album := client.Album.Create().SetTitle("Paper").SetArtist(artist).SaveX(ctx)
	for _, t := range []struct {
		name  string
		genre *ent.Genre
	}{{"Paper Boats", rock}, {"Paper Kites", rock}, {"Kettle", jazz}} {
		client.Track.Create().SetName(t.name).SetGenre(t.genre).SetAlbum(album).SetMediaType(file).
			SetMilliseconds(180_000).SetUnitPrice(99).SetStock(10).SaveX(ctx)
	}
	client.Playlist.Create().SetName("Everything").AddTrackIDs(1, 2, 3).SaveX(ctx)
	client.Employee.Create().SetFirstName("Ada").SetLastName("First").SetEmail("ada@shop.example").SaveX(ctx)
	client.Customer.Create().SetFirstName("Dee").SetLastName("Buyer").SetEmail("dee@mail.example").SetCountry("Norway").SaveX(ctx)
	client.Customer.Create().SetFirstName("Eli").SetLastName("Buyer").SetEmail("eli@mail.example").SetCountry("Brazil").SaveX(ctx)
}

// printing prints the statements that reach its driver. Unwrap lets the cache
// see what is behind it.
type printing struct {
	dialect.Driver
	db *sql.DB
}

func (d *printing) Unwrap() dialect.Driver { return d.Driver }

func (d *printing) Query(ctx context.Context, query string, args, v any) error {
	printStatement(query, args)
	return d.Driver.Query(ctx, query, args, v)
}

func (d *printing) Exec(ctx context.Context, query string, args, v any) error {
	printStatement(query, args)
	return d.Driver.Exec(ctx, query, args, v)
}

func (d *printing) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	printStatement(query, args)
	return d.db.ExecContext(ctx, query, args...)
}

func (d *printing) Tx(ctx context.Context) (dialect.Tx, error) {
	tx, err := d.Driver.Tx(ctx)
	return &printingTx{tx}, err
}

type printingTx struct{ dialect.Tx }

func (t *printingTx) Unwrap() dialect.Tx { return t.Tx }

func (t *printingTx) Query(ctx context.Context, query string, args, v any) error {
	printStatement(query, args)
	return t.Tx.Query(ctx, query, args, v)
}

func (t *printingTx) Exec(ctx context.Context, query string, args, v any) error {
	printStatement(query, args)
	return t.Tx.Exec(ctx, query, args, v)
}

var (
	columns = regexp.MustCompile(`SELECT ([^()]+?, [^()]+?) FROM`)
	written = regexp.MustCompile(`^(INSERT INTO|UPDATE|DELETE FROM) \S+`)
)

// printStatement prints a statement without its columns, and of one that writes
// only the table.
func printStatement(query string, args any) {
	query = strings.ReplaceAll(query, "`", "")
	if w := written.FindString(query); w != "" {
		fmt.Println("db:", w)
		return
	}
	query = columns.ReplaceAllString(query, "SELECT … FROM")
	list, _ := args.([]any)
	for _, a := range list {
		query = strings.Replace(query, "?", fmt.Sprint(a), 1)
	}
	fmt.Println("db:", query)
}
