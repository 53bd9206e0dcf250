package hook

import (
	"database/sql"
	"errors"
	"reflect"
	"strings"
)

// errPanicked stands for what a driver that panicked would have returned.
var errPanicked = errors.New("entcache: the driver panicked")

// unanswered reports whether a statement or commit that returned err may still
// take effect later: its context ended or its connection broke, and the server,
// who wasn't told or couldn't answer, may still be at it. Drivers name such
// errors in many ways, so it is those that aren't known for an answer.
func unanswered(err error, db *sql.DB) bool {
	switch {
	case err == nil, errors.Is(err, sql.ErrTxDone):
		return false
	case inProcess(db):
		// The call has returned, so the database has ended the statement.
		return false
	}
	return !answered(err)
}

// answered reports whether an error is what a server said, and said of a
// statement that is over.
func answered(err error) bool {
	// lib/pq and pgx.
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		s := state.SQLState()
		// Connection lost, completion unknown, server going down.
		return s != "" && !strings.HasPrefix(s, "08") && s != "40003" && !strings.HasPrefix(s, "57P")
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if aborted[err.Error()] {
			return true
		}
		t := reflect.TypeOf(err)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t.String() {
		case "mysql.MySQLError":
			n := reflect.Indirect(reflect.ValueOf(err)).FieldByName("Number")
			// Server going down, connection killed, session killed.
			return n.IsValid() && n.CanUint() && n.Uint() != 1053 && n.Uint() != 1927 && n.Uint() != 3169
		case "sqlite.Error", "sqlite3.Error":
			return true
		}
	}
	return false
}

// What drivers say of a commit that the server made a rollback, because a statement
// of the transaction had failed: lib/pq, and pgx.
var aborted = map[string]bool{
	"pq: Could not complete operation in a failed transaction": true,
	"pq: could not complete operation in a failed transaction": true,
	"commit unexpectedly resulted in rollback":                 true,
}

// The drivers that run the database inside the process.
var embedded = map[string]bool{
	"modernc.org/sqlite":                   true,
	"github.com/mattn/go-sqlite3":          true,
	"github.com/ncruces/go-sqlite3/driver": true,
	"github.com/glebarez/go-sqlite":        true,
}

func inProcess(db *sql.DB) bool {
	if db == nil {
		return false
	}
	t := reflect.TypeOf(db.Driver())
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return embedded[t.PkgPath()]
}
