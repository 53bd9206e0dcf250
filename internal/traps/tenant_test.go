package traps

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
	privacy "github.com/entcache/ent-cache/internal/schemas/privacy/ent"
	entprivacy "github.com/entcache/ent-cache/internal/schemas/privacy/ent/privacy"
	_ "github.com/entcache/ent-cache/internal/schemas/privacy/ent/runtime"
	"github.com/entcache/ent-cache/internal/schemas/privacy/ent/user"
	"github.com/entcache/ent-cache/internal/schemas/privacy/viewer"
	schemaconfig "github.com/entcache/ent-cache/internal/schemas/schemaconfig/ent"
	scuser "github.com/entcache/ent-cache/internal/schemas/schemaconfig/ent/user"
	tenant "github.com/entcache/ent-cache/internal/schemas/tenant/ent"
	tgroup "github.com/entcache/ent-cache/internal/schemas/tenant/ent/group"
	"github.com/entcache/ent-cache/internal/schemas/tenant/tenancy"
	"github.com/entcache/ent-cache/internal/testdb"
)

type genreKey struct{}

// asGenre is the context of somebody who may see the tracks of one genre.
func asGenre(ctx context.Context, id int) context.Context {
	return context.WithValue(ctx, genreKey{}, id)
}

func genreOf(ctx context.Context) int { return ctx.Value(genreKey{}).(int) }

// narrowings are the ways in which programs keep viewers apart.
var narrowings = map[string]ent.Interceptor{
	"traverser": ent.TraverseFunc(func(ctx context.Context, q ent.Query) error {
		if q, ok := q.(*store.TrackQuery); ok {
			q.Where(track.GenreID(genreOf(ctx)))
		}
		return nil
	}),
	"interceptor": ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			if q, ok := q.(*store.TrackQuery); ok {
				q.Where(track.GenreID(genreOf(ctx)))
			}
			return next.Query(ctx, q)
		})
	}),
}

// sight is everything a viewer can ask for.
func sight(ctx context.Context, c *store.Client) string {
	ids := func(list []*store.Track) string {
		return show(list, func(t *store.Track) string { return fmt.Sprint(t.ID) })
	}
	var groups []struct {
		GenreID int `json:"genre_id"`
		Count   int `json:"count"`
	}
	c.Track.Query().GroupBy(track.FieldGenreID).Aggregate(store.Count()).ScanX(ctx, &groups)
	first, err := c.Track.Query().Where(track.ID(1)).Only(ctx)
	_, missing := c.Track.Get(ctx, 3)
	al := c.Album.Query().WithTracks().OnlyX(ctx)
	pl := c.Playlist.Query().Where(playlist.ID(1)).WithTracks().OnlyX(ctx)
	return fmt.Sprint(
		ids(c.Track.Query().AllX(ctx)), c.Track.Query().CountX(ctx), sorted(c.Track.Query().IDsX(ctx)),
		sorted(c.Track.Query().Select(track.FieldName).StringsX(ctx)), groups,
		c.Track.Query().Aggregate(store.Sum(track.FieldUnitPrice)).IntX(ctx), c.Track.Query().Where(track.ID(3)).ExistX(ctx),
		c.Track.Query().Order(track.ByID()).FirstIDX(ctx), first, err, missing,
		" album ", ids(al.Edges.Tracks), ids(al.QueryTracks().AllX(ctx)),
		" playlist ", ids(pl.Edges.Tracks), ids(pl.QueryTracks().AllX(ctx)),
		" two levels ", ids(c.Artist.Query().WithAlbums(func(q *store.AlbumQuery) { q.WithTracks() }).OnlyX(ctx).Edges.Albums[0].Edges.Tracks),
		" traversal ", ids(c.Artist.Query().QueryAlbums().QueryTracks().AllX(ctx)),
	)
}

