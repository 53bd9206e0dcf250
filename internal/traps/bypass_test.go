package traps

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/playlist"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/testdb"
)

// Session variables decide what a database returns.
func TestTrap_T13_SessionVariables(t *testing.T) {
	// SQLite has none.
	for _, name := range []string{dialect.Postgres, dialect.MySQL} {
		t.Run(name, func(t *testing.T) {
			w := newStore(t, name)
			variable := map[string]string{dialect.Postgres: "shop.tenant", dialect.MySQL: "lc_time_names"}[name]
			ctx := entsql.WithVar(t.Context(), variable, map[string]string{dialect.Postgres: "a", dialect.MySQL: "de_DE"}[name])
			bypasses(t, ctx, cache.SessionVars, func(ctx context.Context) { w.cached.Track.Query().AllX(ctx) })
			bypasses(t, ctx, cache.SessionVars, func(ctx context.Context) { w.cached.Track.Query().CountX(ctx) })
		})
	}
}

// Rows that are read to be written are locked by the database.
func TestTrap_T13_LockingReads(t *testing.T) {
	for _, name := range []string{dialect.Postgres, dialect.MySQL} {
		t.Run(name, func(t *testing.T) {
			w := newStore(t, name)
			ctx := t.Context()
			w.cached.Track.Query().Where(track.ID(1)).OnlyX(ctx)
			bypasses(t, ctx, cache.Locking, func(ctx context.Context) { w.cached.Track.Query().Where(track.ID(1)).ForUpdate().OnlyX(ctx) })
			var clause []entsql.LockOption
			if name == dialect.MySQL {
				clause = append(clause, entsql.WithLockClause("LOCK IN SHARE MODE")) // MariaDB has no other
			}
			bypasses(t, ctx, cache.Locking, func(ctx context.Context) {
				w.cached.Track.Query().Where(track.ID(1)).ForShare(clause...).OnlyX(ctx)
			})
			tx, err := w.cached.Tx(ctx)
			require.NoError(t, err)
			bypasses(t, ctx, cache.InTransaction, func(ctx context.Context) { tx.Track.Query().Where(track.ID(1)).ForUpdate().OnlyX(ctx) })
			require.NoError(t, tx.Rollback())
		})
	}
}

// What differs from call to call isn't cached.
func TestTrap_T13_VolatileReads(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		now := map[string]string{dialect.SQLite: "datetime('now')", dialect.Postgres: "now()", dialect.MySQL: "now()"}[name]
		random := map[string]string{dialect.SQLite: "random()", dialect.Postgres: "random()", dialect.MySQL: "rand()"}[name]
		for what, modify := range map[string]func(*sqlSelector){
			"now":               func(s *sqlSelector) { s.Where(entsql.ExprP("updated_at <= " + now)) },
			"current_timestamp": func(s *sqlSelector) { s.Where(entsql.ExprP("updated_at <= CURRENT_TIMESTAMP")) },
			"random":            func(s *sqlSelector) { s.Where(entsql.ExprP(random + " <= 2")) },
			"random order":      func(s *sqlSelector) { entsql.OrderByRand()(s) },
		} {
			t.Run(what, func(t *testing.T) {
				bypasses(t, ctx, cache.Volatile, func(ctx context.Context) { w.cached.Track.Query().Where(track.And(modify)).AllX(ctx) })
			})
		}
		if name != dialect.MySQL {
			bypasses(t, ctx, cache.Volatile, func(ctx context.Context) {
				w.cached.Track.Query().Where(track.Name("now")).AllX(ctx)
			})
		}
		bypasses(t, ctx, cache.UnknownTable, func(ctx context.Context) {
			w.cached.Track.Query().Where(func(s *sqlSelector) {
				s.Where(entsql.ExprP("EXISTS (SELECT 1 FROM " + catalog[name] + ")"))
			}).AllX(ctx)
		})
	})
}

// catalog is a table of each database that is in no schema.
var catalog = map[string]string{
	dialect.SQLite: "sqlite_master", dialect.Postgres: "pg_catalog.pg_class", dialect.MySQL: "information_schema.tables",
}

// Raw predicates and modifiers that can be accounted for are cached, and what
// they name is a dependency.
func TestTrap_T13_RawPredicates(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		x := w.watch("tracks of genres by name", func(ctx context.Context, c *store.Client) string {
			return sorted(c.Track.Query().Where(func(s *sqlSelector) {
				s.Where(entsql.ExprP("genre_id IN (SELECT id FROM genres WHERE upper(name) = 'JAZZ')"))
			}).IDsX(ctx))
		})
		ctx := t.Context()
		w.cached.Genre.UpdateOneID(1).SetName("blues").ExecX(ctx)
		x.changed()
		w.cached.Genre.UpdateOneID(2).SetName("Jazz").ExecX(ctx)
		x.changed()
	})
}

// A type that is cached on demand, an operation the policy leaves out, Skip.
func TestTrap_ReadsThatAreNotAskedFor(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	bypasses(t, ctx, cache.OpExcluded, func(ctx context.Context) { w.cached.Employee.Query().IDsX(ctx) })
	w.cached.Employee.Query().IDsX(entcache.Cache(ctx))
	hits(t, entcache.Cache(ctx), func(ctx context.Context) { w.cached.Employee.Query().IDsX(ctx) })
	w.cached.Track.GetX(ctx, 1)
	bypasses(t, entcache.Skip(ctx), cache.Skipped, func(ctx context.Context) { w.cached.Track.GetX(ctx, 1) })
	hits(t, ctx, func(ctx context.Context) { w.cached.Track.GetX(ctx, 1) })
}

