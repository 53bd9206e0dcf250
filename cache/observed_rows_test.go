package cache

import (
	"testing"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"
)

// The rows of a statement are found by its own conditions, if nothing but the row
// itself decides whether it meets them.
func TestLockedRows(t *testing.T) {
	s := statementSchema()
	const columns = "`id`, `age`, `owner_id`, `kind`"
	for _, c := range []struct {
		dialect, query, want string
		args, argv           []any
	}{
		{sqliteDialect, "UPDATE `pets` SET `age` = ?, `owner_id` = NULL WHERE `pets`.`owner_id` = ? AND `pets`.`age` > ?",
			"SELECT " + columns + " FROM `pets` WHERE `pets`.`owner_id` = ? AND `pets`.`age` > ? LIMIT 257", []any{1, 2, 3}, []any{2, 3}},
		{postgresDialect, `UPDATE "pets" SET "age" = COALESCE("pets"."age", 0) + $1 WHERE "pets"."name" LIKE $2 OR ("pets"."age" IN ($3, $4) AND NOT ("name" IS NULL))`,
			`SELECT "id", "age", "owner_id", "kind" FROM "pets" WHERE "pets"."name" LIKE $1 OR ("pets"."age" IN ($2, $3) AND NOT ("name" IS NULL)) LIMIT 257 FOR NO KEY UPDATE`,
			[]any{1, "a%", 3, 4}, []any{"a%", 3, 4}},
		{postgresDialect, `DELETE FROM "shop"."pets" WHERE "shop"."pets"."age" = $1`,
			`SELECT "id", "age", "owner_id", "kind" FROM "shop"."pets" WHERE "shop"."pets"."age" = $1 LIMIT 257 FOR UPDATE`, []any{1}, []any{1}},
		{mysqlDialect, "DELETE FROM `pets` WHERE LOWER(`pets`.`name`) = ?",
			"SELECT " + columns + " FROM `pets` WHERE LOWER(`pets`.`name`) = ? LIMIT 257 FOR UPDATE", []any{"a"}, []any{"a"}},
		{sqliteDialect, "DELETE FROM `pets`", "SELECT " + columns + " FROM `pets` LIMIT 257", []any{}, []any{}},
		{sqliteDialect, "DELETE FROM pets WHERE TRUE;", "SELECT " + columns + " FROM pets WHERE TRUE LIMIT 257", []any{}, []any{}},
		// MySQL counts what changed.
		{dialect: mysqlDialect, query: "UPDATE `pets` SET `age` = ? WHERE `pets`.`owner_id` = ?", args: []any{1, 2}},
		// Other tables, and the clock.
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `pets`.`owner_id` IN (SELECT `users`.`id` FROM `users`)"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE EXISTS (SELECT 1)"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `users`.`age` = 1"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `age` > random()"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `name` < datetime('now')"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `name` < CURRENT_TIMESTAMP"},
		{dialect: postgresDialect, query: `DELETE FROM "pets" WHERE "name" < now()`},
		{dialect: postgresDialect, query: `DELETE FROM "pets" WHERE "name" < 'now'`},
		{dialect: postgresDialect, query: `DELETE FROM "pets" WHERE mine("age")`},
		{dialect: postgresDialect, query: `DELETE FROM "pets" WHERE "mine"("age")`},
		{dialect: postgresDialect, query: `DELETE FROM "pets" WHERE xmax = 0`},
		{dialect: postgresDialect, query: `DELETE FROM "pets" WHERE "pets" = ROW(1)`},
		// More than Ent writes.
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `age` = 1 ORDER BY `id` LIMIT 1"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `age` = 1 RETURNING `id`"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` AS `p` WHERE `age` = 1"},
		{dialect: sqliteDialect, query: "UPDATE `pets` SET `age` = 1 FROM `users` WHERE `pets`.`age` = 1"},
		{dialect: mysqlDialect, query: "DELETE FROM `pets`, `users` USING `pets`, `users`"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `age` = 1; DELETE FROM `pets`"},
		{dialect: sqliteDialect, query: "INSERT INTO `pets` (`age`) VALUES (1)"},
		{dialect: sqliteDialect, query: "DELETE FROM `pets` WHERE `age` = ?", args: []any{}},
	} {
		if c.args == nil {
			c.args = []any{1, 2, 3}
		}
		text, argv, list := s.LockedRows(c.dialect, "pets", c.query, c.args)
		require.Equal(t, c.want, text, c.query)
		require.Equal(t, c.argv, argv, c.query)
		require.Equal(t, c.want != "", list != nil, c.query)
	}
}

// Rows that were read stand for those that were written if there are as many, and the
// statement is known to be the one that wrote them.
func TestRowsReadAreThoseWritten(t *testing.T) {
	const query = "DELETE FROM `pets` WHERE `pets`.`age` > ?"
	s := statementSchema()
	pets := s.Table("pets")
	rows := [][]any{{int64(1), int64(3), int64(7), "cat"}, {int64(2), int64(3), nil, "dog"}}
	spec := &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: "pets"}}
	for name, c := range map[string]struct {
		ran   func(*Observed)
		exact bool
		none  bool
	}{
		"as many":   {ran: func(o *Observed) { o.Ran(s, sqliteDialect, query, 2) }, exact: true},
		"none":      {ran: func(o *Observed) { o.Ran(s, sqliteDialect, query, 0) }, none: true},
		"more":      {ran: func(o *Observed) { o.Ran(s, sqliteDialect, query, 3) }},
		"unknown":   {ran: func(o *Observed) { o.Ran(s, sqliteDialect, query, -1) }},
		"not run":   {ran: func(o *Observed) {}},
		"of others": {ran: func(o *Observed) { o.Ran(s, sqliteDialect, "UPDATE `pets` SET `age` = 1", 2) }},
		"twice": {ran: func(o *Observed) {
			o.Ran(s, sqliteDialect, query, 1)
			o.Ran(s, sqliteDialect, query, 1)
		}},
		"and what isn't understood": {ran: func(o *Observed) {
			o.Ran(s, sqliteDialect, query, 2)
			o.Ran(s, sqliteDialect, "CALL it()", 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var o Observed
			o.Statement(s, sqliteDialect, "pets", query, []any{1})
			o.OldRows(pets.oldColumns(), rows)
			c.ran(&o)
			f := Facts{Spell: true}
			s.DeleteFacts(&f, spec, nil, &o)
			require.Equal(t, c.none, len(f.List) == 1, f.Tags)
			if c.none {
				return
			}
			rough := Tag{Kind: FactBulk, Table: "pets"}
			first, second := Tag{Kind: FactRewritten, Table: "pets", Value: "1"}, Tag{Kind: FactLeft, Table: "pets", Group: "kind=dog"}
			if c.exact {
				require.Subset(t, f.Tags, []Tag{first, second})
				require.NotContains(t, f.Tags, rough)
			} else {
				require.Contains(t, f.Tags, rough)
				require.NotContains(t, f.Tags, first)
			}
		})
	}
}

// Too many rows to tell other processes of are told as a write by predicate is whose
// rows aren't known.
func TestManyRowsAreToldRoughly(t *testing.T) {
	s := statementSchema()
	pets := s.Table("pets")
	const query = "DELETE FROM `pets` WHERE `pets`.`owner_id` = ?"
	facts := func(n int) *Facts {
		var (
			o    Observed
			f    Facts
			rows [][]any
		)
		for i := range n {
			rows = append(rows, []any{int64(i), int64(3), int64(7), "cat"})
		}
		o.Statement(s, sqliteDialect, "pets", query, []any{7})
		o.OldRows(pets.oldColumns(), rows)
		o.Ran(s, sqliteDialect, query, int64(n))
		s.DeleteFacts(&f, &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: "pets"}}, nil, &o)
		s.UpdateFacts(&f, &sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "users", ID: &sqlgraph.FieldSpec{Value: 9}},
			Fields: sqlgraph.FieldMut{Set: []*sqlgraph.FieldSpec{{Column: "name", Value: "a"}}}}, nil)
		return &f
	}
	few := facts(2)
	require.Equal(t, unique(few.List), narrow(unique(few.List), few))
	many := facts(MaxOldRows)
	require.Greater(t, len(many.List), MaxRemoteFacts)
	told := narrow(unique(many.List), many)
	owner, _ := pets.Column("owner_id").canonical(7, false)
	user, _ := s.Table("users").ID[0].canonical(9, false)
	require.Contains(t, told, valueFact(pets.Column("owner_id").bulkSeed, owner))
	require.Contains(t, told, valueFact(s.Table("users").rowSeed, user), "the rest as it is")
	require.NotContains(t, told, pets.table)
	require.NotContains(t, told, s.Table("users").table)
	// Rows beyond the bound say nothing.
	require.Contains(t, facts(MaxOldRows+1).List, pets.rows)
}
