package entcache_test

import (
	"context"
	"fmt"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
)

// Each statement of an eager load is an entry of its own, under the policy of
// its own type. A change of one leaves the others.
func Example_eagerLoading() {
	ctx := context.Background()
	client := ent.NewClient(ent.Driver(openStore()))
	client.Intercept(entcache.Interceptor())

	show := func() {
		p := client.Playlist.Query().Where(playlist.ID(1)).
			WithTracks(func(q *ent.TrackQuery) { q.WithGenre().Order(track.ByID()) }).
			OnlyX(ctx)
		fmt.Println(p.Name)
		for _, t := range p.Edges.Tracks {
			fmt.Printf("  %s, %s\n", t.Name, t.Edges.Genre.Name)
		}
	}
	show()
	fmt.Println("-- again")
	show()
	fmt.Println("-- without track 2")
	client.Playlist.UpdateOneID(1).RemoveTrackIDs(2).ExecX(ctx)
	show()
	// Output:
	// db: SELECT … FROM playlists WHERE playlists.id = 1 LIMIT 2
	// db: SELECT … FROM tracks JOIN playlist_tracks AS t1 ON tracks.id = t1.track_id WHERE t1.playlist_id IN (1) ORDER BY tracks.id
	// db: SELECT … FROM genres WHERE genres.id IN (1, 2)
	// Everything
	//   Paper Boats, Rock
	//   Paper Kites, Rock
	//   Kettle, Jazz
	// -- again
	// Everything
	//   Paper Boats, Rock
	//   Paper Kites, Rock
	//   Kettle, Jazz
	// -- without track 2
	// db: DELETE FROM playlist_tracks
	// db: SELECT … FROM playlists WHERE id = 1
	// db: SELECT … FROM tracks JOIN playlist_tracks AS t1 ON tracks.id = t1.track_id WHERE t1.playlist_id IN (1) ORDER BY tracks.id
	// Everything
	//   Paper Boats, Rock
	//   Kettle, Jazz
}