// A result past the policy's bound is whole and isn't stored.
func TestTrap_ResultsPastTheBoundAreWhole(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		const n = 5001 // Playlist has MaxRows 5000
		for i := 0; i < n; i += 1000 {
			bulk := make([]*store.PlaylistCreate, 0, 1000)
			for j := i; j < min(i+1000, n); j++ {
				bulk = append(bulk, w.plain.Playlist.Create().SetName(fmt.Sprint(j)))
			}
			w.plain.Playlist.CreateBulk(bulk...).ExecX(ctx)
		}
		for range 2 {
			list := explain(t, ctx, func(ctx context.Context) {
				require.Len(t, w.cached.Playlist.Query().AllX(ctx), n+1)
			})
			require.Equal(t, cache.Refused, list[0].Outcome)
			require.Equal(t, cache.TooLarge, list[0].Reason)
		}
		require.Equal(t, w.plain.Playlist.Query().Order(playlist.ByID()).AllX(ctx)[n].Name, w.cached.Playlist.Query().Order(playlist.ByID()).AllX(ctx)[n].Name)
		require.Len(t, w.cached.Playlist.Query().Limit(5000).AllX(ctx), 5000)
		hits(t, ctx, func(ctx context.Context) { require.Len(t, w.cached.Playlist.Query().Limit(5000).AllX(ctx), 5000) })
		// The database is free for others when a large result has been read.
		w.cached.Playlist.UpdateOneID(1).SetName("renamed").ExecX(ctx)
	})
}

// Past the bound of bytes, too.
func TestTrap_OversizeValues(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	w.plain.Track.Update().SetComposer(string(make([]byte, 1<<20))).ExecX(ctx)
	for range 2 {
		list := explain(t, ctx, func(ctx context.Context) {
			require.Len(t, w.cached.Track.GetX(ctx, 1).Composer, 1<<20)
		})
		require.Equal(t, cache.TooLarge, list[0].Reason)
	}
}

// faulty is a driver whose rows can be made to fail.
type faulty struct {
	dialect.Driver
	query error // instead of the rows
	after int   // rows before one fails, if it isn't negative
	err   error
}

func (f *faulty) Unwrap() dialect.Driver { return f.Driver }

func (f *faulty) Query(ctx context.Context, query string, args, v any) error {
	if f.query != nil {
		return f.query
	}
	if err := f.Driver.Query(ctx, query, args, v); err != nil {
		return err
	}
	if f.err != nil {
		rows := v.(*entsql.Rows)
		rows.ColumnScanner = &failingRows{ColumnScanner: rows.ColumnScanner, left: f.after, err: f.err}
	}
	return nil
}

type failingRows struct {
	entsql.ColumnScanner
	left int
	err  error
}

func (r *failingRows) Next() bool {
	if r.left == 0 {
		return false
	}
	r.left--
	return r.ColumnScanner.Next()
}

func (r *failingRows) Err() error { return r.err }

// Errors, and rows that ended with one, are the caller's and nobody else's.
func TestTrap_FailuresAreNeverCached(t *testing.T) {
	w := newStore(t, dialect.SQLite)
	ctx := t.Context()
	boom := errors.New("boom")
	f := &faulty{Driver: w.drv}
	c := openStore(f)
	c.Intercept(w.handle.Interceptor())

	f.query = boom
	for range 2 {
		_, err := c.Track.Query().All(ctx)
		require.ErrorIs(t, err, boom)
	}
	f.query, f.err, f.after = nil, boom, 2
	for range 2 {
		_, err := c.Track.Query().All(ctx)
		require.ErrorIs(t, err, boom)
		_, err = c.Track.Query().Count(ctx)
		require.ErrorIs(t, err, boom)
	}
	f.err = nil
	require.Len(t, c.Track.Query().AllX(ctx), 3)
	hits(t, ctx, func(ctx context.Context) { require.Len(t, c.Track.Query().AllX(ctx), 3) })

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := c.Track.Query().All(cancelled)
	require.ErrorIs(t, err, context.Canceled, "a hit answers a cancelled context as the database does")
	_, err = c.Track.Query().Where(func(s *sqlSelector) { s.Where(entsql.ExprP("no_such_column = 1")) }).All(ctx)
	require.Error(t, err)
}

// Times that are arguments are told apart to the nanosecond and by their zone.
func TestTrap_ArgumentsAreToldApart(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		ctx := t.Context()
		at := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)
		w.plain.Track.Update().Where(track.ID(1)).SetUpdatedAt(at).ExecX(ctx)
		for _, v := range []time.Time{at, at.Add(time.Microsecond), at.Add(-time.Microsecond), at.Add(time.Hour)} {
			for range 2 {
				require.Equal(t, sorted(w.plain.Track.Query().Where(track.UpdatedAtLT(v)).IDsX(ctx)),
					sorted(w.cached.Track.Query().Where(track.UpdatedAtLT(v)).IDsX(ctx)))
			}
		}
		for _, v := range []any{1, "1", true, 1.0, int64(1), nil, ""} {
			p := func(s *sqlSelector) { s.Where(entsql.P(func(b *entsql.Builder) { b.WriteString("1 = ").Arg(v) })) }
			want, wantErr := w.plain.Track.Query().Where(p).IDs(ctx)
			got, err := w.cached.Track.Query().Where(p).IDs(ctx)
			require.Equal(t, wantErr == nil, err == nil, "%v", v)
			require.Equal(t, sorted(want), sorted(got), "%v", v)
		}
	})
}
