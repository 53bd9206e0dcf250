package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/example/internal/music"
)

const (
	// visitors is how many a process has at a time, pause how long each looks at
	// a page at most.
	visitors = 4
	pause    = 4 * time.Millisecond
	// writeShare is how many of a thousand operations write.
	writeShare = 20
	// handoverEvery is how often a process changes a price and asks another one
	// for it.
	handoverEvery = 100 * time.Millisecond
	reportEvery   = 100 * time.Millisecond
	// compared is how many reads a process runs again when all is quiet.
	compared = 300
)

// process is one of the processes.
type process struct {
	setup
	clock         clock
	cached, plain *ent.Client
	cache         *entcache.Handle
	sightings     sightings
	recent        music.Recent

	reads, writes, rolledBack, refused, handovers, behind, failures atomic.Uint64

	mu  sync.Mutex // for out
	out *json.Encoder
}

// processMain is the main function of a process. It ends when its input does.
func processMain() int {
	quietRedis()
	// A Ctrl-C is for the program, which then ends the processes.
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	if err := runProcess(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "process %s: %v\n", os.Getenv(processEnv), err)
		return 1
	}
	return 0
}

// quietRedis turns off the client's own log, which has a line for each connection
// that it can't make. The cache logs once that Redis is away.
func quietRedis() { logging.Disable() }

func runProcess(in io.Reader, out io.Writer) (err error) {
	lines := json.NewDecoder(bufio.NewReader(in))
	p := &process{out: json.NewEncoder(out)}
	if err := lines.Decode(&p.setup); err != nil {
		return err
	}
	p.clock = newClock(p.Began)
	p.sightings = sightings{watched: p.Watched, seen: make(map[price]*sighting)}

	drv, err := open(p.DSN)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drv.Close()) }()
	p.cached, p.plain = ent.NewClient(ent.Driver(drv)), ent.NewClient(ent.Driver(drv))
	if p.Alone {
		if p.cache, err = entcache.New(); err != nil {
			return err
		}
		defer p.cache.Close()
	} else {
		shared, err := connect(p.Redis, p.Bound, p.logger())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, shared.Close()) }()
		p.cache = shared.Handle
	}
	p.cached.Intercept(p.cache.Interceptor())

	// A process that was killed leaves its socket behind.
	path := socket(p.Dir, strconv.Itoa(p.Number))
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: pages(p.cached)}
	go server.Serve(l)
	defer server.Close()

	return p.serve(lines)
}

// serve lets visitors in until it is told otherwise.
func (p *process) serve(lines *json.Decoder) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	open, shut := context.WithCancel(ctx)
	defer shut()
	var traffic, others sync.WaitGroup
	for i := range visitors {
		v := music.NewVisitor(p.Seed, uint64(p.Number*visitors+i), p.IDs, p.Words)
		traffic.Go(func() { p.visit(ctx, open, cancel, v) })
	}
	traffic.Go(func() { p.handOver(ctx, open, cancel) })
	others.Go(func() {
		for sleep(ctx, reportEvery) {
			p.report(report{})
		}
	})
	defer func() {
		cancel(nil)
		traffic.Wait()
		others.Wait()
	}()

	orders := make(chan order)
	others.Go(func() {
		defer close(orders)
		for {
			var o order
			if lines.Decode(&o) != nil {
				return
			}
			select {
			case orders <- o:
			case <-ctx.Done():
				return
			}
		}
	})
	p.report(report{Done: ready})
	for {
		select {
		case <-ctx.Done():
			// The input stays open, so that it isn't waited for.
			fmt.Fprintf(os.Stderr, "process %d: %v\n", p.Number, context.Cause(ctx))
			os.Exit(1)
		case o, ok := <-orders:
			if !ok {
				return nil
			}
			r := report{Done: o}
			switch o {
			case quiet:
				shut()
				traffic.Wait()
			case compare:
				c, err := p.compare(ctx)
				if err != nil {
					return err
				}
				r.Compared = c
			}
			p.report(r)
		}
	}
}

