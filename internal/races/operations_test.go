package races

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/album"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/ent/track"
)

// client is what an actor's operations run on.
func (s *stage) client(a *actor) *ent.Client {
	if a.tx != nil {
		return a.tx.Client()
	}
	return s.cached
}

// numbered tells the words of a command from its numbers: "set track 1 price 5"
// is "set track price" with 1 and 5.
func numbered(command string) (string, []int) {
	var (
		words   []string
		numbers []int
	)
	for _, w := range strings.Fields(command) {
		if n, err := strconv.Atoi(w); err == nil {
			numbers = append(numbers, n)
			continue
		}
		words = append(words, w)
	}
	return strings.Join(words, " "), numbers
}

// operation returns what a command of a script means.
func (s *stage) operation(command string) (operation, error) {
	words, n := numbered(command)
	arg := func(i int) int {
		if i < len(n) {
			return n[i]
		}
		return 0
	}
	directive := func(ctx context.Context) context.Context { return ctx }
	if rest, ok := strings.CutPrefix(words, "refresh "); ok {
		words, directive = rest, cache.Refresh
	}
	if r := reads(words, arg); r != nil {
		return operation{name: words, read: r, run: func(ctx context.Context, a *actor) (string, error) {
			if words == "get track" {
				return s.getTrack(directive(ctx), a, arg(0))
			}
			return r(directive(ctx), s.client(a))
		}}, nil
	}
	if w := s.writes(words, arg); w != nil {
		return operation{name: words, run: w}, nil
	}
	if w := s.transactions(words, arg); w != nil {
		return operation{name: words, run: w}, nil
	}
	return operation{}, fmt.Errorf("unknown command %q", command)
}

// getTrack keeps the entity, for operations that start from it.
func (s *stage) getTrack(ctx context.Context, a *actor, id int) (string, error) {
	t, err := s.client(a).Track.Get(ctx, id)
	if err == nil {
		a.track = t
	}
	return showTrack(t, id, err)
}

func showTrack(t *ent.Track, id int, err error) (string, error) {
	if ent.IsNotFound(err) {
		return fmt.Sprintf("no track %d", id), nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("track %d costs %d, genre %d", t.ID, t.UnitPrice, t.GenreID), nil
}

func reads(words string, arg func(int) int) reading {
	switch words {
	case "get track":
		return func(ctx context.Context, c *ent.Client) (string, error) {
			t, err := c.Track.Get(ctx, arg(0))
			return showTrack(t, arg(0), err)
		}
	case "all track":
		// The statement is that of "get track", the query isn't.
		return func(ctx context.Context, c *ent.Client) (string, error) {
			list, err := c.Track.Query().Where(track.ID(arg(0))).Limit(2).All(ctx)
			return "all: " + showTracks(list), err
		}
	case "list genre":
		return func(ctx context.Context, c *ent.Client) (string, error) {
			list, err := c.Track.Query().Where(track.GenreID(arg(0))).Order(track.ByID()).All(ctx)
			return fmt.Sprintf("genre %d: %s", arg(0), showTracks(list)), err
		}
	case "list cheaper":
		return func(ctx context.Context, c *ent.Client) (string, error) {
			list, err := c.Track.Query().Where(track.UnitPriceLT(int64(arg(0)))).Order(track.ByID()).All(ctx)
			return "cheaper: " + showTracks(list), err
		}
	case "count genre":
		return func(ctx context.Context, c *ent.Client) (string, error) {
			n, err := c.Track.Query().Where(track.GenreID(arg(0))).Count(ctx)
			return fmt.Sprintf("genre %d: %d tracks", arg(0), n), err
		}
	case "sum":
		return func(ctx context.Context, c *ent.Client) (string, error) {
			n, err := c.Track.Query().Aggregate(ent.Sum(track.FieldUnitPrice)).Int(ctx)
			return fmt.Sprintf("sum %d", n), err
		}
	case "load album":
		return func(ctx context.Context, c *ent.Client) (string, error) {
			al, err := c.Album.Query().Where(album.ID(arg(0))).WithTracks(func(q *ent.TrackQuery) { q.Order(track.ByID()) }).Only(ctx)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("album %d: %s", al.ID, showTracks(al.Edges.Tracks)), nil
		}
	case "load playlist":
		return func(ctx context.Context, c *ent.Client) (string, error) {
			p, err := c.Playlist.Query().Where(playlist.ID(arg(0))).WithTracks(func(q *ent.TrackQuery) { q.Order(track.ByID()) }).Only(ctx)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("playlist %d: %s", p.ID, showTracks(p.Edges.Tracks)), nil
		}
	}
	return nil
}

func showTracks(list []*ent.Track) string {
	var b strings.Builder
	for i, t := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d costs %d", t.ID, t.UnitPrice)
	}
	if len(list) == 0 {
		return "none"
	}
	return b.String()
}

