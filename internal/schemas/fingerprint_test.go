package schemas_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqljson"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	shop "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/album"
	"github.com/entcache/ent-cache/ent/artist"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/ent/predicate"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
	fields "github.com/entcache/ent-cache/internal/schemas/fields/ent"
	"github.com/entcache/ent-cache/internal/schemas/fields/ent/item"
	schemaconfig "github.com/entcache/ent-cache/internal/schemas/schemaconfig/ent"
	"github.com/entcache/ent-cache/internal/schemas/schemaconfig/ent/user"
)

var errLooked = errors.New("looked at")

// look stands where the cache's interceptor would. It takes the fingerprint of
// the query and doesn't run it.
type look struct {
	cache *cache.Cache
	// print is the fingerprint, with the type and the operation.
	print, reason string
	// with gets the builder, if it is set.
	with func(context.Context, cache.ValueBuilder)
}

func newLook(t testing.TB) *look {
	t.Helper()
	h, err := entcache.New()
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	var i any = h.Interceptor()
	return &look{cache: i.(interface{ EntcacheCache() *cache.Cache }).EntcacheCache()}
}

func (l *look) EntcacheCache() *cache.Cache { return l.cache }

func (l *look) Intercept(ent.Querier) ent.Querier {
	return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
		b := q.(cache.ValueBuilder)
		if l.with != nil {
			l.with(ctx, b)
		}
		print, reason := l.cache.Fingerprint(ctx, b)
		l.reason = reason
		l.print = fmt.Sprintf("%s %s %x", b.EntcacheType().Name, ent.QueryFromContext(ctx).Op, print)
		return nil, errLooked
	})
}

// of returns the fingerprint of the query that run runs.
func (l *look) of(t *testing.T, run func() error) string {
	t.Helper()
	*l = look{cache: l.cache}
	require.ErrorIs(t, run(), errLooked)
	require.Empty(t, l.reason)
	return l.print
}

// refusal returns why the query that run runs has no fingerprint.
func (l *look) refusal(t *testing.T, run func() error) string {
	t.Helper()
	*l = look{cache: l.cache}
	require.ErrorIs(t, run(), errLooked)
	return l.reason
}