// Nobody sees another's rows, whatever keeps them apart and whenever it was
// registered.
func TestTrap_T17_ViewersInEveryOrderOfRegistration(t *testing.T) {
	for name, narrow := range narrowings {
		for order, place := range map[string]int{"cache first": 0, "cache between": 1, "cache last": 2} {
			t.Run(name+", "+order, func(t *testing.T) {
				testdb.Each(t, func(t *testing.T, db string) {
					w := newStore(t, db)
					w.plain.Playlist.UpdateOneID(1).AddTrackIDs(3).ExecX(t.Context())
					pass := ent.InterceptFunc(func(next ent.Querier) ent.Querier { return next })
					list := slices.Insert([]ent.Interceptor{pass, narrow}, place, w.handle.Interceptor())
					w.plain.Intercept(narrow)
					c := openStore(w.drv)
					c.Intercept(list...)
					w.cached = c
					jazz, rock := asGenre(t.Context(), 1), asGenre(t.Context(), 2)
					require.NotEqual(t, sight(jazz, w.plain), sight(rock, w.plain))
					for range 2 {
						require.Equal(t, sight(jazz, w.plain), sight(jazz, c))
						require.Equal(t, sight(rock, w.plain), sight(rock, c))
					}
					hits(t, jazz, func(ctx context.Context) { sight(ctx, c) })
					hits(t, rock, func(ctx context.Context) { sight(ctx, c) })
					c.Track.Update().Where(track.ID(2)).SetGenreID(2).ExecX(jazz)
					require.Equal(t, sight(jazz, w.plain), sight(jazz, c))
					require.Equal(t, sight(rock, w.plain), sight(rock, c))
				})
			})
		}
	}
}

// An interceptor that takes entities out of what the query returned works on the
// viewer's own copy.
func TestTrap_T14_InterceptorsThatFilterResults(t *testing.T) {
	filter := ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			v, err := next.Query(ctx, q)
			if list, ok := v.([]*store.Track); ok {
				for _, t := range list {
					t.Composer = fmt.Sprint("for ", genreOf(ctx))
				}
				v = slices.DeleteFunc(list, func(t *store.Track) bool { return t.GenreID != genreOf(ctx) })
			}
			return v, err
		})
	})
	for _, place := range []int{0, 1} {
		w := newStore(t, dialect.SQLite)
		c := openStore(w.drv)
		c.Intercept(slices.Insert([]ent.Interceptor{filter}, place, w.handle.Interceptor())...)
		jazz, rock := asGenre(t.Context(), 1), asGenre(t.Context(), 2)
		read := func(ctx context.Context) string {
			return show(c.Track.Query().AllX(ctx), func(t *store.Track) string { return fmt.Sprint(t.ID, " ", t.Composer) })
		}
		for range 3 {
			require.Equal(t, "[1 for 1 2 for 1]", read(jazz))
			require.Equal(t, "[3 for 2]", read(rock))
		}
	}
}

// A policy runs for every query, the queries that load edges too: a hit skips
// none, and a deny denies what an allowed viewer has put into the cache.
func TestTrap_T14_PoliciesRunForHits(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newWorld(t, name, func(d dialect.Driver) *privacy.Client { return privacy.NewClient(privacy.Driver(d)) },
			func(c *privacy.Client) error { return c.Schema.Create(t.Context()) })
		admin := viewer.NewContext(t.Context(), viewer.Viewer{Admin: true})
		var friends []*privacy.User
		for i := range 2 {
			tn := w.plain.Tenant.Create().SetName(fmt.Sprint("tenant ", i+1)).SaveX(admin)
			for j := range 2 {
				u := w.plain.User.Create().SetName(fmt.Sprint("user ", i+1, j+1)).SetTenant(tn).AddFriends(friends...).SaveX(admin)
				w.plain.Note.Create().SetText(fmt.Sprint("secret ", i+1, j+1)).SetTenant(tn).SetAuthor(u).ExecX(admin)
				friends = append(friends, u)
			}
		}
		read := func(ctx context.Context, c *privacy.Client) string {
			name := func(u *privacy.User) string {
				return u.Name + show(u.Edges.Notes, func(n *privacy.Note) string { return n.Text }) +
					show(u.Edges.Friends, func(f *privacy.User) string { return f.Name })
			}
			users, err := c.User.Query().WithNotes().WithFriends().All(ctx)
			tenants, err2 := c.Tenant.Query().WithUsers().WithNotes().All(ctx)
			n, err3 := c.Note.Query().Count(ctx)
			ids, err4 := c.Note.Query().IDs(ctx)
			names, err5 := c.User.Query().Select(user.FieldName).Strings(ctx)
			ok, err6 := c.User.Query().Where(user.Name("user 21")).Exist(ctx)
			deep, err7 := c.User.Query().QueryFriends().QueryNotes().IDs(ctx)
			return fmt.Sprint(show(users, name), show(tenants, func(t *privacy.Tenant) string {
				return t.Name + show(t.Edges.Users, name) + fmt.Sprint(len(t.Edges.Notes))
			}), n, sorted(ids), sorted(names), ok, sorted(deep), err, err2, err3, err4, err5, err6, err7)
		}
		viewers := map[string]context.Context{
			"admin":     admin,
			"1":         viewer.NewContext(t.Context(), viewer.Viewer{Tenant: 1}),
			"2":         viewer.NewContext(t.Context(), viewer.Viewer{Tenant: 2}),
			"no tenant": viewer.NewContext(t.Context(), viewer.Viewer{}),
			"nobody":    t.Context(),
			"allowed":   entprivacy.DecisionContext(t.Context(), entprivacy.Allow),
		}
		order := []string{"admin", "1", "no tenant", "2", "nobody", "allowed", "nobody", "2", "no tenant", "1", "admin"}
		seen := make(map[string]bool)
		for range 2 {
			for _, v := range order {
				want := read(viewers[v], w.plain)
				require.Equal(t, want, read(viewers[v], w.cached), v)
				seen[want] = true
			}
		}
		require.Len(t, seen, 5, "the admin and the allowed one see the same, nobody else")
		for _, v := range []string{"no tenant", "nobody"} {
			_, err := w.cached.User.Query().All(viewers[v])
			require.ErrorIs(t, err, entprivacy.Deny)
			_, err = w.cached.Tenant.Query().WithUsers().All(viewers[v])
			require.ErrorIs(t, err, entprivacy.Deny, "a policy of the children")
		}
		hits(t, viewers["1"], func(ctx context.Context) { read(ctx, w.cached) })

		// What a policy lets a viewer write.
		n, err := w.cached.Note.Update().SetText("changed").Save(viewers["1"])
		require.NoError(t, err)
		require.Equal(t, 2, n)
		for _, v := range order {
			require.Equal(t, read(viewers[v], w.plain), read(viewers[v], w.cached), v)
		}
	})
}

