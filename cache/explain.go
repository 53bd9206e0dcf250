package cache

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/schema"
)

// Outcome is what became of a read.
type Outcome uint8

// The outcomes.
const (
	// Hit was served from the cache.
	Hit Outcome = iota + 1
	// Miss ran on the database and was stored.
	Miss
	// Coalesced took the result of a read that ran at the same time.
	Coalesced
	// Refused ran on the database and was not stored.
	Refused
	// Bypass ran on the database without a look at the cache.
	Bypass
	// Failed ran on the database and got an error.
	Failed
	// HitRemote was served from the level that processes share.
	HitRemote
)

var outcomeNames = [...]string{Hit: "hit", Miss: "miss", Coalesced: "coalesced", Refused: "refused", Bypass: "bypass", Failed: "failed", HitRemote: "remote hit"}

// String returns the outcome in a word.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) && outcomeNames[o] != "" {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// Level is a level of the cache.
type Level uint8

// The levels that a hit may come from.
const (
	// LevelRows holds the rows of statements, in the process.
	LevelRows Level = iota + 1
	// LevelValues holds typed values, in the process: whole results of queries.
	LevelValues
	// LevelRemote holds the rows of statements for processes that share it.
	LevelRemote
)

var levelNames = [...]string{LevelRows: "rows", LevelValues: "value", LevelRemote: "remote"}