// tracks are queries of one type, each different from all others in one thing.
// Their results could differ, with the right rows in the database.
func tracks(c *shop.Client) map[string]func() *shop.TrackQuery {
	q := func(change func(*shop.TrackQuery)) func() *shop.TrackQuery {
		return func() *shop.TrackQuery {
			q := c.Track.Query()
			change(q)
			return q
		}
	}
	where := func(ps ...predicate.Track) func() *shop.TrackQuery {
		return q(func(q *shop.TrackQuery) { q.Where(ps...) })
	}
	raw := func(f func(*sql.Selector)) func() *shop.TrackQuery { return where(predicate.Track(f)) }
	order := func(o ...track.OrderOption) func() *shop.TrackQuery {
		return q(func(q *shop.TrackQuery) { q.Order(o...) })
	}
	album_ := func(f ...func(*shop.AlbumQuery)) func() *shop.TrackQuery {
		return q(func(q *shop.TrackQuery) { q.WithAlbum(f...) })
	}
	lists := func(f ...func(*shop.PlaylistQuery)) func() *shop.TrackQuery {
		return q(func(q *shop.TrackQuery) { q.WithPlaylists(f...) })
	}
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	m := map[string]func() *shop.TrackQuery{
		"all": q(func(*shop.TrackQuery) {}),

		"id":                    where(track.ID(1)),
		"another id":            where(track.ID(2)),
		"id in":                 where(track.IDIn(1)),
		"id in two":             where(track.IDIn(1, 2)),
		"id in two, reversed":   where(track.IDIn(2, 1)),
		"id in two others":      where(track.IDIn(1, 3)),
		"id not":                where(track.IDNEQ(1)),
		"id not in":             where(track.IDNotIn(1, 2)),
		"id above":              where(track.IDGT(1)),
		"id from":               where(track.IDGTE(1)),
		"id below":              where(track.IDLT(1)),
		"id to":                 where(track.IDLTE(1)),
		"another field":         where(track.Stock(1)),
		"stock null":            where(track.BytesIsNil()),
		"stock not null":        where(track.BytesNotNil()),
		"name":                  where(track.Name("a")),
		"name with a quote":     where(track.Name("a'")),
		"name contains":         where(track.NameContains("a")),
		"name begins":           where(track.NameHasPrefix("a")),
		"name ends":             where(track.NameHasSuffix("a")),
		"name folded":           where(track.NameEqualFold("a")),
		"name contains folded":  where(track.NameContainsFold("a")),
		"status":                where(track.StatusEQ(track.StatusAvailable)),
		"composer":              where(track.Composer("a")),
		"time":                  where(track.UpdatedAt(noon)),
		"a nanosecond later":    where(track.UpdatedAt(noon.Add(1))),
		"the time elsewhere":    where(track.UpdatedAt(noon.In(time.FixedZone("X", 3600)))),
		"and":                   where(track.And(track.ID(1), track.Stock(2))),
		"two":                   where(track.Name("a"), track.Stock(2)),
		"two, exchanged":        where(track.Stock(2), track.Name("a")),
		"or":                    where(track.Or(track.ID(1), track.Stock(2))),
		"not":                   where(track.Not(track.ID(1))),
		"nested":                where(track.Or(track.And(track.ID(1), track.Stock(2)), track.ID(3))),
		"has an edge":           where(track.HasAlbum()),
		"has another edge":      where(track.HasGenre()),
		"has an edge with":      where(track.HasAlbumWith(album.ID(1))),
		"has an edge with 2":    where(track.HasAlbumWith(album.ID(2))),
		"has an edge of edges":  where(track.HasAlbumWith(album.HasArtistWith(artist.Name("a")))),
		"has another of edges":  where(track.HasAlbumWith(album.HasArtistWith(artist.Name("b")))),
		"has a list":            where(track.HasPlaylistsWith(playlist.Name("a"))),
		"json":                  raw(func(s *sql.Selector) { s.Where(sqljson.ValueEQ("name", 1, sqljson.Path("a"))) }),
		"json at another path":  raw(func(s *sql.Selector) { s.Where(sqljson.ValueEQ("name", 1, sqljson.Path("b"))) }),
		"json, another value":   raw(func(s *sql.Selector) { s.Where(sqljson.ValueEQ("name", 2, sqljson.Path("a"))) }),
		"json has a key":        raw(func(s *sql.Selector) { s.Where(sqljson.HasKey("name", sqljson.Path("a"))) }),
		"json contains":         raw(func(s *sql.Selector) { s.Where(sqljson.ValueContains("name", 1, sqljson.Path("a"))) }),
		"an argument, int":      raw(func(s *sql.Selector) { s.Where(sql.EQ("name", 1)) }),
		"an argument, text":     raw(func(s *sql.Selector) { s.Where(sql.EQ("name", "1")) }),
		"an argument, bytes":    raw(func(s *sql.Selector) { s.Where(sql.EQ("name", []byte("1"))) }),
		"an argument, float":    raw(func(s *sql.Selector) { s.Where(sql.EQ("name", 1.0)) }),
		"an argument, bool":     raw(func(s *sql.Selector) { s.Where(sql.EQ("name", true)) }),
		"two arguments":         raw(func(s *sql.Selector) { s.Where(sql.In("name", "a", "b")) }),
		"two that run together": raw(func(s *sql.Selector) { s.Where(sql.In("name", "ab", "")) }),
		"an expression":         raw(func(s *sql.Selector) { s.Where(sql.ExprP("stock > ?", 1)) }),
		"another expression":    raw(func(s *sql.Selector) { s.Where(sql.ExprP("stock >= ?", 1)) }),
		"another argument":      raw(func(s *sql.Selector) { s.Where(sql.ExprP("stock > ?", 2)) }),
		"a subquery": raw(func(s *sql.Selector) {
			s.Where(sql.In(s.C("album_id"), sql.Select("id").From(sql.Table("albums")).Where(sql.EQ("title", "a"))))
		}),
		"another subquery": raw(func(s *sql.Selector) {
			s.Where(sql.In(s.C("album_id"), sql.Select("id").From(sql.Table("albums")).Where(sql.EQ("title", "b"))))
		}),
		"a join": raw(func(s *sql.Selector) {
			t := sql.Table("albums")
			s.Join(t).On(s.C("album_id"), t.C("id"))
		}),
		"a left join": raw(func(s *sql.Selector) {
			t := sql.Table("albums")
			s.LeftJoin(t).On(s.C("album_id"), t.C("id"))
		}),
		"distinct by a predicate": raw(func(s *sql.Selector) { s.Distinct() }),
		"limit by a predicate":    raw(func(s *sql.Selector) { s.Limit(3) }),
		"an order by a predicate": raw(func(s *sql.Selector) { s.OrderBy("stock") }),
		"grouped by a predicate":  raw(func(s *sql.Selector) { s.GroupBy("stock") }),
		"another column":          raw(func(s *sql.Selector) { s.AppendSelect("1 AS one") }),
		"another expression column": raw(func(s *sql.Selector) {
			s.AppendSelectExprAs(sql.Raw("stock + 1"), "more")
		}),
		"a lock by a predicate": raw(func(s *sql.Selector) {
			if s.Dialect() == dialect.SQLite {
				s.Having(sql.ExprP("1 = 1"))
				return
			}
			s.ForShare()
		}),
		"a union": raw(func(s *sql.Selector) { s.UnionAll(sql.Select().From(sql.Table("tracks"))) }),

		"a table by another name": raw(func(s *sql.Selector) { s.Table().As("x") }),
		"a table by yet another":  raw(func(s *sql.Selector) { s.Table().As("y") }),
		"a table of a schema":     raw(func(s *sql.Selector) { s.Table().Schema("x") }),
		"a table without quotes":  raw(func(s *sql.Selector) { s.Table().Unquote() }),
		"another table":           raw(func(s *sql.Selector) { s.From(sql.Table("albums")) }),
		"one more table":          raw(func(s *sql.Selector) { s.AppendFrom(sql.Table("albums")) }),
		"from an expression":      raw(func(s *sql.Selector) { s.FromExpr(sql.Raw("albums")) }),
		"offset by a predicate":   raw(func(s *sql.Selector) { s.Limit(3).Offset(3) }),
		"a prefix by a predicate": raw(func(s *sql.Selector) { s.Prefix(sql.Raw("EXPLAIN")) }),
		"having by a predicate":   raw(func(s *sql.Selector) { s.GroupBy("stock").Having(sql.GT("stock", 1)) }),
		"an intersection":         raw(func(s *sql.Selector) { s.Union(sql.Select().From(sql.Table("tracks"))) }),
		"selected by a predicate": raw(func(s *sql.Selector) { s.Select("name") }),
		"a count by a predicate":  raw(func(s *sql.Selector) { s.Count() }),
		"or by a predicate":       raw(func(s *sql.Selector) { s.Where(sql.EQ("name", "a")).Or().Where(sql.EQ("stock", 2)) }),
		"not by a predicate":      raw(func(s *sql.Selector) { s.Not().Where(sql.EQ("name", "a")) }),
		"another dialect":         raw(func(s *sql.Selector) { s.SetDialect("other"); s.Where(sql.EQ("name", "a")) }),
		"a join and a condition": raw(func(s *sql.Selector) {
			t := sql.Table("albums")
			s.Join(t).On(s.C("album_id"), t.C("id")).Where(sql.EQ("name", "a"))
		}),
		"a join on a condition":      raw(func(s *sql.Selector) { t := sql.Table("albums"); s.Join(t).OnP(sql.EQ("name", "a")) }),
		"no condition in particular": raw(func(s *sql.Selector) { s.Where(sql.P()) }),
		"a condition as an order":    raw(func(s *sql.Selector) { s.OrderExpr(sql.EQ("name", "a")) }),
		"arguments of both": raw(func(s *sql.Selector) {
			s.Where(sql.EQ("name", "a")).OrderExpr(sql.EQ("name", "b"))
		}),
		"arguments of both, exchanged": raw(func(s *sql.Selector) {
			s.Where(sql.EQ("name", "b")).OrderExpr(sql.EQ("name", "a"))
		}),
		"two terms":         raw(func(s *sql.Selector) { s.OrderBy("name", "composer") }),
		"two terms in one":  raw(func(s *sql.Selector) { s.OrderExpr(sql.Raw("name, composer")) }),
		"a term for a name": raw(func(s *sql.Selector) { s.OrderExpr(sql.Raw("name")) }),
		"an order while another is rendered": raw(func(s *sql.Selector) {
			s.Where(sql.P(func(b *sql.Builder) { b.WriteString("1 = 1"); s.OrderBy("composer") }))
		}),

		"order":                         order(track.ByName()),
		"order by another":              order(track.ByStock()),
		"order, falling":                order(track.ByName(sql.OrderDesc())),
		"order, nulls first":            order(track.ByName(sql.OrderNullsFirst())),
		"order, nulls last":             order(track.ByName(sql.OrderNullsLast())),
		"order by two":                  order(track.ByName(), track.ByStock()),
		"order by two, exchanged":       order(track.ByStock(), track.ByName()),
		"order by a count":              order(track.ByPlaylistsCount()),
		"order by another count":        order(track.ByInvoiceLinesCount()),
		"order by a count, selected":    order(track.ByPlaylistsCount(sql.OrderSelected())),
		"order by a count, selected as": order(track.ByPlaylistsCount(sql.OrderSelectAs("n"))),
		"order by a neighbour":          order(track.ByAlbumField("title")),
		"order by another of its":       order(track.ByAlbumField("id")),
		"order by a sum":                order(track.ByPlaylists(sql.OrderBySum("id"))),
		"order by an expression":        order(track.OrderOption(func(s *sql.Selector) { s.OrderExpr(sql.Raw("length(name)")) })),
		"order by an argument":          order(track.OrderOption(func(s *sql.Selector) { s.OrderExpr(sql.ExprP("stock = ?", 1)) })),
		"order by another argument":     order(track.OrderOption(func(s *sql.Selector) { s.OrderExpr(sql.ExprP("stock = ?", 2)) })),

		"limit":            q(func(q *shop.TrackQuery) { q.Limit(1) }),
		"another limit":    q(func(q *shop.TrackQuery) { q.Limit(2) }),
		"offset":           q(func(q *shop.TrackQuery) { q.Offset(1) }),
		"another offset":   q(func(q *shop.TrackQuery) { q.Offset(2) }),
		"limit and offset": q(func(q *shop.TrackQuery) { q.Limit(1).Offset(1) }),
		"unique":           q(func(q *shop.TrackQuery) { q.Unique(true) }),
		"not unique":       q(func(q *shop.TrackQuery) { q.Unique(false) }),
		"fields":           q(func(q *shop.TrackQuery) { q.Select("name") }),
		"other fields":     q(func(q *shop.TrackQuery) { q.Select("stock") }),
		"two fields":       q(func(q *shop.TrackQuery) { q.Select("name", "stock") }),

		"edge":                       album_(),
		"another edge":               q(func(q *shop.TrackQuery) { q.WithGenre() }),
		"two edges":                  q(func(q *shop.TrackQuery) { q.WithGenre().WithAlbum() }),
		"edge with a predicate":      album_(func(q *shop.AlbumQuery) { q.Where(album.ID(1)) }),
		"edge with another argument": album_(func(q *shop.AlbumQuery) { q.Where(album.ID(2)) }),
		"edge with fields":           album_(func(q *shop.AlbumQuery) { q.Select("title") }),
		"edge with a limit":          lists(func(q *shop.PlaylistQuery) { q.Limit(1) }),
		"edge with another limit":    lists(func(q *shop.PlaylistQuery) { q.Limit(2) }),
		"edge with an offset":        lists(func(q *shop.PlaylistQuery) { q.Offset(1) }),
		"edge, ordered":              lists(func(q *shop.PlaylistQuery) { q.Order(playlist.ByName()) }),
		"edge, ordered, falling":     lists(func(q *shop.PlaylistQuery) { q.Order(playlist.ByName(sql.OrderDesc())) }),
		"edge, not unique":           lists(func(q *shop.PlaylistQuery) { q.Unique(false) }),
		"edge to many":               lists(),
		"edge of an edge":            album_(func(q *shop.AlbumQuery) { q.WithArtist() }),
		"another edge of an edge":    album_(func(q *shop.AlbumQuery) { q.WithTracks() }),
		"edge of an edge with":       album_(func(q *shop.AlbumQuery) { q.WithArtist(func(q *shop.ArtistQuery) { q.Where(artist.Name("a")) }) }),
		"edge of an edge with 2":     album_(func(q *shop.AlbumQuery) { q.WithArtist(func(q *shop.ArtistQuery) { q.Where(artist.Name("b")) }) }),
		"named edge":                 q(func(q *shop.TrackQuery) { q.WithNamedPlaylists("a") }),
		"named edge, another name":   q(func(q *shop.TrackQuery) { q.WithNamedPlaylists("b") }),
		"named edge, no name":        q(func(q *shop.TrackQuery) { q.WithNamedPlaylists("") }),
		"two named edges":            q(func(q *shop.TrackQuery) { q.WithNamedPlaylists("a").WithNamedPlaylists("b") }),
		"another named edge":         q(func(q *shop.TrackQuery) { q.WithNamedInvoiceLines("a") }),
		"named and unnamed edge":     q(func(q *shop.TrackQuery) { q.WithNamedPlaylists("a").WithPlaylists() }),
		"named edge with a predicate": q(func(q *shop.TrackQuery) {
			q.WithNamedPlaylists("a", func(q *shop.PlaylistQuery) { q.Where(playlist.ID(1)) })
		}),

		"path":                  func() *shop.TrackQuery { return c.Album.Query().QueryTracks() },
		"path, not unique":      func() *shop.TrackQuery { return c.Album.Query().QueryTracks().Unique(false) },
		"path from a predicate": func() *shop.TrackQuery { return c.Album.Query().Where(album.ID(1)).QueryTracks() },
		"path from another":     func() *shop.TrackQuery { return c.Album.Query().Where(album.ID(2)).QueryTracks() },
		"path from below":       func() *shop.TrackQuery { return c.Artist.Query().QueryAlbums().Where(album.IDLT(1)).QueryTracks() },
		"path from above":       func() *shop.TrackQuery { return c.Artist.Query().QueryAlbums().Where(album.IDGT(1)).QueryTracks() },
		"path to below":         func() *shop.TrackQuery { return c.Album.Query().QueryTracks().Where(track.IDLT(1)) },
		"path to above":         func() *shop.TrackQuery { return c.Album.Query().QueryTracks().Where(track.IDGT(1)) },
		"path from a limit":     func() *shop.TrackQuery { return c.Album.Query().Limit(1).QueryTracks() },
		"path from an order":    func() *shop.TrackQuery { return c.Album.Query().Order(album.ByTitle()).Limit(1).QueryTracks() },
		"path with a predicate": func() *shop.TrackQuery { return c.Album.Query().QueryTracks().Where(track.ID(1)) },
		"path by another edge":  func() *shop.TrackQuery { return c.Genre.Query().QueryTracks() },
		"path by a list":        func() *shop.TrackQuery { return c.Playlist.Query().QueryTracks() },
		"longer path":           func() *shop.TrackQuery { return c.Artist.Query().QueryAlbums().QueryTracks() },
	}
	return m
}

