package faults

import (
	"context"
	"math/rand/v2"
	"strings"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/entcache"
	ent "github.com/entcache/ent-cache/internal/schemas/versions/ent"
	"github.com/entcache/ent-cache/internal/schemas/versions/ent/item"
	"github.com/entcache/ent-cache/internal/schemas/versions/ent/shelf"
)

// randomRead mostly reads single rows, and some more often than others.
func (w *worker) randomRead(ctx context.Context, rng *rand.Rand) {
	mode := Bounded
	if rng.IntN(4) == 0 {
		mode = Strict
	}
	q := Query{Of: One}
	switch n := rng.IntN(100); {
	case n < 50:
		q.Key = w.anItem(rng)
	case n < 60:
		q.Key = w.aShelf(rng)
	case n < 75:
		q = Query{Of: OnShelf, Key: w.aShelf(rng)}
	case n < 80:
		q.Of = AllItems
	case n < 85:
		q.Of = AllShelves
	case n < 90:
		q = Query{Of: CountOnShelf, Key: w.aShelf(rng)}
	case n < 93:
		q.Of = SumItems
	default:
		w.readEager(ctx, w.aShelf(rng), mode)
		return
	}
	w.read(ctx, q, mode, 0)
}

// narrowRead reads one of few rows, of which nearly all reads are hits.
func (w *worker) narrowRead(ctx context.Context, rng *rand.Rand) {
	mode := Bounded
	if rng.IntN(2) == 0 {
		mode = Strict
	}
	w.read(ctx, Query{Of: One, Key: w.aShelf(rng)}, mode, 0)
}

// anItem favours the first few.
func (w *worker) anItem(rng *rand.Rand) int {
	return firstItem + int(float64(w.Items)*rng.Float64()*rng.Float64())
}

func (w *worker) aShelf(rng *rand.Rand) int { return 1 + rng.IntN(w.Shelves) }

// verify reads everything in both modes.
func (w *worker) verify(ctx context.Context) {
	queries := []Query{{Of: AllItems}, {Of: AllShelves}, {Of: SumItems}}
	from, to := w.shelves()
	for key := from; key < to; key++ {
		queries = append(queries, Query{Of: One, Key: key}, Query{Of: OnShelf, Key: key}, Query{Of: CountOnShelf, Key: key})
	}
	from, to = w.items()
	for key := from; key < to; key++ {
		queries = append(queries, Query{Of: One, Key: key})
	}
	for _, mode := range []Mode{Bounded, Strict} {
		for _, q := range queries {
			ctx, cancel := context.WithTimeout(ctx, patience)
			e := w.observe(ctx, q, mode)
			e.Final = true
			_ = w.report(e)
			cancel()
		}
	}
}

// read reports what a query returns. A read that was given up saw nothing.
func (w *worker) read(ctx context.Context, q Query, mode Mode, after uint64) {
	e := w.observe(ctx, q, mode)
	e.After = after
	if e.Error == "" || ctx.Err() == nil {
		_ = w.report(e)
	}
}

// observe runs a query.
func (w *worker) observe(ctx context.Context, q Query, mode Mode) Event {
	e := Event{Kind: Seen, Op: w.next(), Query: q, Mode: mode, Start: now()}
	how, err := entcache.Explain(w.consistent(ctx, mode), func(ctx context.Context) error { return w.query(ctx, &e) })
	e.End = now()
	e.tell(how)
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

func (w *worker) query(ctx context.Context, e *Event) error {
	var err error
	switch q := e.Query; q.Of {
	case One:
		if q.Key < firstItem {
			var s *ent.Shelf
			if s, err = w.client.Shelf.Get(ctx, q.Key); err == nil {
				e.Rows = shelfRows([]*ent.Shelf{s})
			}
		} else {
			var i *ent.Item
			if i, err = w.client.Item.Get(ctx, q.Key); err == nil {
				e.Rows = itemRows([]*ent.Item{i})
			}
		}
		if ent.IsNotFound(err) {
			err = nil
		}
	case OnShelf:
		var is []*ent.Item
		is, err = w.client.Item.Query().Where(item.ShelfID(q.Key)).All(ctx)
		e.Rows = itemRows(is)
	case AllItems:
		var is []*ent.Item
		is, err = w.client.Item.Query().Order(item.ByVer(), item.ByID()).All(ctx)
		e.Rows = itemRows(is)
	case AllShelves:
		var ss []*ent.Shelf
		ss, err = w.client.Shelf.Query().All(ctx)
		e.Rows = shelfRows(ss)
	case CountOnShelf:
		e.Sum, err = w.client.Item.Query().Where(item.ShelfID(q.Key)).Count(ctx)
	case SumItems:
		e.Sum, err = w.client.Item.Query().Aggregate(ent.Sum(item.FieldVer)).Int(ctx)
	}
	return err
}

// readEager reports the two statements of an eager load as two reads: they may
// see different moments.
func (w *worker) readEager(ctx context.Context, key int, mode Mode) {
	e := Event{Kind: Seen, Op: w.next(), Query: Query{Of: One, Key: key}, Mode: mode, Start: now()}
	var s *ent.Shelf
	how, err := entcache.Explain(w.consistent(ctx, mode), func(ctx context.Context) (err error) {
		s, err = w.client.Shelf.Query().Where(shelf.ID(key)).WithItems().Only(ctx)
		return err
	})
	e.End = now()
	e.tell(how)
	if err != nil {
		if ctx.Err() == nil {
			e.Error = err.Error()
			_ = w.report(e)
		}
		return
	}
	e.Rows = shelfRows([]*ent.Shelf{s})
	_ = w.report(e)
	e.Query, e.Rows = Query{Of: OnShelf, Key: key}, itemRows(s.Edges.Items)
	_ = w.report(e)
}

func itemRows(is []*ent.Item) []Row {
	rows := make([]Row, len(is))
	for n, i := range is {
		rows[n] = Row{i.ID, i.Ver, i.Nonce}
	}
	return rows
}

func shelfRows(ss []*ent.Shelf) []Row {
	rows := make([]Row, len(ss))
	for n, s := range ss {
		rows[n] = Row{s.ID, s.Ver, s.Nonce}
	}
	return rows
}

// tell says where the results of statements came from.
func (e *Event) tell(how []entcache.Explanation) {
	parts := make([]string, len(how))
	for i, x := range how {
		parts[i] = x.Outcome.String()
		if x.Age > 0 {
			parts[i] += " aged " + ms(int64(x.Age))
		}
		if x.Reason != 0 {
			parts[i] += " (" + x.Reason.String() + ")"
		}
		switch x.Outcome {
		case cache.HitRemote:
			e.Remote = true
		case cache.Hit:
			e.Aged = max(e.Aged, int64(x.Age))
		}
	}
	e.How = strings.Join(parts, ", ")
}
