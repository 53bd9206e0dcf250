package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// check compares the answer of a read with what the database held. It must be the
// answer as of one of the states, and the commits since that the read had to see
// must not change it. The edges that it loads are read by statements of their
// own, so each may be as of another state.
//
// It had to see a commit that other processes knew of longer ago than its bound
// before it began; one of its own process that had returned by then; and one
// that its token stands for. Between those and the state there may be others that
// it hadn't to see. Without them a commit may change nothing: that of a row that
// somebody else had put into the list.
func (w *world) check(op *operation) string {
	if op.Kind != Read || op.err != nil {
		return ""
	}
	if len(op.loaded) == 0 && !op.Query.eager() {
		return w.checkPart(op, part{op.Query, op.answer})
	}
	for _, p := range op.Query.parts(op.answer, op.loaded) {
		if v := w.checkPart(op, p); v != "" {
			return v
		}
	}
	return ""
}

func (w *world) checkPart(op *operation, p part) string {
	why := "it was never there"
	for i := len(w.db.commits) - 1; i >= 0; i-- {
		if p.eval(&w.db.commits[i].state) != p.answer {
			continue
		}
		missed := w.missed(op, p, i)
		if missed == "" {
			return ""
		}
		if why == "it was never there" {
			why = missed
		}
	}
	return fmt.Sprintf("%v at %v got %s for %v: %s", op, op.start, p.answer, p.query, why)
}

// missed returns what a read that was answered as of a state had to see, too.
func (w *world) missed(op *operation, p part, i int) string {
	s := w.db.commits[i].state
	for n := i + 1; n < len(w.db.commits); n++ {
		why := w.mustSee(op, n)
		if why == "" {
			continue
		}
		for _, st := range w.db.commits[n].writes {
			s.apply(st)
		}
		if p.eval(&s) != p.answer {
			return fmt.Sprintf("it is as of commit %d, and misses commit %d of %v: %s", i, n, w.db.commits[n].at, why)
		}
	}
	return ""
}

// mustSee returns why a read had to see a commit; nothing if it hadn't to.
func (w *world) mustSee(op *operation, i int) string {
	c := &w.db.commits[i]
	if slices.Contains(op.acked, i) {
		return "that is the process's own"
	}
	if op.token != nil && slices.Contains(op.token.commits, i) {
		return "the token stands for it"
	}
	known := c.at
	if c.unannounced {
		known = c.due
	}
	level := op.Consistency
	if level == (cache.Consistency{}) {
		level = w.plan.Standard
	}
	if level == cache.Strict {
		if !c.unannounced && i <= op.before || c.unannounced && known < op.start {
			return "the read is strict"
		}
		return ""
	}
	if b := boundOf(level); known < op.start-b {
		return fmt.Sprintf("the bound is %v", b)
	}
	return ""
}

// levels are the consistencies that reads ask for, with their bounds.
var levels = map[cache.Consistency]time.Duration{
	{}:                        bound,
	cache.Bounded(bound):      bound,
	cache.Bounded(bound / 2):  bound / 2,
	cache.Bounded(2 * bound):  2 * bound,
	cache.Eventual(4 * bound): 4 * bound,
	cache.Eventual(bound / 4): bound / 4,
}

func boundOf(c cache.Consistency) time.Duration {
	d, ok := levels[c]
	if !ok {
		panic("simulation: no bound known for " + c.String())
	}
	return d
}

func (op *operation) String() string {
	return fmt.Sprintf("operation %d of process %d, %v,", op.n, op.p.id, op.Op)
}

func (a answer) String() string {
	s := fmt.Sprint(a.count)
	for i, r := range a.rows {
		if r.present {
			s += fmt.Sprintf(" %d:%d@%d", i+1, r.nonce, r.parent)
		}
	}
	for i, r := range a.notes {
		if r.present {
			s += fmt.Sprintf(" note %d:%d@%d", i+1, r.nonce, r.parent)
		}
	}
	return s
}
