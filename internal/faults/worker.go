package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/mutant"
	ent "github.com/entcache/ent-cache/internal/schemas/versions/ent"
	_ "github.com/entcache/ent-cache/internal/schemas/versions/ent/runtime" // what the schema says at run time
)

// patience bounds every operation of a worker.
const patience = 10 * time.Second

// worker is one process with a cache.
type worker struct {
	WorkerConfig
	*reporter
	db     *sql.DB
	client *ent.Client
	cache  *entcache.Handle

	ops     atomic.Uint64
	drain   context.CancelFunc
	threads sync.WaitGroup
	follows chan Order
	narrow  atomic.Bool
}

// Work is the main function of a worker. It ends with an order to quit, or with
// the end of the orders, which is the end of the parent.
func Work(c WorkerConfig, orders io.Reader, reports io.Writer) error {
	w := &worker{WorkerConfig: c, reporter: newReporter(reports), follows: make(chan Order, 64)}
	if err := w.work(orders); err != nil {
		_ = w.report(Event{Kind: Broken, Start: now(), Error: err.Error()})
		return err
	}
	return nil
}

func (w *worker) work(orders io.Reader) error {
	if w.Mutant != "" {
		m, err := mutant.Parse(w.Mutant)
		if err != nil {
			return err
		}
		mutant.Set(m)
	}
	db, err := sql.Open(w.Driver, w.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(2 * w.Threads)
	db.SetMaxIdleConns(2 * w.Threads)
	w.db = db
	h, err := w.newCache()
	if err != nil {
		return err
	}
	w.cache = h
	w.client = ent.NewClient(ent.Driver(entsql.OpenDB(w.Dialect, db)))
	w.client.Intercept(h.Interceptor())

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go w.flushNowAndThen(ctx)
	if err := w.report(Event{Kind: Ready, Start: now()}); err != nil {
		return err
	}
	var failed error
	quit := false
	err = decode(orders, func(o Order) {
		switch o.Do {
		case Run:
			running, drain := context.WithCancel(ctx)
			w.drain = drain
			for i := range w.Threads {
				w.threads.Go(func() { w.thread(running, i) })
			}
			w.threads.Go(func() { w.follow(running) })
		case Follow:
			select {
			case w.follows <- o:
			default:
			}
		case Narrow, Widen:
			w.narrow.Store(o.Do == Narrow)
		case Count:
			failed = errors.Join(failed, w.report(Event{Kind: Counted, Start: now(), Counters: w.counters()}))
		case Drain:
			w.drain()
			w.threads.Wait()
			failed = errors.Join(failed, w.report(Event{Kind: Idle, Start: now()}))
		case Verify:
			w.verify(ctx)
			failed = errors.Join(failed, w.report(Event{Kind: Verified, Start: now()}))
		case Quit:
			quit = true
			failed = errors.Join(failed, w.cache.Close(), w.flush())
		}
	})
	if !quit && err == nil {
		err = errors.New("entcache: the parent is gone")
	}
	return errors.Join(err, failed)
}

// flushNowAndThen sends reports of reads, which don't send themselves.
func (w *worker) flushNowAndThen(ctx context.Context) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			_ = w.flush()
		}
	}
}

// thread does one operation after the other.
func (w *worker) thread(running context.Context, n int) {
	rng := rand.New(rand.NewPCG(w.Seed, uint64(w.Worker)<<16|uint64(n)))
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-running.Done():
			return
		case <-pause.C:
		}
		// An operation that has begun is let end.
		ctx, cancel := w.deadline(rng)
		switch {
		case w.narrow.Load():
			w.narrowRead(ctx, rng)
		case rng.IntN(1000) < w.Writes:
			w.randomWrite(ctx, rng)
		default:
			w.randomRead(ctx, rng)
		}
		cancel()
		pause.Reset(w.Pause/2 + rand.N(w.Pause+1))
	}
}

// deadline sometimes is so near that operations are given up, most of them only
// where something is slow: the database may then still do what it was told.
func (w *worker) deadline(rng *rand.Rand) (context.Context, context.CancelFunc) {
	d := patience
	switch n := rng.IntN(100); {
	case n < 1:
		d = time.Duration(rng.Int64N(int64(5 * time.Millisecond)))
	case n < 10:
		d = time.Duration(rng.Int64N(int64(w.Bound))) + 20*time.Millisecond
	}
	return context.WithTimeout(context.Background(), d)
}

// follow reads what others wrote, under their tokens.
func (w *worker) follow(running context.Context) {
	for {
		select {
		case <-running.Done():
			return
		case o := <-w.follows:
			ctx, cancel := context.WithTimeout(entcache.WithToken(context.Background(), o.Token), patience)
			w.read(ctx, Query{Of: One, Key: o.Key}, Bounded, o.Op)
			cancel()
		}
	}
}

// next returns the name of a new operation.
func (w *worker) next() uint64 { return uint64(w.Worker)<<28 | w.ops.Add(1) }

func (w *worker) String() string { return fmt.Sprintf("worker %d", w.Worker) }