// visit is one visitor after the other, until the doors shut.
func (p *process) visit(ctx, open context.Context, fail context.CancelCauseFunc, v *music.Visitor) {
	for sleep(open, rand.N(pause)) {
		if v.IntN(1000) < writeShare {
			_, rolledBack, err := v.Write(ctx, p.cached)
			if rolledBack {
				p.rolledBack.Add(1)
			}
			if !p.wrote(err) {
				fail(err)
				return
			}
			continue
		}
		r := v.Read()
		p.recent.Add(r)
		began := p.clock.now()
		result, err := r.On(ctx, p.cached)
		if err != nil {
			fail(err)
			return
		}
		p.reads.Add(1)
		p.sightings.add(result, began)
	}
}

// wrote counts a write, and reports whether its error is one to go on after.
func (p *process) wrote(err error) bool {
	switch {
	case errors.Is(err, entcache.ErrUnannounced):
		p.refused.Add(1)
	case err == nil:
		p.writes.Add(1)
	case lostRace(err):
		p.rolledBack.Add(1)
	default:
		return false
	}
	return true
}

// handOver changes prices and asks another process for them, which must have
// them at once: they come with a token.
func (p *process) handOver(ctx, open context.Context, fail context.CancelCauseFunc) {
	client := peers(p.Dir)
	defer client.CloseIdleConnections()
	for sleep(open, handoverEvery) {
		id := p.Watched[rand.IntN(len(p.Watched))]
		t, err := p.cached.Track.UpdateOneID(id).AddUnitPrice(1).Save(ctx)
		if !p.wrote(err) {
			fail(err)
			return
		}
		if err != nil {
			continue
		}
		peer := (p.Number + rand.IntN(p.Processes-1)) % p.Processes
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		price, err := askPrice(ctx, client, 1+peer, id)
		cancel()
		switch {
		case err != nil:
			// It is being restarted, as a rule.
			p.failures.Add(1)
		case price < t.UnitPrice:
			p.behind.Add(1)
			fallthrough
		default:
			p.handovers.Add(1)
		}
	}
}

// compare runs recent reads on both clients. Nobody writes meanwhile.
func (p *process) compare(ctx context.Context) (*comparison, error) {
	c := &comparison{}
	random := rand.New(rand.NewPCG(p.Seed, uint64(p.Number)))
	for range compared {
		r, ok := p.recent.Draw(random)
		if !ok {
			break
		}
		got, err := r.On(ctx, p.cached)
		if err != nil {
			return nil, err
		}
		want, err := r.On(ctx, p.plain)
		if err != nil {
			return nil, err
		}
		c.Reads++
		if !music.Same(got, want) {
			c.Differed++
			c.Example = r.String()
		}
	}
	return c, nil
}

// report fills in the rest of a report and sends it.
func (p *process) report(r report) {
	s := p.cache.Stats()
	total := s.Total()
	r.Counts = counts{
		Reads: p.reads.Load(), Writes: p.writes.Load(), RolledBack: p.rolledBack.Load(), Refused: p.refused.Load(),
		Near: total.Hits - total.RemoteHits, Remote: total.RemoteHits, Misses: total.Misses, Invalidations: s.Invalidations,
		Handovers: p.handovers.Load(), Behind: p.behind.Load(), Failures: p.failures.Load(),
	}
	if s.Remote != nil {
		r.Counts.Epochs = s.Remote.Epochs
	}
	r.Sightings = p.sightings.take()
	p.mu.Lock()
	defer p.mu.Unlock()
	// If nobody listens any more, the input ends too.
	_ = p.out.Encode(r)
}

func (p *process) logger() *slog.Logger {
	level := slog.LevelError
	if p.Verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("process", p.Number)
}

// sleep reports whether the time passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
