package traps

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/dialect/sql/sqljson"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	store "github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/genre"
	"github.com/entcache/ent-cache/ent/track"
	fields "github.com/entcache/ent-cache/internal/schemas/fields/ent"
	"github.com/entcache/ent-cache/internal/schemas/fields/ent/item"
	"github.com/entcache/ent-cache/internal/schemas/fields/types"
	"github.com/entcache/ent-cache/internal/testdb"
)

func newFields(t *testing.T, name string) *world[*fields.Client] {
	t.Helper()
	w := newWorld(t, name, func(d dialect.Driver) *fields.Client { return fields.NewClient(fields.Driver(d)) },
		func(c *fields.Client) error { return c.Schema.Create(t.Context(), schema.WithHooks(withoutOnUpdate)) })
	if name == dialect.MySQL {
		w.exec("ALTER TABLE items MODIFY modified_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")
	}
	return w
}

// withoutOnUpdate leaves out what Ent's migration can't read back.
func withoutOnUpdate(next schema.Creator) schema.Creator {
	return schema.CreateFunc(func(ctx context.Context, tables ...*schema.Table) error {
		for _, t := range tables {
			for _, c := range t.Columns {
				if c.SchemaType[dialect.MySQL] == "timestamp ON UPDATE CURRENT_TIMESTAMP" {
					c.SchemaType = map[string]string{dialect.MySQL: "timestamp"}
				}
			}
		}
		return next.Create(ctx, tables...)
	})
}

// Every value is in a hit what it is from the database: sensitive fields, custom
// types, values that scan themselves, times, bytes, NULL.
func TestTrap_T04_HitsKeepEveryFieldType(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newFields(t, name)
		ctx := t.Context()
		page, err := url.Parse("https://example.org/a?b=c")
		require.NoError(t, err)
		at := time.Date(2024, 2, 29, 23, 59, 58, 123456000, time.UTC)
		w.plain.Item.Create().SetName("full").SetNotes("notes").SetSecret("secret").SetKind(item.KindBook).SetActive(false).
			SetLevel(-7).SetSerial(1<<62 + 1).SetViews(3).SetWeight(0.1).SetRatio(0.25).SetRef(uuid.New()).SetDigest([]byte{0, 255, 1}).
			SetSku("SKU").SetGrade(2).SetColor(red).SetEncoded("plain").SetHomepage(page).SetTags([]string{"a", ""}).
			SetAttributes(map[string]any{"n": 1.5, "s": "x", "null": nil}).SetReleasedAt(at).SetSeenAt(at).SetModifiedAt(at).ExecX(ctx)
		w.plain.Item.Create().SetName("bare").ExecX(ctx)
		read := func(ctx context.Context, c *fields.Client) string {
			var b strings.Builder
			for _, i := range c.Item.Query().Order(item.ByID()).AllX(ctx) {
				fmt.Fprintf(&b, "%v secret=%s digest=%v nil=%t ref=%v released=%s created=%s %v %v\n", i, i.Secret, i.Digest, i.Digest == nil,
					i.Ref, stamp(i.ReleasedAt), stamp(&i.CreatedAt), i.Tags, i.Attributes)
			}
			return b.String()
		}
		x := w.watch("items", read)
		require.Contains(t, x.last, "secret=secret")
		w.cached.Item.Update().ClearSecret().ExecX(ctx)
		x.changed()
		w.cached.Item.Update().Where(item.Name("full")).SetTags([]string{}).ClearViews().ExecX(ctx)
		x.changed()
		for _, column := range []string{"secret", "level", "serial", "views", "weight", "ratio", "ref", "digest", "released_at", "tags", "active", "price"} {
			y := w.watch(column, func(ctx context.Context, c *fields.Client) string {
				var out []struct{ V any }
				err := c.Item.Query().Order(item.ByID()).Modify(func(s *sqlSelector) { s.Select(entsql.As(s.C(column), "v")) }).Scan(ctx, &out)
				return fmt.Sprintf("%#v %v", out, err)
			})
			y.right()
		}
	})
}

func stamp(t *time.Time) string {
	if t == nil {
		return "nil"
	}
	return t.Format(time.RFC3339Nano) + " " + t.Location().String()
}

var red = types.Color{R: 255}