// run runs a query in each way whose result can be kept.
var runs = map[string]func(context.Context, *shop.TrackQuery) error{
	"All":     func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.All(ctx); return err },
	"First":   func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.First(ctx); return err },
	"Only":    func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.Only(ctx); return err },
	"IDs":     func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.IDs(ctx); return err },
	"FirstID": func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.FirstID(ctx); return err },
	"OnlyID":  func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.OnlyID(ctx); return err },
	"Exist":   func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.Exist(ctx); return err },
	"Count":   func(ctx context.Context, q *shop.TrackQuery) error { _, err := q.Count(ctx); return err },
}

func TestFingerprintsDiffer(t *testing.T) {
	for _, dialectName := range []string{dialect.SQLite, dialect.Postgres, dialect.MySQL} {
		l := newLook(t)
		client := shop.NewClient(shop.Driver(sql.OpenDB(dialectName, nil)))
		client.Intercept(l)
		seen := make(map[string]string)
		for name, build := range tracks(client) {
			print := l.of(t, func() error { return runs["All"](t.Context(), build()) })
			require.Equal(t, print, l.of(t, func() error { return runs["All"](t.Context(), build()) }), name)
			if other, ok := seen[print]; ok {
				t.Errorf("%s: %q and %q have one fingerprint", dialectName, name, other)
			}
			seen[print] = name
		}
	}
}

