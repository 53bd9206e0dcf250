package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/entcache/ent-cache/internal/testdb"
)

// run is one run: its servers, its workers and what is known of them.
type run struct {
	Options
	t     testing.TB
	rng   *rand.Rand
	db    *testdb.Database
	judge *judgeDB
	redis *redisPair
	slots []*slot
	tally *tally
	start int64

	// policy is that of the present phase.
	policy Policy
	phase  int
	writes int
	// mended is when the phase's faults had all ended.
	mended int64
	// crashAt plans the end of the next worker, if it isn't nil.
	crashAt func() string
	points  int
	worker  int

	mu       sync.Mutex
	history  *History
	reads    []*Read
	failures []Violation
	pauses   []pause
	splits   []split
	timeline []mark
	hands    *rand.Rand // chooses who is handed a token
}

// slot is the place of a worker, with its ways to the servers.
type slot struct {
	n          int
	redis, sql *Proxy // sql is nil for SQLite
	p          *process
}

// pause is a time in which a worker stood still.
type pause struct {
	worker   int
	from, to int64
}

// mark is an event of the schedule, for traces.
type mark struct {
	at   int64
	text string
}

// Start runs a schedule in a test, which fails if anything is violated. Where
// processes can't be stopped, it skips the test.
func Start(t testing.TB, o Options) {
	t.Helper()
	if !suitable {
		t.Skip("entcache: processes can't be stopped on this system, and share no clock: run it on Linux")
	}
	r := &run{
		Options: o, t: t, rng: rand.New(rand.NewPCG(o.Seed, 1)), hands: rand.New(rand.NewPCG(o.Seed, 2)),
		tally: newTally(), history: NewHistory(o.Size), start: now(),
	}
	r.open()
	t.Cleanup(r.killAll)
	defer func() { r.tally.print(r) }()
	if o.Short {
		r.short()
	} else {
		r.long()
	}
}

// open starts what all phases share.
func (r *run) open() {
	r.t.Helper()
	r.db = testdb.Create(r.t, r.Dialect)
	pool, err := r.db.Open()
	r.must(err)
	r.t.Cleanup(func() { _ = pool.Close() })
	r.judge = &judgeDB{db: pool}
	ctx, cancel := r.patience()
	defer cancel()
	r.must(r.judge.setUp(ctx, r.Dialect, r.Size))
	rows, err := r.judge.fresh(ctx)
	r.must(err)
	r.fail(r.history.Append(rows))
	r.redis = newRedisPair(r)
	for n := range r.Processes {
		s := &slot{n: n}
		s.redis, err = NewProxy(r.redis.master.Addr)
		r.must(err)
		r.t.Cleanup(s.redis.Close)
		addr, err := databaseAddr(r.Dialect, r.db.DSN)
		r.must(err)
		if addr != "" {
			s.sql, err = NewProxy(addr)
			r.must(err)
			r.t.Cleanup(s.sql.Close)
		}
		r.slots = append(r.slots, s)
	}
}

func (r *run) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.t.Context(), 30*time.Second)
}

func (r *run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// mark notes what the schedule does.
func (r *run) mark(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timeline = append(r.timeline, mark{now(), fmt.Sprintf(format, args...)})
}

// namespace is that of all workers.
const namespace = "faults"

// config is what the next worker of a slot is told.
func (r *run) config(s *slot) WorkerConfig {
	r.worker++
	c := WorkerConfig{
		Size: r.Size, Worker: r.worker, Seed: r.Seed, Dialect: r.db.Dialect, Driver: r.db.DriverName,
		Namespace: namespace, Timing: r.Timing, Refuse: r.policy == Refusing, Mutant: r.Mutant, Mix: r.Mix,
	}
	c.Writes = r.writes
	if !r.NearOnly {
		c.RedisURL = r.redis.url(s.redis.Addr)
	}
	addr := ""
	if s.sql != nil {
		addr = s.sql.Addr
	}
	var err error
	c.DSN, err = workerDSN(r.Dialect, r.db.DSN, addr, r.Lease)
	r.must(err)
	return c
}

// spawn starts a worker in a slot and lets it work.
func (r *run) spawn(s *slot) {
	r.t.Helper()
	at := ""
	if r.crashAt != nil {
		at = r.crashAt()
	}
	p, err := spawn(r.config(s), at, r.reported)
	r.must(err)
	r.mu.Lock()
	s.p = p
	r.mu.Unlock()
	if _, err := p.await(Ready, 30*time.Second); err != nil {
		r.t.Fatalf("entcache: worker %d doesn't start: %v: %s", p.Worker, err, p.stderr)
	}
	if strings.HasSuffix(at, stopSuffix) {
		d := r.between(r.Lease/10, 3*r.Lease)
		go r.shepherd(p, d)
	}
	p.order(Order{Do: Run})
}

// reported takes in what workers report.
func (r *run) reported(p *process, e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case Began:
		w := r.history.Write(e.Op, p.Worker)
		w.Began = e.Start
		if e.Deletes != "" {
			r.history.Deleting(w, e.Query.Key, e.Deletes)
		}
	case Committing:
		r.history.Write(e.Op, p.Worker).Committing = e.Start
	case Ended:
		w := r.history.Write(e.Op, p.Worker)
		w.Ended, w.Outcome, w.Token, w.Owed = e.Start, e.Outcome, e.Token, e.Owed
		r.tally.write(e)
		if e.Token != "" {
			r.handOver(p, e)
		}
	case Seen:
		for _, row := range e.Rows {
			r.history.Sighted(row, e.End)
		}
		if e.Error != "" {
			r.failures = append(r.failures, Violation{What: Failure, Detail: e.Error, Read: &Read{p.Worker, e}})
			return
		}
		r.reads = append(r.reads, &Read{p.Worker, e})
	case Broken:
		r.failures = append(r.failures, Violation{What: Failure, Detail: fmt.Sprintf("worker %d: %s", p.Worker, e.Error)})
	}
}

// handOver gives another worker the token of a write, as a request that goes
// from one server to the next does.
func (r *run) handOver(from *process, e Event) {
	s := r.slots[r.hands.IntN(len(r.slots))]
	p := s.p
	if p == nil || p == from || !p.alive() || p.standing() {
		return
	}
	p.order(Order{Do: Follow, Token: e.Token, Op: e.Op, Key: e.Query.Key})
}

func (r *run) killAll() {
	for _, s := range r.slots {
		if s.p != nil {
			s.p.kill()
		}
	}
}
