// Package schemas_test checks the small schemas below it against real databases:
// that Ent can set them up, and that what the generated code says of them is so.
package schemas_test

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	dbschema "entgo.io/ent/dialect/sql/schema"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	shop "github.com/entcache/ent-cache/ent"
	bidiedges "github.com/entcache/ent-cache/internal/schemas/bidiedges/ent"
	cascade "github.com/entcache/ent-cache/internal/schemas/cascade/ent"
	edgeschema "github.com/entcache/ent-cache/internal/schemas/edgeschema/ent"
	fields "github.com/entcache/ent-cache/internal/schemas/fields/ent"
	ids "github.com/entcache/ent-cache/internal/schemas/ids/ent"
	names "github.com/entcache/ent-cache/internal/schemas/names/ent"
	o2o "github.com/entcache/ent-cache/internal/schemas/o2o/ent"
	privacy "github.com/entcache/ent-cache/internal/schemas/privacy/ent"
	schemaconfig "github.com/entcache/ent-cache/internal/schemas/schemaconfig/ent"
	tenant "github.com/entcache/ent-cache/internal/schemas/tenant/ent"
	upsert "github.com/entcache/ent-cache/internal/schemas/upsert/ent"
	view "github.com/entcache/ent-cache/internal/schemas/view/ent"
	"github.com/entcache/ent-cache/internal/testdb"
)

// create sets a schema up and returns what the generated code says of it.
type create func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error)

type migrator interface {
	Create(ctx context.Context, opts ...dbschema.MigrateOption) error
}

func setUp(ctx context.Context, m migrator, b cache.Builder) (*cache.Schema, error) {
	return b.EntcacheType().Schema, m.Create(ctx)
}

var schemas = map[string]create{
	"shop": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := shop.NewClient(shop.Driver(drv))
		return setUp(ctx, c.Schema, c.Track.Query())
	},
	"bidiedges": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := bidiedges.NewClient(bidiedges.Driver(drv))
		return setUp(ctx, c.Schema, c.User.Query())
	},
	"cascade": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := cascade.NewClient(cascade.Driver(drv))
		return setUp(ctx, c.Schema, c.Company.Query())
	},
	"edgeschema": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := edgeschema.NewClient(edgeschema.Driver(drv))
		return setUp(ctx, c.Schema, c.User.Query())
	},
	"fields": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := fields.NewClient(fields.Driver(drv))
		return setUp(ctx, c.Schema, c.Item.Query())
	},
	"ids": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := ids.NewClient(ids.Driver(drv))
		return setUp(ctx, c.Schema, c.Account.Query())
	},
	"names": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := names.NewClient(names.Driver(drv))
		return setUp(ctx, c.Schema, c.Cache.Query())
	},
	"o2o": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := o2o.NewClient(o2o.Driver(drv))
		return setUp(ctx, c.Schema, c.User.Query())
	},
	"privacy": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := privacy.NewClient(privacy.Driver(drv))
		return setUp(ctx, c.Schema, c.User.Query())
	},
	"schemaconfig": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := schemaconfig.NewClient(schemaconfig.Driver(drv))
		return setUp(ctx, c.Schema, c.User.Query())
	},
	"tenant": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := tenant.NewClient(tenant.Driver(drv))
		return setUp(ctx, c.Schema, c.User.Query())
	},
	"upsert": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := upsert.NewClient(upsert.Driver(drv))
		return setUp(ctx, c.Schema, c.Store.Query())
	},
	"view": func(ctx context.Context, drv dialect.Driver) (*cache.Schema, error) {
		c := view.NewClient(view.Driver(drv))
		return setUp(ctx, c.Schema, c.User.Query())
	},
}

// The generated metadata against the database that Ent made: every table and
// column is known, the primary keys are those of the tables, and what a delete
// reaches through foreign keys is what is declared, no more and no less.
func TestMetadataIsTrue(t *testing.T) {
	testdb.Each(t, func(t *testing.T, dialectName string) {
		for name, create := range schemas {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ctx := t.Context()
				db := testdb.Open(t, dialectName)
				declared, err := create(ctx, entsql.OpenDB(dialectName, db))
				require.NoError(t, err)
				tables := inspect(t, dialectName, db)
				require.NotEmpty(t, tables)
				for _, table := range tables {
					checkTable(t, declared, table)
				}
				checkCascades(t, declared, tables)
			})
		}
	})
}

func inspect(t *testing.T, dialectName string, db *sql.DB) []*schema.Table {
	t.Helper()
	var (
		drv migrate.Driver
		err error
	)
	switch dialectName {
	case dialect.SQLite:
		drv, err = sqlite.Open(db)
	case dialect.Postgres:
		drv, err = postgres.Open(db)
	case dialect.MySQL:
		drv, err = mysql.Open(db)
	}
	require.NoError(t, err)
	s, err := drv.InspectSchema(t.Context(), "", nil)
	require.NoError(t, err)
	return s.Tables
}

func checkTable(t *testing.T, declared *cache.Schema, table *schema.Table) {
	t.Helper()
	d := declared.Table(table.Name)
	require.NotNil(t, d, "table %s isn't declared", table.Name)
	var have, want []string
	for _, c := range d.Columns {
		have = append(have, c.Name)
	}
	for _, c := range table.Columns {
		want = append(want, c.Name)
	}
	require.ElementsMatch(t, want, have, "columns of %s", table.Name)

	have, want = nil, nil
	for _, c := range d.ID {
		have = append(have, c.Name)
	}
	for _, p := range table.PrimaryKey.Parts {
		want = append(want, p.C.Name)
	}
	require.Equal(t, want, have, "primary key of %s", table.Name)

	for _, fk := range table.ForeignKeys {
		for i, c := range fk.Columns {
			require.True(t, d.Column(c.Name).Grouped, "foreign key %s.%s", table.Name, c.Name)
			ref := declared.Table(fk.RefTable.Name).Column(fk.RefColumns[i].Name)
			require.Equal(t, ref.Kind, d.Column(c.Name).Kind, "foreign key %s.%s", table.Name, c.Name)
			require.Equal(t, ref.Exact, d.Column(c.Name).Exact, "foreign key %s.%s", table.Name, c.Name)
		}
	}
}

func checkCascades(t *testing.T, declared *cache.Schema, tables []*schema.Table) {
	t.Helper()
	next := make(map[string][]string)
	for _, table := range tables {
		for _, fk := range table.ForeignKeys {
			switch fk.OnDelete {
			case schema.Cascade, schema.SetNull, schema.SetDefault:
				next[fk.RefTable.Name] = append(next[fk.RefTable.Name], table.Name)
			}
		}
	}
	for _, table := range tables {
		var want []string
		for todo := slices.Clone(next[table.Name]); len(todo) > 0; {
			name := todo[0]
			todo = todo[1:]
			if !slices.Contains(want, name) {
				want = append(want, name)
				todo = append(todo, next[name]...)
			}
		}
		var have []string
		for _, c := range declared.Table(table.Name).Cascade {
			have = append(have, c.Name)
		}
		require.ElementsMatch(t, want, have, "what a delete from %s reaches", table.Name)
	}
}