// Every operation tells queries apart by their predicates and arguments; those
// that load no edges don't tell them apart by edges.
func TestFingerprintsOfOperations(t *testing.T) {
	l := newLook(t)
	client := shop.NewClient(shop.Driver(sql.OpenDB(dialect.SQLite, nil)))
	client.Intercept(l)
	seen := make(map[string]string)
	for name, run := range runs {
		of := func(build func(*shop.TrackQuery)) string {
			return l.of(t, func() error {
				q := client.Track.Query()
				build(q)
				return run(t.Context(), q)
			})
		}
		for argument := range 3 {
			print := of(func(q *shop.TrackQuery) { q.Where(track.Stock(argument)) })
			require.Empty(t, seen[print], name)
			seen[print] = name
		}
		edges := name == "All" || name == "First" || name == "Only"
		plain, loads := of(func(*shop.TrackQuery) {}), of(func(q *shop.TrackQuery) { q.WithAlbum() })
		require.Equal(t, edges, plain != loads, name)
		require.NotEqual(t, plain, of(func(q *shop.TrackQuery) { q.Unique(true) }), name)
		if name != "Count" {
			require.NotEqual(t, plain, of(func(q *shop.TrackQuery) { q.Order(track.ByName()) }), name)
		}
	}
}

func TestFingerprintsOfSchemas(t *testing.T) {
	seen := make(map[string]bool)
	for _, config := range []schemaconfig.SchemaConfig{
		{}, {User: "a"}, {User: "b"}, {Pet: "a"}, {UserGroups: "a"}, {User: "a", Pet: "a"},
	} {
		l := newLook(t)
		client := schemaconfig.NewClient(schemaconfig.Driver(sql.OpenDB(dialect.Postgres, nil)), schemaconfig.AlternateSchema(config))
		client.Intercept(l)
		for name, q := range map[string]*schemaconfig.UserQuery{
			"plain":     client.User.Query(),
			"predicate": client.User.Query().Where(user.HasPets()),
			"edge":      client.User.Query().WithGroups(),
		} {
			print := l.of(t, func() error { _, err := q.All(t.Context()); return err })
			require.False(t, seen[print], "%s of %+v", name, config)
			seen[print] = true
		}
	}
	l := newLook(t)
	drv := sql.OpenDB(dialect.Postgres, nil)
	a := schemaconfig.NewClient(schemaconfig.Driver(drv), schemaconfig.AlternateSchema(schemaconfig.SchemaConfig{Pet: "a"}))
	b := schemaconfig.NewClient(schemaconfig.Driver(drv))
	a.Intercept(l)
	b.Intercept(l)
	require.Equal(t, "an edge is loaded through another client", l.refusal(t, func() error {
		_, err := b.User.Query().WithPets(func(q *schemaconfig.PetQuery) { *q = *a.Pet.Query() }).All(t.Context())
		return err
	}))
}