// For columns it doesn't know Ent asks the database for the type, and scans into
// it: a hit must give the same Go type.
func TestTrap_OrderingByNeighboursKeepsTheTypeOfCounts(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		x := w.watch("genres by tracks", func(ctx context.Context, c *store.Client) string {
			list := c.Genre.Query().
				Order(genre.ByTracksCount(entsql.OrderDesc(), entsql.OrderSelectAs("tracks_count")), genre.ByID()).AllX(ctx)
			var b strings.Builder
			for _, g := range list {
				v, err := g.Value("tracks_count")
				fmt.Fprintf(&b, "%s %T %v %v, ", g.Name, v, v, err)
			}
			return b.String()
		})
		require.Contains(t, x.last, "jazz")
		ctx := t.Context()
		w.cached.Track.Update().Where(track.ID(1)).SetGenreID(2).ExecX(ctx)
		x.changed()
		w.cached.Track.DeleteOneID(3).ExecX(ctx)
		x.changed()
		sum := w.watch("genres by the price of tracks", func(ctx context.Context, c *store.Client) string {
			list := c.Genre.Query().Order(genre.ByTracks(entsql.OrderBySum(track.FieldUnitPrice, entsql.OrderSelectAs("price")))).AllX(ctx)
			var b strings.Builder
			for _, g := range list {
				v, err := g.Value("price")
				fmt.Fprintf(&b, "%s %T %v %v, ", g.Name, v, v, err)
			}
			return b.String()
		})
		w.cached.Track.Update().Where(track.ID(1)).SetUnitPrice(1000).ExecX(ctx)
		sum.changed()
	})
}

// Values a modifier selects beside the entity's own.
func TestTrap_SelectedValuesSurviveHits(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newStore(t, name)
		x := w.watch("double price", func(ctx context.Context, c *store.Client) string {
			tr := c.Track.Query().Where(track.ID(1)).Modify(func(s *sqlSelector) {
				s.AppendSelectExprAs(entsql.Raw("unit_price * 2"), "twice")
			}).OnlyX(ctx)
			v, err := tr.Value("twice")
			return fmt.Sprintf("%T %v %v", v, v, err)
		})
		w.cached.Track.UpdateOneID(1).SetUnitPrice(11).ExecX(t.Context())
		x.changed()
	})
}

// What a database fills in by itself is seen: defaults and computed columns.
func TestTrap_ColumnsTheDatabaseFills(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newFields(t, name)
		ctx := t.Context()
		w.plain.Item.Create().SetName("a").SetColor(red).ExecX(ctx)
		region := w.watch("by region", func(ctx context.Context, c *fields.Client) string {
			return sorted(c.Item.Query().Where(item.Region("none")).IDsX(ctx))
		})
		level := w.watch("by level", func(ctx context.Context, c *fields.Client) string {
			return sorted(c.Item.Query().Where(item.Level(3)).IDsX(ctx))
		})
		future := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		modified := w.watch("by time", func(ctx context.Context, c *fields.Client) string {
			return sorted(c.Item.Query().Where(item.ModifiedAtGT(future)).IDsX(ctx))
		})
		w.cached.Item.Create().SetName("b").SetColor(red).ExecX(ctx)
		region.changed()
		level.changed()
		modified.right()
		w.cached.Item.UpdateOneID(1).SetModifiedAt(future.Add(time.Hour)).ExecX(ctx)
		modified.changed()
		w.cached.Item.UpdateOneID(1).SetName("c").ExecX(ctx)
		modified.right()
		if name == dialect.MySQL {
			require.NotContains(t, modified.last, "1", "ON UPDATE set it back to now")
		}
	})
}