// Interceptors and hooks of a schema's mixin.
func TestTrap_T17_TenantsOfAMixin(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newTenant(t, name)
		a, b := tenancy.NewContext(t.Context(), "a"), tenancy.NewContext(t.Context(), "b")
		var users []*tenant.User
		for _, ctx := range []context.Context{a, b} {
			for i := range 2 {
				u := w.plain.User.Create().SetName(fmt.Sprint(tenancy.FromContext(ctx), i)).SaveX(ctx)
				w.plain.Pet.Create().SetName(fmt.Sprint(tenancy.FromContext(ctx), i)).SetOwner(u).ExecX(ctx)
				users = append(users, u)
			}
		}
		g := w.plain.Group.Create().SetName("all").AddUsers(users...).SaveX(a)
		read := func(ctx context.Context, c *tenant.Client) string {
			name := func(u *tenant.User) string {
				return u.Name + show(u.Edges.Pets, func(p *tenant.Pet) string { return p.Name })
			}
			group := c.Group.Query().Where(tgroup.ID(g.ID)).WithUsers(func(q *tenant.UserQuery) { q.WithPets() }).OnlyX(ctx)
			return fmt.Sprint(show(c.User.Query().WithPets().AllX(ctx), name), show(group.Edges.Users, name),
				c.User.Query().CountX(ctx), c.Pet.Query().ExistX(ctx), sorted(group.QueryUsers().IDsX(ctx)))
		}
		for range 2 {
			for _, ctx := range []context.Context{a, b} {
				require.Equal(t, read(ctx, w.plain), read(ctx, w.cached))
			}
		}
		require.NotEqual(t, read(a, w.cached), read(b, w.cached))
		_, err := w.cached.User.Query().All(t.Context())
		require.ErrorContains(t, err, "no tenant")
		_, err = w.cached.Group.Query().WithUsers().All(t.Context())
		require.ErrorContains(t, err, "no tenant")

		// One tenant's write costs another no entry that is told apart by tenant.
		list := w.watchAs(b, "users of b", func(ctx context.Context, c *tenant.Client) string { return sorted(c.User.Query().IDsX(ctx)) })
		w.cached.User.Create().SetName("a3").ExecX(a)
		if name == dialect.MySQL {
			list.right() // texts are compared by the database's own rules
		} else {
			list.kept()
		}
		require.Equal(t, read(a, w.plain), read(a, w.cached))
	})
}

