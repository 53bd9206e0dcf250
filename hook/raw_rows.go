package hook

import (
	"context"
	"database/sql"
	"runtime"
	"sync"
	"weak"

	entsql "entgo.io/ent/dialect/sql"
)

// closing is the context of a query whose rows database/sql hands to the program.
// It tells when they are closed: until then database/sql keeps a child context of
// it, to close them when the context ends, and a child context of another kind of
// context than the standard library's registers by AfterFunc and stops when it is
// cancelled.
//
// If the context itself ends it may not be told when the rows close. The write is
// in doubt then, and ends when the garbage collector finds that the rows are gone.
type closing struct {
	context.Context
	done  chan struct{}
	close func(error)

	mu       sync.Mutex
	children int
	rows     weak.Pointer[sql.Rows]
	armed    bool
	ended    bool
}

func newClosing(ctx context.Context, end func(error)) *closing {
	c := &closing{Context: ctx, done: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { close(c.done) })
	c.close = func(err error) {
		stop()
		end(err)
	}
	return c
}

// Done is another channel than the parent's, or the standard library would take
// the parent for this context.
func (c *closing) Done() <-chan struct{} { return c.done }

// AfterFunc is what context.AfterFunc and child contexts call.
func (c *closing) AfterFunc(f func()) func() bool {
	c.mu.Lock()
	c.children++
	c.mu.Unlock()
	stop := context.AfterFunc(c.Context, f)
	return func() bool {
		stopped := stop()
		if stopped {
			c.stopped()
		}
		return stopped
	}
}

func (c *closing) stopped() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.children--
	if !c.armed || c.children > 0 {
		return
	}
	// Whoever closes the rows has locked them, so their error is to be had later.
	// Until then the write is held.
	rows := c.rows.Value()
	go func() {
		err := c.Context.Err()
		if err == nil && rows != nil {
			err = failure(rows)
		}
		c.end(err)
	}()
}

// failure returns the error that ended rows which are closed, nil if they ended
// well. Unlike Err it may be called while the program uses the rows.
func failure(rows *sql.Rows) error {
	if _, err := rows.Columns(); err != nil && err.Error() != "sql: Rows are closed" {
		return err
	}
	return nil
}

// arm is called with the rows when the query has returned them.
func (c *closing) arm(rows *sql.Rows) {
	runtime.AddCleanup(rows, (*closing).gone, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.rows = true, weak.Make(rows)
}

// scanner ends the write when rows of another kind are closed, or when the
// collector finds that nobody will.
func (c *closing) scanner(rows entsql.ColumnScanner) entsql.ColumnScanner {
	last := &lastRows{ColumnScanner: rows, end: c.end}
	runtime.AddCleanup(last, (*closing).gone, c)
	return last
}

// gone is called when nobody has the rows any more. Most often they were closed.
func (c *closing) gone() {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if !ended {
		c.end(c.Context.Err())
	}
}

func (c *closing) end(err error) {
	c.mu.Lock()
	ended := c.ended
	c.ended = true
	c.mu.Unlock()
	if !ended {
		c.close(err)
	}
}