// Reads by the value of a grouped column follow rows from value to value.
func TestTrap_GroupsOfEveryKind(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newFields(t, name)
		ctx := t.Context()
		one, two := uuid.New(), uuid.New()
		for i := range 4 {
			w.plain.Item.Create().SetName(fmt.Sprint(i)).SetColor(red).SetKind(item.KindBook).SetRef(one).
				SetDigest([]byte("one")).SetSku("one").SetGrade(1).ExecX(ctx)
		}
		watches := map[string]*watch[*fields.Client]{}
		for column, values := range map[string][2]any{
			item.FieldKind: {item.KindBook, item.KindDisc}, item.FieldActive: {true, false}, item.FieldLevel: {int8(3), int8(4)},
			item.FieldRef: {one, two}, item.FieldDigest: {[]byte("one"), []byte("two")}, item.FieldSku: {"one", "two"}, item.FieldGrade: {1, 2},
		} {
			for i, v := range values {
				watches[fmt.Sprint(column, i)] = w.watch(column, func(ctx context.Context, c *fields.Client) string {
					return sorted(c.Item.Query().Where(func(s *sqlSelector) { s.Where(entsql.EQ(s.C(column), v)) }).IDsX(ctx))
				})
			}
		}
		all := func(f func(*watch[*fields.Client])) {
			for _, x := range watches {
				f(x)
			}
		}
		w.cached.Item.UpdateOneID(1).SetKind(item.KindDisc).SetActive(false).SetLevel(4).SetRef(two).SetDigest([]byte("two")).SetSku("two").SetGrade(2).ExecX(ctx)
		all((*watch[*fields.Client]).changed)
		w.cached.Item.Update().Where(item.IDIn(2)).SetKind(item.KindDisc).SetActive(false).SetLevel(4).SetRef(two).SetDigest([]byte("two")).SetSku("two").SetGrade(2).ExecX(ctx)
		all((*watch[*fields.Client]).changed)
		w.cached.Item.UpdateOneID(1).ClearRef().ClearDigest().ClearSku().ClearGrade().SetKind(item.KindOther).AddLevel(5).SetActive(true).ExecX(ctx)
		for _, name := range []string{"kind1", "active0", "level1", "ref1", "digest1", "sku1", "grade1"} {
			watches[name].changed()
		}
		all((*watch[*fields.Client]).right)
		w.cached.Item.DeleteOneID(3).ExecX(ctx)
		w.cached.Item.Create().SetName("new").SetColor(red).SetKind(item.KindDisc).SetRef(two).SetDigest([]byte("two")).SetSku("two").SetGrade(2).
			SetActive(false).SetLevel(4).ExecX(ctx)
		all((*watch[*fields.Client]).changed)
	})
}

// Texts that the database takes for equal and Go doesn't.
func TestTrap_CollationsThatFold(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newFields(t, name)
		ctx := t.Context()
		if name == dialect.MySQL {
			w.exec("ALTER TABLE items MODIFY sku varchar(255) COLLATE utf8mb4_general_ci NULL")
		}
		w.plain.Item.Create().SetName("a").SetColor(red).SetSku("SKU").SetCode("abc").ExecX(ctx)
		// MySQL finds the row; of the others one with a padded column does.
		upper := w.watch("by folded sku", func(ctx context.Context, c *fields.Client) string {
			return show(c.Item.Query().Where(item.Sku("sku")).AllX(ctx), func(i *fields.Item) string { return i.Name })
		})
		code := w.watch("by padded code", func(ctx context.Context, c *fields.Client) string {
			return show(c.Item.Query().Where(item.CodeIn("abc", "ABC")).AllX(ctx), func(i *fields.Item) string { return i.Name })
		})
		w.cached.Item.UpdateOneID(1).SetName("b").ExecX(ctx)
		upper.right()
		code.changed()
		w.cached.Item.UpdateOneID(1).SetSku("Sku").SetCode("Abc").ExecX(ctx)
		upper.right()
		code.right()
		w.cached.Item.UpdateOneID(1).SetSku("other").SetCode("other").ExecX(ctx)
		upper.right()
		code.right()
		require.Equal(t, "[]", upper.last)
		require.Equal(t, "[]", code.last)
		w.cached.Item.Create().SetName("c").SetColor(red).SetSku("sKU").SetCode("aBC").ExecX(ctx)
		upper.right()
		code.right()
	})
}

// Predicates that look into JSON.
func TestTrap_JSONPredicates(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		w := newFields(t, name)
		ctx := t.Context()
		w.plain.Item.Create().SetName("a").SetTags([]string{"x"}).SetAttributes(map[string]any{"size": 1}).ExecX(ctx)
		tagged := w.watch("tagged", func(ctx context.Context, c *fields.Client) string {
			return sorted(c.Item.Query().Where(func(s *sqlSelector) { s.Where(sqljson.ValueContains(item.FieldTags, "x")) }).IDsX(ctx))
		})
		sized := w.watch("sized", func(ctx context.Context, c *fields.Client) string {
			return sorted(c.Item.Query().Where(func(s *sqlSelector) {
				s.Where(sqljson.ValueGT(item.FieldAttributes, 1, sqljson.Path("size")))
			}).IDsX(ctx))
		})
		w.cached.Item.UpdateOneID(1).SetTags([]string{"y"}).ExecX(ctx)
		tagged.changed()
		w.cached.Item.UpdateOneID(1).SetAttributes(map[string]any{"size": 2}).ExecX(ctx)
		sized.changed()
		w.cached.Item.UpdateOneID(1).AppendTags([]string{"x"}).ExecX(ctx)
		tagged.changed()
	})
}
