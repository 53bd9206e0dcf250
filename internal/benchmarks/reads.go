package benchmarks

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/album"
	"github.com/entcache/ent-cache/ent/track"
)

// Read is a query that is measured. Run runs it and fails unless the result has
// the right number of rows; i picks one of Variants results.
type Read struct {
	Name     string
	Variants int
	Run      func(ctx context.Context, client *ent.Client, i int) error
}

// byID is the name of the read that has as many variants as there are tracks.
const byID = "Get"

// rowsRead is the id of the last track that a read by ids returns.
const rowsRead = 64 * 100

// Reads returns the queries that are measured.
func Reads() []Read {
	return []Read{
		{byID, 512, func(ctx context.Context, client *ent.Client, i int) error {
			t, err := client.Track.Get(ctx, i+1)
			if err != nil {
				return err
			}
			return want(1, min(t.ID, 1))
		}},
		{"20 of 10k, scan and sort", Genres, func(ctx context.Context, client *ent.Client, i int) error {
			tracks, err := client.Track.Query().
				Where(track.GenreID(i+1), track.UnitPriceGT(100)).
				Order(track.ByName(), track.ByID()).Limit(20).All(ctx)
			return rows(20, tracks, err)
		}},
		{"20 of 10k, by index", 100, func(ctx context.Context, client *ent.Client, i int) error {
			tracks, err := client.Track.Query().
				Where(track.StatusEQ(track.StatusAvailable)).
				Order(track.ByName(), track.ByID()).Offset(i).Limit(20).All(ctx)
			return rows(20, tracks, err)
		}},
		{"100 rows", 64, func(ctx context.Context, client *ent.Client, i int) error {
			tracks, err := client.Track.Query().
				Where(track.IDGT(i * 100)).Order(track.ByID()).Limit(100).All(ctx)
			return rows(100, tracks, err)
		}},
		{"50 albums with 4 tracks each", 32, func(ctx context.Context, client *ent.Client, i int) error {
			albums, err := client.Album.Query().
				Where(album.IDGT(i * 50)).Order(album.ByID()).Limit(50).WithTracks().All(ctx)
			if err != nil {
				return err
			}
			n := 0
			for _, a := range albums {
				n += len(a.Edges.Tracks)
			}
			return want(200, n)
		}},
		{"Count", Genres, func(ctx context.Context, client *ent.Client, i int) error {
			n, err := client.Track.Query().Where(track.GenreID(i + 1)).Count(ctx)
			if err != nil {
				return err
			}
			return want(1, min(n, 1))
		}},
		{"Exist", 512, func(ctx context.Context, client *ent.Client, i int) error {
			ok, err := client.Track.Query().Where(track.ID(i + 1)).Exist(ctx)
			if err == nil && !ok {
				err = want(1, 0)
			}
			return err
		}},
		{"IDs, 100", 64, func(ctx context.Context, client *ent.Client, i int) error {
			ids, err := client.Track.Query().
				Where(track.IDGT(i * 100)).Order(track.ByID()).Limit(100).IDs(ctx)
			return rows(100, ids, err)
		}},
		{"GroupBy, 25 groups", 16, func(ctx context.Context, client *ent.Client, i int) error {
			var groups []struct {
				GenreID int `json:"genre_id"`
				Count   int `json:"count"`
				Sum     int `json:"sum"`
			}
			err := client.Track.Query().Where(track.UnitPriceGT(int64(50+i))).
				GroupBy(track.FieldGenreID).Aggregate(ent.Count(), ent.Sum(track.FieldStock)).Scan(ctx, &groups)
			return rows(Genres, groups, err)
		}},
	}
}

func rows[T any](n int, got []T, err error) error {
	if err != nil {
		return err
	}
	return want(n, len(got))
}

func want(n, got int) error {
	if n != got {
		return fmt.Errorf("want %d rows, got %d", n, got)
	}
	return nil
}

// Warm runs every variant of a read, so that a client with a cache then hits.
func (r Read) Warm(ctx context.Context, client *ent.Client) error {
	for i := range r.Variants {
		if err := r.Run(ctx, client, i); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	return nil
}
