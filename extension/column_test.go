package extension

import (
	"database/sql/driver"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// valued is stored as what its Value returns.
type valued string

func (v valued) Value() (driver.Value, error) { return strings.ToUpper(string(v)), nil }

func (v *valued) Scan(src any) error {
	*v = valued(fmt.Sprint(src))
	return nil
}

// when is a time in Go and in the database.
type when struct{ time.Time }

func (w when) Value() (driver.Value, error) { return w.Time, nil }

func (w *when) Scan(src any) error {
	w.Time, _ = src.(time.Time)
	return nil
}

type named string

type oneField struct {
	ent.Schema
	f ent.Field
}

func (s oneField) Fields() []ent.Field { return []ent.Field{s.f} }

func TestColumnOf(t *testing.T) {
	pg := func(typ string) map[string]string { return map[string]string{dialect.Postgres: typ} }
	lite := func(typ string) map[string]string { return map[string]string{dialect.SQLite: typ} }
	my := func(typ string) map[string]string { return map[string]string{dialect.MySQL: typ} }
	for _, tt := range []struct {
		name  string
		field ent.Field
		want  cache.ColumnSpec
	}{
		{"int", field.Int("f"), cache.ColumnSpec{Kind: cache.KindInt}},
		{"uint64", field.Uint64("f"), cache.ColumnSpec{Kind: cache.KindInt}},
		{"bool", field.Bool("f"), cache.ColumnSpec{Kind: cache.KindBool}},
		{"string", field.String("f"), cache.ColumnSpec{Kind: cache.KindString}},
		{"text", field.Text("f"), cache.ColumnSpec{Kind: cache.KindString}},
		{"enum", field.Enum("f").Values("a", "b"), cache.ColumnSpec{Kind: cache.KindString}},
		{"bytes", field.Bytes("f"), cache.ColumnSpec{Kind: cache.KindBytes}},
		{"uuid", field.UUID("f", uuid.UUID{}), cache.ColumnSpec{Kind: cache.KindUUID}},
		{"float", field.Float("f"), cache.ColumnSpec{Kind: cache.KindFloat}},
		{"time", field.Time("f"), cache.ColumnSpec{Kind: cache.KindTime}},
		{"json", field.JSON("f", []int{}), cache.ColumnSpec{Kind: cache.KindJSON}},
		{"other", field.Other("f", &valuedOther{}).SchemaType(pg("point")), cache.ColumnSpec{Kind: cache.KindOther}},
		{"sensitive", field.String("f").Sensitive(), cache.ColumnSpec{Kind: cache.KindString, Sensitive: true}},
		{"storage key", field.String("g").StorageKey("f"), cache.ColumnSpec{Kind: cache.KindString}},

		{"named type", field.String("f").GoType(named("")), cache.ColumnSpec{Kind: cache.KindString}},
		{"valuer of a comparable kind", field.String("f").GoType(valued("")), cache.ColumnSpec{Kind: cache.KindString}},
		{"valuer of another kind", field.Time("f").GoType(when{}), cache.ColumnSpec{Kind: cache.KindOther}},
		{
			"external ValueScanner", field.String("f").GoType(&url.URL{}).ValueScanner(field.BinaryValueScanner[*url.URL]{}),
			cache.ColumnSpec{Kind: cache.KindOther},
		},

		{"plain text type", field.String("f").SchemaType(pg("text")), cache.ColumnSpec{Kind: cache.KindString}},
		{"character varying", field.String("f").SchemaType(pg("character varying")), cache.ColumnSpec{Kind: cache.KindString}},
		{"text cut to a size", field.String("f").SchemaType(pg("varchar(20)")), cache.ColumnSpec{Kind: cache.KindString, Folded: true}},
		{"a size SQLite ignores", field.String("f").SchemaType(lite("varchar(20)")), cache.ColumnSpec{Kind: cache.KindString}},
		{"citext", field.String("f").SchemaType(pg("citext")), cache.ColumnSpec{Kind: cache.KindString, Folded: true}},
		{"padded", field.String("f").SchemaType(pg("char(8)")), cache.ColumnSpec{Kind: cache.KindString, Folded: true}},
		{"collation in the type", field.String("f").SchemaType(lite("text COLLATE NOCASE")), cache.ColumnSpec{Kind: cache.KindString, Folded: true}},
		{"numeric affinity", field.String("f").SchemaType(lite("string")), cache.ColumnSpec{Kind: cache.KindString, Folded: true}},
		{"MySQL folds every text", field.String("f").SchemaType(my("char(36)")), cache.ColumnSpec{Kind: cache.KindString}},
		{"enum type", field.Enum("f").Values("a").SchemaType(pg("mood")), cache.ColumnSpec{Kind: cache.KindString, Folded: true}},
		{"collation", field.String("f").Annotations(entsql.Annotation{Collation: "de_AT"}), cache.ColumnSpec{Kind: cache.KindString, Folded: true}},
		{"collation by bytes", field.String("f").Annotations(entsql.Annotation{Collation: "C"}), cache.ColumnSpec{Kind: cache.KindString}},

		{"wider int", field.Int("f").SchemaType(my("BIGINT(20) UNSIGNED")), cache.ColumnSpec{Kind: cache.KindInt}},
		{"int that is rounded", field.Int("f").SchemaType(pg("real")), cache.ColumnSpec{Kind: cache.KindOther}},
		{"bytes that are padded", field.Bytes("f").SchemaType(my("binary(16)")), cache.ColumnSpec{Kind: cache.KindOther}},
		{"bytes that aren't", field.Bytes("f").SchemaType(my("varbinary(16)")), cache.ColumnSpec{Kind: cache.KindBytes}},
		{"uuid as bytes", field.UUID("f", uuid.UUID{}).SchemaType(my("binary(16)")), cache.ColumnSpec{Kind: cache.KindUUID}},
		{"uuid as something else", field.UUID("f", uuid.UUID{}).SchemaType(my("bigint")), cache.ColumnSpec{Kind: cache.KindOther}},

		{"default of Ent that is in the table too", field.Int("f").Default(3), cache.ColumnSpec{Kind: cache.KindInt, Default: true}},
		{"default of Ent alone", field.Time("f").Default(time.Now), cache.ColumnSpec{Kind: cache.KindTime}},
		{"default", field.String("f").Annotations(entsql.Default("x")), cache.ColumnSpec{Kind: cache.KindString, Default: true}},
		{"default expression", field.UUID("f", uuid.UUID{}).Annotations(entsql.DefaultExpr("uuid()")), cache.ColumnSpec{Kind: cache.KindUUID, Default: true}},
		{
			"default expressions", field.Int("f").Annotations(entsql.DefaultExprs(map[string]string{dialect.MySQL: "1 + 1"})),
			cache.ColumnSpec{Kind: cache.KindInt, Default: true},
		},
		{"default in the type", field.Time("f").SchemaType(my("datetime default now()")), cache.ColumnSpec{Kind: cache.KindTime, Default: true}},
		{"serial", field.Int("f").SchemaType(pg("bigserial")), cache.ColumnSpec{Kind: cache.KindInt, Default: true}},

		{
			"on update in the type", field.Time("f").SchemaType(my("timestamp ON  UPDATE CURRENT_TIMESTAMP")),
			cache.ColumnSpec{Kind: cache.KindTime, Default: true, Computed: true},
		},
		{
			"on update in a default", field.Time("f").Annotations(entsql.DefaultExpr("CURRENT_TIMESTAMP on update CURRENT_TIMESTAMP")),
			cache.ColumnSpec{Kind: cache.KindTime, Default: true, Computed: true},
		},
		{
			"generated", field.Int("f").SchemaType(pg("int GENERATED ALWAYS AS (a + b) STORED")),
			cache.ColumnSpec{Kind: cache.KindOther, Default: true, Computed: true},
		},
		{
			"generated, in short", field.Int("f").SchemaType(my("int as (a + b)")),
			cache.ColumnSpec{Kind: cache.KindOther, Default: true, Computed: true},
		},
		{"a default that only sounds so", field.String("f").Default("generated"), cache.ColumnSpec{Kind: cache.KindString, Default: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Name = "f"
			g := graphOf(t, oneField{f: tt.field})
			require.Equal(t, tt.want, columnOf(g.Nodes[0].Fields[0]))
		})
	}
}

// valuedOther is for field.Other.
type valuedOther struct{}

func (*valuedOther) Value() (driver.Value, error) { return nil, nil }
func (*valuedOther) Scan(any) error               { return nil }

func TestTypeName(t *testing.T) {
	for _, tt := range []struct {
		typ, name string
		sized     bool
	}{
		{"text", "text", false},
		{" TEXT ", "text", false},
		{"VARCHAR(255)", "varchar", true},
		{"character varying(10)", "varchar", true},
		{"int(11) unsigned", "int unsigned", true},
		{"varchar(20) COLLATE nocase", "varchar collate nocase", true},
		{"varchar(", "varchar(", false},
		{"", "", false},
	} {
		name, sized := typeName(tt.typ)
		require.Equal(t, tt.name, name, tt.typ)
		require.Equal(t, tt.sized, sized, tt.typ)
	}
}

func TestHasWords(t *testing.T) {
	require.True(t, hasWords("timestamp ON\tUPDATE now()", "on update"))
	require.True(t, hasWords("int AS(a)", "as"))
	require.False(t, hasWords("baseline", "as"))
	require.False(t, hasWords("on_update", "on update"))
}