type run = func(context.Context, *actor) (string, error)

func (s *stage) writes(words string, arg func(int) int) run {
	counted := func(n int, err error) (string, error) { return fmt.Sprintf("%d rows", n), err }
	done := func(err error) (string, error) { return "done", err }
	switch words {
	case "set track price":
		return func(ctx context.Context, a *actor) (string, error) {
			return done(s.client(a).Track.UpdateOneID(arg(0)).SetUnitPrice(int64(arg(1))).Exec(ctx))
		}
	case "set genre price":
		return func(ctx context.Context, a *actor) (string, error) {
			return counted(s.client(a).Track.Update().Where(track.GenreID(arg(0))).SetUnitPrice(int64(arg(1))).Save(ctx))
		}
	case "set read track price":
		// The entity carries the driver of the read that made it.
		return func(ctx context.Context, a *actor) (string, error) {
			t, err := a.track.Update().SetUnitPrice(int64(arg(0))).Save(ctx)
			if err != nil {
				return "", err
			}
			return showTrack(t, t.ID, nil)
		}
	case "spoil read track":
		// It belongs to who read it.
		return func(_ context.Context, a *actor) (string, error) {
			a.track.UnitPrice, a.track.GenreID = 0, 0
			return "done", nil
		}
	case "rename album":
		return func(ctx context.Context, a *actor) (string, error) {
			return done(s.client(a).Album.UpdateOneID(arg(0)).SetTitle("again").Exec(ctx))
		}
	case "album of read track":
		return func(ctx context.Context, a *actor) (string, error) {
			al, err := a.track.QueryAlbum().Only(ctx)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("album %d", al.ID), nil
		}
	case "move track to genre":
		return func(ctx context.Context, a *actor) (string, error) {
			return done(s.client(a).Track.UpdateOneID(arg(0)).SetGenreID(arg(1)).Exec(ctx))
		}
	case "create track in genre price":
		return func(ctx context.Context, a *actor) (string, error) {
			t, err := s.client(a).Track.Create().SetName("new").SetMilliseconds(1).SetMediaTypeID(1).SetAlbumID(1).
				SetGenreID(arg(0)).SetUnitPrice(int64(arg(1))).Save(ctx)
			return showTrack(t, 0, err)
		}
	case "delete track":
		return func(ctx context.Context, a *actor) (string, error) {
			return done(s.client(a).Track.DeleteOneID(arg(0)).Exec(ctx))
		}
	case "add to playlist track":
		return func(ctx context.Context, a *actor) (string, error) {
			return done(s.client(a).Playlist.UpdateOneID(arg(0)).AddTrackIDs(arg(1)).Exec(ctx))
		}
	case "drop from playlist track":
		return func(ctx context.Context, a *actor) (string, error) {
			return done(s.client(a).Playlist.UpdateOneID(arg(0)).RemoveTrackIDs(arg(1)).Exec(ctx))
		}
	}
	return nil
}

func (s *stage) transactions(words string, arg func(int) int) run {
	done := func(err error) (string, error) { return "done", err }
	end := func(a *actor, how func() error) (string, error) {
		a.tx = nil
		return done(how())
	}
	switch words {
	case "begin":
		return func(ctx context.Context, a *actor) (_ string, err error) {
			if a.tx, err = s.cached.Tx(ctx); err != nil {
				a.tx = nil
			}
			return done(err)
		}
	case "commit":
		return func(_ context.Context, a *actor) (string, error) { return end(a, a.tx.Commit) }
	case "rollback":
		return func(_ context.Context, a *actor) (string, error) { return end(a, a.tx.Rollback) }
	case "on commit get track":
		return func(_ context.Context, a *actor) (string, error) {
			a.tx.OnCommit(func(next ent.Committer) ent.Committer {
				return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
					if err := next.Commit(ctx, tx); err != nil {
						return err
					}
					t, err := s.cached.Track.Get(ctx, arg(0))
					answer, err := showTrack(t, arg(0), err)
					s.say(fmt.Sprintf("%s's commit hook: %s", a.name, answer))
					return err
				})
			})
			return done(nil)
		}
	case "on commit set track price":
		// The transaction's first write is made while it commits.
		return func(_ context.Context, a *actor) (string, error) {
			a.tx.OnCommit(func(next ent.Committer) ent.Committer {
				return ent.CommitFunc(func(ctx context.Context, tx *ent.Tx) error {
					err := tx.Track.UpdateOneID(arg(0)).SetUnitPrice(int64(arg(1))).Exec(ctx)
					return errors.Join(err, next.Commit(ctx, tx))
				})
			})
			return done(nil)
		}
	}
	return nil
}
