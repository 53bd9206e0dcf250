package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/entcache/ent-cache/entcache"
	ent "github.com/entcache/ent-cache/internal/schemas/versions/ent"
	"github.com/entcache/ent-cache/internal/schemas/versions/ent/item"
	"github.com/entcache/ent-cache/internal/schemas/versions/ent/shelf"
)

// write is an operation that writes; each of its statements has a nonce of its
// own.
type write struct {
	*worker
	op         uint64
	statements int
	// key is a row that it writes, zero if it isn't known which.
	key int
	// owed is how many writes had gone unannounced before.
	owed uint64
}

func (w *write) nonce() string {
	w.statements++
	return nonce(w.op, w.statements)
}

// begin reports a write before it happens.
func (w *worker) begin() *write { return w.beginDelete(0, "") }

// beginDelete is begin for a write that deletes a row, as long as it has the
// nonce.
func (w *worker) beginDelete(key int, nonce string) *write {
	out := &write{worker: w, op: w.next(), key: key, owed: w.unannounced()}
	e := Event{Kind: Began, Op: out.op, Deletes: nonce, Start: now()}
	if key != 0 {
		e.Query = Query{Of: One, Key: key}
	}
	_ = w.report(e)
	return out
}

// end reports what became of a write.
func (w *write) end(ctx context.Context, outcome Outcome, err error) {
	e := Event{Kind: Ended, Op: w.op, Start: now(), Outcome: outcome, Owed: w.unannounced() != w.owed}
	if outcome == Committed && w.key != 0 {
		e.Query = Query{Of: One, Key: w.key}
		e.Token = entcache.Token(ctx)
	}
	if err != nil {
		e.Error = err.Error()
	}
	_ = w.report(e)
}

// outcome is what an autocommit statement's error says for certain.
func outcome(err error) Outcome {
	switch {
	case err == nil:
		return Committed
	case refused(err):
		return Refused
	case ent.IsNotFound(err), ent.IsConstraintError(err):
		return RolledBack
	}
	return Unknown
}

func (w *worker) randomWrite(ctx context.Context, rng *rand.Rand) {
	switch n := rng.IntN(100); {
	case n < 40:
		w.updateItem(ctx, w.anItem(rng), 0)
	case n < 50:
		w.updateItem(ctx, w.anItem(rng), w.aShelf(rng))
	case n < 58:
		w.updateShelf(ctx, w.aShelf(rng))
	case n < 62:
		w.updateMany(ctx, w.aShelf(rng))
	case n < 72:
		w.comeAndGo(ctx, w.fickle(rng))
	default:
		w.transaction(ctx, rng)
	}
}

// fickle returns an item that may be deleted; most stay.
func (w *worker) fickle(rng *rand.Rand) int { return firstItem + w.Items - 1 - rng.IntN(w.Items/3) }

// updateItem writes one row, and moves it if there is a shelf to move it to.
func (w *worker) updateItem(ctx context.Context, key, to int) {
	o := w.begin()
	o.key = key
	u := w.client.Item.UpdateOneID(key).AddVer(1).SetNonce(o.nonce())
	if to != 0 {
		u.SetShelfID(to)
	}
	err := u.Exec(ctx)
	o.end(ctx, outcome(err), err)
}

func (w *worker) updateShelf(ctx context.Context, key int) {
	o := w.begin()
	o.key = key
	err := w.client.Shelf.UpdateOneID(key).AddVer(1).SetNonce(o.nonce()).Exec(ctx)
	o.end(ctx, outcome(err), err)
}

// updateMany writes the rows of a predicate.
func (w *worker) updateMany(ctx context.Context, onShelf int) {
	o := w.begin()
	_, err := w.client.Item.Update().Where(item.ShelfID(onShelf)).AddVer(1).SetNonce(o.nonce()).Save(ctx)
	o.end(ctx, outcome(err), err)
}

// comeAndGo deletes an item if it is there, else creates it again.
func (w *worker) comeAndGo(ctx context.Context, key int) {
	var ver, present int
	var last string
	err := w.db.QueryRowContext(ctx, fmt.Sprintf("SELECT ver, nonce, present FROM version_log WHERE k = %d ORDER BY ver DESC LIMIT 1", key)).Scan(&ver, &last, &present)
	if err != nil {
		return
	}
	if present == 1 {
		o := w.beginDelete(key, last)
		// The nonce makes sure that it is this write that deletes the row.
		err = w.client.Item.DeleteOneID(key).Where(item.Nonce(last)).Exec(ctx)
		o.end(ctx, outcome(err), err)
		return
	}
	o := w.begin()
	o.key = key
	// A second writer's version is refused by the log's index.
	err = w.client.Item.Create().SetID(key).SetVer(ver + 1).SetNonce(o.nonce()).SetShelfID(1 + ver%w.Shelves).Exec(ctx)
	o.end(ctx, outcome(err), err)
}

// transaction writes some rows together, some of them twice, and rolls back now
// and then.
func (w *worker) transaction(ctx context.Context, rng *rand.Rand) {
	var keys []int
	for range 1 + rng.IntN(3) {
		key := w.anItem(rng)
		if rng.IntN(4) == 0 {
			key = w.aShelf(rng)
		}
		keys = append(keys, key)
	}
	// In one order, so that transactions seldom wait for each other in circles.
	slices.Sort(keys)
	rollBack, isolation := rng.IntN(4) == 0, sql.LevelDefault
	if rng.IntN(4) == 0 {
		isolation = sql.LevelSerializable
	}
	o := w.begin()
	tx, err := w.client.BeginTx(ctx, &sql.TxOptions{Isolation: isolation})
	if err != nil {
		o.end(ctx, RolledBack, err)
		return
	}
	for _, key := range keys {
		if err = o.update(ctx, tx, key); err != nil && !ent.IsNotFound(err) {
			break
		}
		err = nil
	}
	// Nothing commits without being told to.
	if err != nil || rollBack {
		err = errors.Join(err, tx.Rollback())
		o.end(ctx, RolledBack, err)
		return
	}
	_ = w.report(Event{Kind: Committing, Op: o.op, Start: now()})
	err = tx.Commit()
	got := outcome(err)
	if got == RolledBack {
		got = Unknown
	}
	o.end(ctx, got, err)
}

func (w *write) update(ctx context.Context, tx *ent.Tx, key int) error {
	if key < firstItem {
		if err := tx.Shelf.UpdateOneID(key).AddVer(1).SetNonce(w.nonce()).Exec(ctx); err != nil {
			return err
		}
		w.key = key
		// A read of what isn't committed: nobody else may see it.
		_, err := tx.Shelf.Query().Where(shelf.ID(key)).WithItems().All(ctx)
		return err
	}
	if err := tx.Item.UpdateOneID(key).AddVer(1).SetNonce(w.nonce()).Exec(ctx); err != nil {
		return err
	}
	w.key = key
	_, err := tx.Item.Get(ctx, key)
	return err
}
