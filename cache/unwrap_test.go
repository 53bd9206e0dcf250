package cache

import (
	"context"
	"database/sql"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"
)

type wrapping struct{ dialect.Driver }

func (w wrapping) Unwrap() dialect.Driver { return w.Driver }

type hiding struct{ dialect.Driver }

type entTx struct{ dialect.Driver }

func (entTx) EntcacheTx() {}

// itself says that it wraps itself.
type itself struct{ dialect.Driver }

func (i *itself) Unwrap() dialect.Driver { return i }

// conn is an ExecQuerier that isn't database/sql's.
type conn struct{ entsql.ExecQuerier }

func TestOriginOf(t *testing.T) {
	db, tx := new(sql.DB), new(sql.Tx)
	over := func(q entsql.ExecQuerier) dialect.Driver {
		return entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: q})
	}
	quiet := func(context.Context, ...any) {}
	c := &Cache{}
	for name, x := range map[string]struct {
		drv  dialect.Driver
		want Origin
	}{
		"database":             {over(db), Origin{DB: db}},
		"transaction":          {over(tx), Origin{Tx: tx}},
		"debug":                {dialect.DebugWithContext(over(db), quiet), Origin{DB: db}},
		"debug of transaction": {dialect.DebugWithContext(dialect.DebugWithContext(over(tx), quiet), quiet), Origin{Tx: tx}},
		"wrapper":              {wrapping{dialect.DebugWithContext(wrapping{over(db)}, quiet)}, Origin{DB: db}},
		"the cache's own":      {&Driver{Driver: wrapping{over(db)}, cache: c}, Origin{DB: db}},
		"Ent's transaction":    {dialect.DebugWithContext(wrapping{entTx{over(db)}}, quiet), Origin{EntTx: entTx{over(db)}}},
		"hidden":               {hiding{over(db)}, Origin{}},
		"wrapped and hidden":   {wrapping{hiding{over(tx)}}, Origin{}},
		"another connection":   {over(conn{db}), Origin{}},
		"a single connection":  {over(new(sql.Conn)), Origin{}},
		"round and round":      {&itself{over(db)}, Origin{}},
		"nil":                  {nil, Origin{}},
	} {
		got := OriginOf(x.drv)
		require.Same(t, x.want.DB, got.DB, name)
		require.Same(t, x.want.Tx, got.Tx, name)
		require.Equal(t, x.want.EntTx == nil, got.EntTx == nil, name)
	}
}
