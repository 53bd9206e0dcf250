package simulation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// Op is what a program does in one of its processes.
type Op struct {
	Slot int
	Kind OpKind
	// Of a read.
	Query       query
	Consistency cache.Consistency
	Token       bool // of the last token that was made
	Refresh     bool
	// Of a write.
	Writes   []statement
	Rollback bool
	// Cancel is after how long the caller gives up; 0 for never.
	Cancel time.Duration
}

// OpKind is a kind of Op.
type OpKind uint8

// The kinds.
const (
	Read OpKind = iota
	Write
	Transaction
	MakeToken
)

func (o Op) String() string {
	s := ""
	switch o.Kind {
	case Read:
		s = fmt.Sprintf("read %v", o.Query)
		if o.Consistency != (cache.Consistency{}) {
			s += " " + o.Consistency.String()
		}
		if o.Token {
			s += " with token"
		}
		if o.Refresh {
			s += " refresh"
		}
	case Write:
		s = fmt.Sprintf("write %v", o.Writes)
	case Transaction:
		s = fmt.Sprintf("transaction %v", o.Writes)
		if o.Rollback {
			s += " rolled back"
		}
	case MakeToken:
		s = "make a token"
	}
	if o.Cancel > 0 {
		s += fmt.Sprintf(" within %v", o.Cancel)
	}
	return s
}

func (st statement) String() string {
	one, parent := "row ", "shelf "
	if st.note {
		one, parent = "note ", "notes of row "
	}
	target := one + strconv.Itoa(st.id)
	if st.id == 0 {
		target = parent + strconv.Itoa(st.where)
	}
	switch st.kind {
	case insert:
		return fmt.Sprintf("insert %s as %d on %d", target, st.nonce, st.parent)
	case remove:
		return "delete " + target
	}
	if st.parent != 0 {
		return fmt.Sprintf("set %s to %d on %d", target, st.nonce, st.parent)
	}
	return fmt.Sprintf("set %s to %d", target, st.nonce)
}

// token is what one process had written.
type token struct {
	text    string
	commits []int
}

// operation is an Op that runs.
type operation struct {
	Op
	n    int
	p    *process
	ctx  context.Context
	stop context.CancelFunc

	start time.Duration
	// When it started: the last commit, and those that its process knew of.
	before int
	acked  []int
	token  *token

	answer   answer
	loaded   []answer // of edges
	found    bool     // what it asked the remote level for last
	err      error
	finished bool

	// Of a write. Announced says that the remote level took the announcement,
	// which lasts until deadline; refused that it failed.
	announced, refused bool
	deadline           int64
	commit             int           // its number; 0 for none
	doubted            time.Duration // when the answer was lost; 0 for never
}

type opKey struct{}

func opOf(ctx context.Context) *operation {
	op, _ := ctx.Value(opKey{}).(*operation)
	return op
}

// number is below that of every operation for none.
func (op *operation) number() int {
	if op == nil {
		return -1
	}
	return op.n
}

func (op *operation) doubt(now time.Duration) {
	if op.doubted == 0 {
		op.doubted = now
	}
}

// run does the operation, in a goroutine of its own.
func (op *operation) run() {
	ctx := op.ctx
	switch op.Kind {
	case Read:
		if op.Consistency != (cache.Consistency{}) {
			ctx = cache.Consistent(ctx, op.Consistency)
		}
		if op.token != nil {
			ctx = cache.WithToken(ctx, op.token.text)
		}
		if op.Refresh {
			ctx = cache.Refresh(ctx)
		}
		op.answer, op.loaded, op.err = op.Query.ask(cache.WithTTL(ctx, op.p.world.plan.TTL), op.p.client)
	case Write:
		op.err = write(ctx, op.p.client, op.Writes[0])
	case Transaction:
		op.err = op.transaction(ctx)
	case MakeToken:
		if text, ok := tokenOf(op.p.cache); ok {
			op.token = &token{text: text, commits: op.acked}
		}
	}
}

func (op *operation) transaction(ctx context.Context) error {
	tx, err := op.p.client.Tx(ctx)
	if err != nil {
		return err
	}
	for _, st := range op.Writes {
		if err := write(ctx, tx.Client(), st); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if op.Rollback {
		return errors.Join(errRolledBack, tx.Rollback())
	}
	return tx.Commit()
}

var errRolledBack = errors.New("rolled back")