// String returns the level in a word.
func (l Level) String() string {
	if int(l) < len(levelNames) && levelNames[l] != "" {
		return levelNames[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// Explanation says what the cache made of one statement, or of a whole query
// that was served as a typed value.
type Explanation struct {
	Type string
	Op   schema.Op
	// Query is empty for a read that was turned away before it had SQL, and for
	// one that needed none because its value was there. Such a hit has no Facts
	// either: those are its statements'.
	Query   string
	Outcome Outcome
	// Level is where a hit came from.
	Level Level
	// RowsOnly says why the result of a query isn't kept as a typed value, if that
	// is known before it runs.
	RowsOnly string
	// Reason and Detail say why a read was refused or bypassed.
	Reason Reason
	Detail string
	// Invalidated is set for a miss that found an entry a write had touched, and
	// for a hit that a policy's grace allowed nevertheless.
	Invalidated bool
	// Invalidation says which write that was, as far as it is known.
	Invalidation *Invalidation
	Key          Key
	// Facts are what the result depends on.
	Facts []Tag
	// Age is the time since the entry was filled; Took is how long the database
	// took, for a read that ran on it.
	Age, Took time.Duration
	Rows      int
}

// String returns the explanation on one line.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Type, e.Op, e.Outcome)
	if e.Reason != Cacheable {
		fmt.Fprintf(&b, " (%s", e.Reason)
		if e.Detail != "" {
			fmt.Fprintf(&b, ": %s", e.Detail)
		}
		b.WriteByte(')')
	}
	if e.Invalidated {
		b.WriteString(", invalidated")
		if e.Invalidation != nil {
			fmt.Fprintf(&b, ": %s", e.Invalidation)
		}
	}
	if e.Level == LevelValues {
		b.WriteString(" level=value")
	}
	if e.RowsOnly != "" {
		fmt.Fprintf(&b, ", rows only: %s", e.RowsOnly)
	}
	if e.Key != (Key{}) {
		fmt.Fprintf(&b, " key=%x", e.Key[:])
	}
	switch e.Outcome {
	case Hit, HitRemote, Coalesced:
		fmt.Fprintf(&b, " rows=%d age=%s", e.Rows, e.Age)
	case Miss, Refused:
		fmt.Fprintf(&b, " rows=%d took=%s", e.Rows, e.Took)
	}
	if len(e.Facts) > 0 {
		b.WriteString(" facts=")
		for i, f := range e.Facts {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(f.String())
		}
	}
	if e.Query != "" {
		b.WriteString(" sql=")
		b.WriteString(e.Query)
	}
	return b.String()
}

// explainer collects explanations. It is safe for concurrent use, because a
// query may load edges from several goroutines.
type explainer struct {
	mu   sync.Mutex
	list []Explanation
}

// Explain calls f and returns what the cache made of each statement run under
// the context it passes, in the order they ended, beside f's error.
func Explain(ctx context.Context, f func(context.Context) error) ([]Explanation, error) {
	x := &explainer{}
	err := f(withWishes(ctx, func(w *wishes) { w.explain = x }))
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.list, err
}

func (x *explainer) add(e Explanation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = append(x.list, e)
}

// The methods below count an outcome, log it at debug level and explain it.

func (c *Cache) bypassed(ctx context.Context, sc *scope, r Reason, detail, query string) {
	sc.stats.op(sc.op).bypasses[r].Add(1)
	c.report(ctx, sc, Explanation{Outcome: Bypass, Reason: r, Detail: detail, Query: query})
}

func (c *Cache) hit(ctx context.Context, r *reading, e *Entry) {
	s := r.scope.stats.op(r.scope.op)
	s.hits.Add(1)
	if r.invalidated {
		s.stale.Add(1)
	}
	c.reportEntry(ctx, r, e, Explanation{Outcome: Hit, Level: LevelRows, Invalidated: r.invalidated})
}

func (c *Cache) valueHit(ctx context.Context, sc *scope, key Key, v *typed) {
	s := sc.stats.op(sc.op)
	s.hits.Add(1)
	s.valueHits.Add(1)
	if sc.explain == nil && !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	c.report(ctx, sc, Explanation{Outcome: Hit, Level: LevelValues, Key: key, Rows: v.rows, Age: time.Since(v.proofs[0].Filled)})
}

func (c *Cache) remoteHit(ctx context.Context, r *reading, e *Entry) {
	s := r.scope.stats.op(r.scope.op)
	if r.replaces != nil {
		s.refreshed.Add(1)
		return
	}
	s.hits.Add(1)
	s.remoteHits.Add(1)
	c.reportEntry(ctx, r, e, Explanation{Outcome: HitRemote, Level: LevelRemote, Invalidated: r.invalidated})
}

func (c *Cache) coalesced(ctx context.Context, r *reading, e *Entry) {
	r.scope.stats.op(r.scope.op).coalesced.Add(1)
	c.reportEntry(ctx, r, e, Explanation{Outcome: Coalesced, Invalidated: r.invalidated})
}

func (c *Cache) filled(ctx context.Context, r *reading, e *Entry, started time.Time) {
	s := c.missed(r)
	s.fills.Add(1)
	s.bytes.Add(uint64(e.Size()))
	c.reportEntry(ctx, r, e, Explanation{Outcome: Miss, Invalidated: r.invalidated, Took: e.Filled.Sub(started)})
}

func (c *Cache) refused(ctx context.Context, r *reading, reason Reason, started time.Time) {
	c.missed(r).refused[reason].Add(1)
	c.reportEntry(ctx, r, nil, Explanation{Outcome: Refused, Reason: reason, Invalidated: r.invalidated, Took: time.Since(started)})
}

func (c *Cache) failed(ctx context.Context, r *reading, err error) {
	c.missed(r).errors.Add(1)
	c.reportEntry(ctx, r, nil, Explanation{Outcome: Failed, Detail: err.Error(), Invalidated: r.invalidated})
}

func (c *Cache) missed(r *reading) *opStats {
	s := r.scope.stats.op(r.scope.op)
	if r.replaces != nil {
		s.refreshed.Add(1)
		return s
	}
	s.misses.Add(1)
	if r.invalidated {
		s.invalidated.Add(1)
	}
	return s
}

// reportEntry reports a read that got an entry, nil for one that got none.
func (c *Cache) reportEntry(ctx context.Context, r *reading, e *Entry, x Explanation) {
	if r.scope.explain == nil && !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	x.Query, x.Key = r.st.query, r.key
	var rows *codec.Rows
	if e != nil {
		rows = e.Rows
		x.Rows, x.Age = rows.N, time.Since(e.Filled)
	}
	x.Invalidation = r.invalidation(rows)
	if r.scope.explain != nil && rows != nil {
		f := r.facts()
		f.Spell = true
		r.st.Facts(&f, r.args, rows)
		x.Facts = f.Tags
	}
	c.report(ctx, r.scope, x)
}

func (c *Cache) report(ctx context.Context, sc *scope, x Explanation) {
	x.Type, x.Op, x.RowsOnly = sc.typ.Name, sc.op, sc.noValue
	if sc.explain != nil {
		sc.explain.add(x)
	}
	if !c.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{slog.String("type", x.Type), slog.String("op", x.Op.String())}
	if x.Level != 0 {
		attrs = append(attrs, slog.String("level", x.Level.String()))
	}
	if x.Reason != Cacheable {
		attrs = append(attrs, slog.String("reason", x.Reason.String()), slog.String("detail", x.Detail))
	}
	if x.Key != (Key{}) {
		attrs = append(attrs, slog.String("key", fmt.Sprintf("%x", x.Key[:])))
	}
	if x.Invalidation != nil {
		attrs = append(attrs, slog.String("invalidated", x.Invalidation.String()))
	}
	if x.Query != "" {
		attrs = append(attrs, slog.String("sql", x.Query))
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "entcache: "+x.Outcome.String(), attrs...)
}
