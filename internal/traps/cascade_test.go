package traps

import (
	"context"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	cascade "github.com/entcache/ent-cache/internal/schemas/cascade/ent"
	"github.com/entcache/ent-cache/internal/schemas/cascade/ent/department"
	"github.com/entcache/ent-cache/internal/schemas/cascade/ent/person"
	"github.com/entcache/ent-cache/internal/testdb"
)

func newCascade(t *testing.T, name string) *world[*cascade.Client] {
	t.Helper()
	return newWorld(t, name, func(d dialect.Driver) *cascade.Client { return cascade.NewClient(cascade.Driver(d)) },
		func(c *cascade.Client) error { return c.Schema.Create(t.Context()) })
}

// The database deletes rows and clears foreign keys of other tables by itself,
// and goes on from there, in cycles too.
func TestTrap_T12_CascadesOfTheDatabase(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newCascade(t, name)
		ctx, c := t.Context(), w.plain
		var companies []*cascade.Company
		for i := range 2 {
			co := c.Company.Create().SetName(fmt.Sprint("company ", i)).SaveX(ctx)
			d := c.Department.Create().SetName(fmt.Sprint("department ", i)).SetCompany(co).SaveX(ctx)
			boss := c.Person.Create().SetName(fmt.Sprint("boss ", i)).SetDepartment(d).SaveX(ctx)
			c.Person.Create().SetName(fmt.Sprint("student ", i)).SetMentor(boss).ExecX(ctx)
			c.Badge.Create().SetNumber(fmt.Sprint(i)).SetPerson(boss).ExecX(ctx)
			c.Project.Create().SetName(fmt.Sprint("project ", i)).AddPeople(boss).ExecX(ctx)
			companies = append(companies, co)
		}
		watches := []*watch[*cascade.Client]{
			w.watch("departments", func(ctx context.Context, c *cascade.Client) string {
				return show(c.Department.Query().AllX(ctx), func(d *cascade.Department) string { return d.Name })
			}),
			w.watch("department by id", func(ctx context.Context, c *cascade.Client) string {
				return sorted(c.Department.Query().Where(department.ID(1)).IDsX(ctx))
			}),
			w.watch("people", func(ctx context.Context, c *cascade.Client) string {
				return show(c.Person.Query().AllX(ctx), func(p *cascade.Person) string { return p.Name + deref(p.MentorID) })
			}),
			w.watch("students", func(ctx context.Context, c *cascade.Client) string {
				return sorted(c.Person.Query().Where(person.MentorID(1)).IDsX(ctx))
			}),
			w.watch("one student", func(ctx context.Context, c *cascade.Client) string {
				return deref(c.Person.GetX(ctx, 2).MentorID)
			}),
			w.watch("people with a badge", func(ctx context.Context, c *cascade.Client) string {
				return sorted(c.Person.Query().Where(person.HasBadges()).IDsX(ctx))
			}),
			w.watch("projects of people", func(ctx context.Context, c *cascade.Client) string {
				return show(c.Project.Query().WithPeople().AllX(ctx), func(p *cascade.Project) string {
					return fmt.Sprint(p.Name, len(p.Edges.People))
				})
			}),
		}
		w.cached.Company.DeleteOne(companies[0]).ExecX(ctx)
		for _, x := range watches {
			x.changed()
		}
		w.cached.Company.Delete().ExecX(ctx)
		require.Zero(t, w.plain.Department.Query().CountX(ctx))
		for _, x := range watches {
			x.right()
		}
	})
}

// A delete that the database refuses counts as written, and nothing breaks.
func TestTrap_DeleteThatIsRestricted(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newCascade(t, name)
		ctx := t.Context()
		pr := w.plain.Project.Create().SetName("p").SaveX(ctx)
		w.plain.Paper.Create().SetTitle("t").SetProject(pr).ExecX(ctx)
		x := w.watch("projects", func(ctx context.Context, c *cascade.Client) string {
			return sorted(c.Project.Query().IDsX(ctx))
		})
		require.Error(t, w.cached.Project.DeleteOne(pr).Exec(ctx))
		x.right()
		w.cached.Paper.Delete().ExecX(ctx)
		w.cached.Project.DeleteOne(pr).ExecX(ctx)
		x.changed()
	})
}