// The same SQL means another table under another search path.
func TestTrap_T13_SessionVariablesChooseTheTable(t *testing.T) {
	setup := func(t *testing.T, opts ...entcache.Option) *world[*store.Client] {
		w := newStore(t, dialect.Postgres, opts...)
		for i, s := range []string{"tenant_a", "tenant_b"} {
			w.exec("CREATE SCHEMA " + s)
			w.exec("CREATE TABLE " + s + ".tracks (LIKE public.tracks INCLUDING ALL)")
			w.exec(fmt.Sprintf("INSERT INTO %s.tracks SELECT * FROM public.tracks WHERE id = %d", s, i+1))
		}
		return w
	}
	as := func(ctx context.Context, name string) context.Context {
		return entsql.WithVar(ctx, "search_path", name)
	}
	read := func(ctx context.Context, c *store.Client) string {
		return fmt.Sprint(sorted(c.Track.Query().IDsX(ctx)), c.Track.Query().CountX(ctx), c.Track.Query().Where(track.ID(1)).ExistX(ctx),
			show(c.Track.Query().AllX(ctx), func(t *store.Track) string { return t.Name }))
	}
	check := func(t *testing.T, w *world[*store.Client]) {
		a, b := as(t.Context(), "tenant_a"), as(t.Context(), "tenant_b")
		for range 2 {
			for _, ctx := range []context.Context{t.Context(), a, b} {
				require.Equal(t, read(ctx, w.plain), read(ctx, w.cached))
			}
		}
		require.NotEqual(t, read(a, w.cached), read(b, w.cached))
		for _, write := range []func(){
			func() { w.cached.Track.Update().SetName("renamed").ExecX(b) },
			func() { w.cached.Track.DeleteOneID(2).ExecX(b) },
			func() { w.cached.Track.Delete().ExecX(a) },
		} {
			write()
			for _, ctx := range []context.Context{t.Context(), a, b} {
				require.Equal(t, read(ctx, w.plain), read(ctx, w.cached))
			}
			// Nobody else gets the connection as it was.
			require.Equal(t, "[1 2 3]", sorted(w.plain.Track.Query().IDsX(t.Context())))
		}
	}
	t.Run("without VaryBy", func(t *testing.T) {
		w := setup(t)
		check(t, w)
		bypasses(t, as(t.Context(), "tenant_a"), cache.SessionVars, func(ctx context.Context) { read(ctx, w.cached) })
	})
	t.Run("with VaryBy", func(t *testing.T) {
		w := setup(t, entcache.WithVaryBy(func(ctx context.Context) string {
			v, _ := entsql.VarFromContext(ctx, "search_path")
			return v
		}))
		check(t, w)
		a := as(t.Context(), "tenant_a")
		read(a, w.cached)
		hits(t, a, func(ctx context.Context) { read(ctx, w.cached) })
	})
}

// Clients whose tables lie in different database schemas share a cache. Ent
// leaves the schema out of the SQL for SQLite.
func TestTrap_T13_SchemaConfig(t *testing.T) {
	w := newWorld(t, dialect.Postgres, func(d dialect.Driver) *schemaconfig.Client { return schemaconfig.NewClient(schemaconfig.Driver(d)) },
		func(c *schemaconfig.Client) error { return c.Schema.Create(t.Context()) })
	clients := make(map[string][2]*schemaconfig.Client)
	for _, s := range []string{"shop_a", "shop_b"} {
		w.exec("CREATE SCHEMA " + s)
		for _, table := range []string{"users", "pets", "groups", "user_groups"} {
			w.exec(fmt.Sprintf("CREATE TABLE %s.%s (LIKE public.%[2]s INCLUDING ALL)", s, table))
		}
		w.exec(fmt.Sprintf("INSERT INTO %s.users (id, name) VALUES (1, 'user of %[1]s')", s))
		w.exec(fmt.Sprintf("INSERT INTO %s.pets (id, name, owner_id) VALUES (1, 'pet of %[1]s', 1)", s))
		cfg := schemaconfig.SchemaConfig{User: s, Pet: s, Group: s, UserGroups: s}
		var pair [2]*schemaconfig.Client
		for i := range pair {
			pair[i] = schemaconfig.NewClient(schemaconfig.Driver(w.drv), schemaconfig.AlternateSchema(cfg))
		}
		pair[0].Intercept(w.handle.Interceptor())
		clients[s] = pair
	}
	ctx := t.Context()
	read := func(c *schemaconfig.Client) string {
		return show(c.User.Query().Where(scuser.ID(1)).WithPets().WithGroups().AllX(ctx), func(u *schemaconfig.User) string {
			return u.Name + show(u.Edges.Pets, func(p *schemaconfig.Pet) string { return p.Name })
		}) + fmt.Sprint(c.Pet.Query().CountX(ctx))
	}
	check := func() {
		t.Helper()
		for range 2 {
			for s, c := range clients {
				require.Equal(t, read(c[1]), read(c[0]), s)
				require.Contains(t, read(c[0]), "pet of "+s)
			}
		}
	}
	check()
	clients["shop_b"][0].User.UpdateOneID(1).SetName("renamed").ExecX(ctx)
	check()
	clients["shop_a"][0].Pet.Update().SetName("another pet of shop_a").ExecX(ctx)
	check()
}
