package simulation

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing/synctest"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/interceptor"
	"github.com/entcache/ent-cache/internal/schemas/versions/ent"
	"github.com/entcache/ent-cache/internal/simredis"
)

// The times of the simulation are those of production, divided.
const (
	bound      = 200 * time.Millisecond
	lease      = 600 * time.Millisecond
	quarantine = 800 * time.Millisecond
	inDoubt    = 900 * time.Millisecond
	// timeout is how long a call of the remote level takes at most.
	timeout = 400 * time.Millisecond
)

// label says what a call is for.
type label uint8

const (
	dbQuery label = iota
	dbExec
	dbCommit
	remoteGet
	remoteFill
	remoteBegin
	remoteEnd
	remoteProbe
	remoteHandshake
	remotePeek
	numLabels
)

var labels = [numLabels]string{"query", "exec", "commit", "Get", "Fill", "Begin", "End", "Probe", "Handshake", "Peek"}

func (l label) String() string { return labels[l] }
func (l label) remote() bool   { return l >= remoteGet }
func (l label) writes() bool   { return l == dbExec || l == dbCommit }

// phase is how far a call got.
type phase uint8

const (
	sent     phase = iota // on its way
	done                  // it had its effect
	returned              // the caller has the answer
	orphaned              // the caller has given up, the effect may come
	gone
)

// call is a call of the remote level or the database that waits for the
// scheduler.
type call struct {
	p      *process
	op     *operation // nil for what a process does by itself
	label  label
	key    cache.Key // of an entry
	effect func() error
	resume chan struct{}
	seq    int

	// Under the world's lock until it is returned.
	phase phase
	err   error
	since time.Duration
	until time.Duration // held by the schedule
	rank  int
}

// process is a process that uses the cache.
type process struct {
	world  *world
	id     int // never used again
	slot   int
	cache  *cache.Cache
	client *ent.Client
	near   *near
	level  *level

	// Under the world's lock.
	inbox   *inbox
	crashed bool
	cut     bool // from the server
	epochs  []cache.Epoch

	stopped  time.Duration // until then; 0 if it runs
	cutUntil time.Duration
	acked    []int // its commits that it knows of
	debts    bool  // some may not be known to others
	failed   bool  // a call of the remote level failed once
	late     bool  // or was late, or the process was stopped
	running  int
	post     time.Duration // messages are held until then
	// recordsAt is until when its Ends are held.
	recordsAt time.Duration
}

var errCrashed = errors.New("the process has crashed")

// park waits until the scheduler lets the call have its effect and return.
func (p *process) park(ctx context.Context, op *operation, l label, effect func() error) error {
	return p.parkAt(ctx, op, l, cache.Key{}, effect)
}

// parkAt is park for a call about an entry.
func (p *process) parkAt(ctx context.Context, op *operation, l label, key cache.Key, effect func() error) error {
	w := p.world
	c := &call{p: p, op: op, label: l, key: key, effect: effect, resume: make(chan struct{}, 1)}
	w.mu.Lock()
	switch err := ctx.Err(); {
	case p.crashed:
		w.mu.Unlock()
		return errCrashed
	case err != nil:
		w.mu.Unlock()
		return err
	}
	w.arrived = append(w.arrived, c)
	w.mu.Unlock()
	select {
	case <-c.resume:
		return c.err
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		switch c.phase {
		case returned:
			return c.err
		case sent:
			c.phase = orphaned
		default:
			c.phase = gone
		}
		if c.op != nil && l.writes() {
			c.op.doubt(w.now())
		}
		return ctx.Err()
	}
}

func (p *process) saw(e cache.Epoch) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.sawLocked(e)
}

func (p *process) sawLocked(e cache.Epoch) {
	if !slices.Contains(p.epochs, e) {
		p.epochs = append(p.epochs, e)
	}
}

// current reports whether the process takes an answer of the epoch for a present
// one.
func (p *process) current(e cache.Epoch) bool {
	i := slices.Index(p.epochs, e)
	return i < 0 || i == len(p.epochs)-1
}

// start starts a process in a slot.
func (w *world) start(slot int) *process {
	w.started++
	p := &process{world: w, id: w.started, slot: slot, near: newNear()}
	p.level = &level{p: p, client: w.server.Client(simredis.Config{Database: "db", Quarantine: quarantine})}
	if w.plan.Forgetful {
		p.near.longest = bound / 10
	}
	remote := cache.Remote(p.level)
	if w.plan.NoPeek {
		remote = struct{ cache.Remote }{p.level}
	}
	c, err := openCache(cache.Options{
		Near: p.near, LedgerFacts: 512, Remote: remote, Lease: lease, InDoubt: inDoubt,
		Consistency: w.plan.Standard, RefuseUnannounced: w.plan.Refuse, Logger: w.log,
	})
	if err != nil {
		panic(err)
	}
	p.cache = c
	p.client = ent.NewClient(ent.Driver(dbDriver{p}))
	p.client.Intercept(interceptor.New(c))
	w.slots[slot] = p
	w.procs = append(w.procs, p)
	// It subscribes before the next one does.
	synctest.Wait()
	return p
}

var quiet = slog.New(slog.DiscardHandler)
