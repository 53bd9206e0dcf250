package traps

import (
	"context"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"

	view "github.com/entcache/ent-cache/internal/schemas/view/ent"
	"github.com/entcache/ent-cache/internal/testdb"
)

// A view changes when the tables change that it says it reads, through another
// view too; one that says nothing isn't cached.
func TestTrap_Views(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newWorld(t, name, func(d dialect.Driver) *view.Client { return view.NewClient(view.Driver(d)) },
			func(c *view.Client) error { return c.Schema.Create(t.Context()) })
		ctx := t.Context()
		for _, stmt := range []string{
			"CREATE VIEW clean_users AS SELECT id, name FROM users WHERE active",
			"CREATE VIEW pet_counts AS SELECT u.name AS name, COUNT(p.id) AS pets FROM clean_users u JOIN pets p ON p.owner_id = u.id GROUP BY u.name",
			"CREATE VIEW pet_names AS SELECT name FROM pets",
		} {
			w.exec(stmt)
		}
		u := w.plain.User.Create().SetName("a").SetPassword("p").SaveX(ctx)
		pet := w.plain.Pet.Create().SetName("rex").SetOwner(u).SaveX(ctx)
		clean := w.watch("view", func(ctx context.Context, c *view.Client) string {
			return show(c.CleanUser.Query().AllX(ctx), func(u *view.CleanUser) string { return u.Name })
		})
		counts := w.watch("view over a view", func(ctx context.Context, c *view.Client) string {
			return show(c.PetCount.Query().AllX(ctx), func(p *view.PetCount) string { return fmt.Sprint(p.Name, p.Pets) })
		})
		n := w.watch("count of a view", func(ctx context.Context, c *view.Client) string {
			return fmt.Sprint(c.PetCount.Query().CountX(ctx))
		})
		bypasses(t, ctx, noPolicy, func(ctx context.Context) { w.cached.PetName.Query().AllX(ctx) })

		w.cached.User.UpdateOne(u).SetName("b").ExecX(ctx)
		clean.changed()
		counts.changed()
		w.cached.Pet.Create().SetName("pip").SetOwner(u).ExecX(ctx)
		clean.kept()
		counts.changed()
		w.cached.Pet.UpdateOne(pet).ClearOwner().ExecX(ctx)
		counts.changed()
		w.cached.User.Update().SetActive(false).ExecX(ctx)
		clean.changed()
		counts.changed()
		n.changed()
		w.cached.User.UpdateOne(u).SetActive(true).ExecX(ctx)
		clean.changed()
		counts.changed()
		n.changed()
		w.cached.User.DeleteOne(u).ExecX(ctx)
		clean.changed()
		counts.changed()
		n.changed()
	})
}