func TestNoFingerprint(t *testing.T) {
	l := newLook(t)
	drv := sql.OpenDB(dialect.SQLite, nil)
	client := shop.NewClient(shop.Driver(drv))
	client.Intercept(l)
	other := shop.NewClient(shop.Driver(sql.OpenDB(dialect.SQLite, nil)))
	other.Intercept(l)
	lone := shop.NewClient(shop.Driver(drv))
	lone.Track.Intercept(l)
	passing := ent.InterceptFunc(func(next ent.Querier) ent.Querier { return next })
	traversing := ent.TraverseFunc(func(context.Context, ent.Query) error { return nil })
	mine := &later{}

	with := func(inters ...ent.Interceptor) *shop.Client {
		c := shop.NewClient(shop.Driver(drv))
		c.Intercept(inters...)
		return c
	}
	partly := with(l)
	partly.Artist.Intercept(mine)
	all := func(q *shop.TrackQuery) func() error {
		return func() error { _, err := q.All(t.Context()); return err }
	}
	ids := func(q *shop.TrackQuery) func() error {
		return func() error { _, err := q.IDs(t.Context()); return err }
	}
	const changing = "a predicate or the order changes the statement while it is rendered"
	tests := map[string]struct {
		run  func() error
		want string
	}{
		"nothing special": {all(client.Track.Query()), ""},
		"modifier":        {all(client.Track.Query().Modify(func(*sql.Selector) {}).TrackQuery), "the query has modifiers or locks rows"},
		"lock":            {all(client.Track.Query().ForUpdate()), "the query has modifiers or locks rows"},
		"modifier of an edge": {all(client.Track.Query().WithAlbum(func(q *shop.AlbumQuery) { q.Modify(func(*sql.Selector) {}) })),
			"the query has modifiers or locks rows"},
		"predicate with an error": {all(client.Track.Query().Where(func(s *sql.Selector) { s.AddError(errors.New("no")) })),
			"a predicate or the order has an error"},
		"predicate with an error when it is rendered": {all(client.Track.Query().Where(func(s *sql.Selector) {
			s.Where(sql.P(func(b *sql.Builder) { b.AddError(errors.New("no")) }))
		})), "a predicate or the order has an error"},
		"order with an error when it is rendered": {all(client.Track.Query().Order(func(s *sql.Selector) {
			s.OrderExpr(sql.P(func(b *sql.Builder) { b.AddError(errors.New("no")) }))
		})), "a predicate or the order has an error"},
		"limit when a predicate is rendered": {all(client.Track.Query().Where(func(s *sql.Selector) {
			s.Where(sql.P(func(b *sql.Builder) { b.WriteString("1 = 1"); s.Limit(3) }))
		})), changing},
		"column when a predicate is rendered": {all(client.Track.Query().Where(func(s *sql.Selector) {
			s.Where(sql.P(func(b *sql.Builder) { b.WriteString("1 = 1"); s.AppendSelect("1") }))
		})), changing},
		"table's name when the order is rendered": {all(client.Track.Query().Order(func(s *sql.Selector) {
			s.OrderExpr(sql.P(func(b *sql.Builder) { b.Ident("name"); s.Table().As("x") }))
		})), changing},
		"argument of an unknown kind": {all(client.Track.Query().Where(func(s *sql.Selector) { s.Where(sql.EQ("name", struct{ a int }{1})) })),
			"an argument has no form that a key can be built from"},
		"edge of another client": {all(client.Track.Query().WithAlbum(func(q *shop.AlbumQuery) { *q = *other.Album.Query() })),
			"an edge is loaded through another client"},
		"edge of a client of the same database": {all(client.Track.Query().WithAlbum(func(q *shop.AlbumQuery) { *q = *with(l).Album.Query() })),
			"an edge is loaded through another client"},
		"edge without the cache": {all(lone.Track.Query().WithAlbum()),
			"the cache isn't among the interceptors of an edge"},
		"scan": {func() error {
			return client.Track.Query().Select("name").Scan(t.Context(), new([]string))
		}, "the operation returns what the caller scans"},
		"group": {func() error {
			return client.Track.Query().GroupBy("name").Scan(t.Context(), new([]string))
		}, "the operation returns what the caller scans"},

		"interceptor before":        {all(with(passing, l).Track.Query()), ""},
		"interceptor before, ids":   {ids(with(passing, l).Track.Query()), "an interceptor stands before the cache"},
		"interceptor after":         {all(with(l, mine).Track.Query()), "an interceptor stands between the cache and the query"},
		"interceptor that may pass": {all(with(l, passing).Track.Query()), "an interceptor stands between the cache and the query"},
		"traversal before":          {all(with(traversing, l).Track.Query()), ""},
		"traversal before, ids":     {ids(with(traversing, l).Track.Query()), ""},
		"traversal after":           {all(with(l, traversing).Track.Query()), ""},
		"the cache twice":           {all(with(l, l).Track.Query()), ""},
		"interceptor of an edge":    {all(with(mine, l).Track.Query().WithAlbum()), "an edge has interceptors of its own"},
		"traversal of an edge":      {all(with(traversing, l).Track.Query().WithAlbum()), "an edge has interceptors of its own"},
		"one of an edge of an edge": {all(partly.Track.Query().WithAlbum(func(q *shop.AlbumQuery) { q.WithArtist() })), "an edge has interceptors of its own"},
	}
	for name, tt := range tests {
		require.Equal(t, tt.want, l.refusal(t, tt.run), name)
	}
}

// later is an interceptor.
type later struct{}

func (*later) Intercept(next ent.Querier) ent.Querier { return next }

// A predicate may look at the context that the query runs under.
func TestFingerprintSeesTheContext(t *testing.T) {
	type key struct{}
	l := newLook(t)
	client := fields.NewClient(fields.Driver(sql.OpenDB(dialect.SQLite, nil)))
	client.Intercept(l)
	of := func(who string) string {
		ctx := context.WithValue(t.Context(), key{}, who)
		return l.of(t, func() error {
			_, err := client.Item.Query().Where(func(s *sql.Selector) {
				s.Where(sql.EQ(item.FieldName, s.Context().Value(key{})))
			}).All(ctx)
			return err
		})
	}
	require.Equal(t, of("a"), of("a"))
	require.NotEqual(t, of("a"), of("b"))
}
