package hook

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

// database/sql tells a query's context when the rows are closed, whichever way.
func TestClosingRows(t *testing.T) {
	testdb.Each(t, func(t *testing.T, name string) {
		db := testdb.Open(t, name)
		const two = "SELECT 1 UNION ALL SELECT 2"
		for way, end := range map[string]func(*sql.Rows){
			"closed": func(rows *sql.Rows) { require.NoError(t, rows.Close()) },
			"closed early": func(rows *sql.Rows) {
				require.True(t, rows.Next())
				require.NoError(t, rows.Close())
			},
			"read to the end": func(rows *sql.Rows) {
				for rows.Next() {
					continue
				}
			},
		} {
			for which, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": t.Context()} {
				ended := make(chan error, 2)
				c := newClosing(ctx, func(err error) { ended <- err })
				rows, err := db.QueryContext(c, two)
				require.NoError(t, err)
				c.arm(rows)
				runtime.GC()
				time.Sleep(time.Millisecond)
				require.Empty(t, ended, "%s %s", way, which)
				end(rows)
				require.NoError(t, <-ended, "%s %s", way, which)
				require.NoError(t, rows.Close())
				runtime.KeepAlive(rows)
			}
		}
	})
}

// Rows that broke off leave the write in doubt.
func TestClosingRowsThatBreak(t *testing.T) {
	db := sql.OpenDB(breaking{})
	defer db.Close()
	ended := make(chan error, 1)
	c := newClosing(t.Context(), func(err error) { ended <- err })
	rows, err := db.QueryContext(c, "")
	require.NoError(t, err)
	c.arm(rows)
	require.False(t, rows.Next())
	require.ErrorIs(t, <-ended, lost)
}

// breaking is a database whose connections break when rows are read.
type breaking struct{}

func (breaking) Connect(context.Context) (driver.Conn, error) { return breaking{}, nil }
func (breaking) Driver() driver.Driver                        { return nil }
func (breaking) Prepare(string) (driver.Stmt, error)          { return nil, lost }
func (breaking) Begin() (driver.Tx, error)                    { return nil, lost }
func (breaking) Close() error                                 { return nil }
func (breaking) Columns() []string                            { return []string{"a"} }
func (breaking) Next([]driver.Value) error                    { return lost }
func (breaking) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return breaking{}, nil
}

// Where the context ends first, the collector says when the rows are gone.
func TestClosingRowsOfAContextThatEnded(t *testing.T) {
	db := testdb.Open(t, "sqlite3")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	c := newClosing(ctx, func(err error) { ended <- err })
	require.NoError(t, c.Err())
	func() {
		rows, err := db.QueryContext(c, "SELECT 1 UNION ALL SELECT 2")
		require.NoError(t, err)
		c.arm(rows)
		cancel()
		<-c.Done()
		for rows.Next() {
			continue
		}
		require.NoError(t, rows.Close())
	}()
	for range 1000 {
		runtime.GC()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, context.Canceled)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal("the write never ends")
}
