package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"
)

// day is one run: the traffic, what happens to processes and Redis meanwhile,
// and what comes of it.
type day struct {
	options
	*fleet
	out      io.Writer
	redis    *redisServer
	started  time.Time
	watching sync.WaitGroup
	unwatch  context.CancelFunc
}

// step is something that happens at a time, given as a part of the whole.
type step struct {
	at   float64
	what string
	do   func(context.Context) error
}

func newDay(o options, out io.Writer, redis *redisServer, w *witness, s setup) *day {
	return &day{options: o, fleet: newFleet(s, w), out: out, redis: redis, unwatch: func() {}}
}

// steps: what a process was doing when it was killed may be committed and not
// recorded. What comes back with the snapshot are results that were overwritten
// after it was saved, and that look valid.
func (d *day) steps() []step {
	last := d.members[len(d.members)-1]
	return []step{
		{0.20, fmt.Sprintf("process %d is killed", last.number), func(context.Context) error { d.kill(last); return nil }},
		{0.30, fmt.Sprintf("process %d starts again", last.number), func(context.Context) error { return d.start(last) }},
		{0.40, "Redis saves a snapshot", d.redis.save},
		{0.45, "Redis is killed", func(context.Context) error { d.redis.kill(); return nil }},
		{0.50, "Redis starts again, with the old snapshot", d.redis.start},
		{0.70, "Redis is killed", func(context.Context) error { d.redis.kill(); return d.redis.forget() }},
		{0.75, "Redis starts again, empty", d.redis.start},
	}
}

func (d *day) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch, unwatch := context.WithCancel(ctx)
	d.unwatch = unwatch
	d.watching.Go(func() {
		if err := d.witness.watch(watch); err != nil {
			cancel(fmt.Errorf("looking at prices: %w", err))
		}
	})
	for _, m := range d.members {
		if err := d.start(m); err != nil {
			return err
		}
	}
	if err := d.await(ctx, ready); err != nil {
		return err
	}
	if err := d.traffic(ctx); err != nil {
		return err
	}
	if err := d.tell(ctx, quiet); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%4.0f s  all is quiet\n", time.Since(d.started).Seconds())
	if !sleep(ctx, d.bound) {
		return context.Cause(ctx)
	}
	if err := d.tell(ctx, compare); err != nil {
		return err
	}
	return d.end()
}

// traffic lets visitors be, prints a line each second, and takes the steps.
func (d *day) traffic(ctx context.Context) error {
	fmt.Fprintf(d.out, "%d processes with %d visitors each, seed %d; of 1000 operations %d write\n\n", d.processes, visitors, d.seed, writeShare)
	fmt.Fprintf(d.out, "%6s  %8s  %11s  %13s  %8s  %8s  %15s  %9s  %6s\n",
		"", "reads/s", "near hits/s", "remote hits/s", "misses/s", "writes/s", "invalidations/s", "refused/s", "epochs")
	d.started = time.Now()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	last, at := d.total(), d.started
	for steps := append(d.steps(), step{at: 1}); ; {
		due := d.started.Add(time.Duration(steps[0].at * float64(d.duration)))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e := <-d.events:
			if err := d.handle(e); err != nil {
				return err
			}
		case now := <-second.C:
			total := d.total()
			d.line(total, last, now.Sub(at).Seconds())
			last, at = total, now
		case <-time.After(time.Until(due)):
			if steps[0].do == nil {
				return nil
			}
			fmt.Fprintf(d.out, "%4.0f s  %s\n", time.Since(d.started).Seconds(), steps[0].what)
			if err := steps[0].do(ctx); err != nil {
				return err
			}
			steps = steps[1:]
		}
	}
}

func (d *day) line(now, last counts, seconds float64) {
	rate := func(now, last uint64) float64 { return float64(now-last) / seconds }
	fmt.Fprintf(d.out, "%4.0f s  %8.0f  %11.0f  %13.0f  %8.0f  %8.0f  %15.0f  %9.0f  %6d\n", time.Since(d.started).Seconds(),
		rate(now.Reads, last.Reads), rate(now.Near, last.Near), rate(now.Remote, last.Remote), rate(now.Misses, last.Misses),
		rate(now.Writes, last.Writes), rate(now.Invalidations, last.Invalidations), rate(now.Refused, last.Refused), now.Epochs-last.Epochs)
}

// end ends all that run has started.
func (d *day) end() error {
	err := d.fleet.end()
	d.unwatch()
	d.watching.Wait()
	return err
}

// summary prints what the run did, and returns an error if something was wrong.
func (d *day) summary() error {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nprocess\treads\tnear hits\tremote hits\tmisses\twrites\tinvalidations\trolled back\trefused\tepochs\t\n")
	row := func(name string, c counts) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n",
			name, c.Reads, c.Near, c.Remote, c.Misses, c.Writes, c.Invalidations, c.RolledBack, c.Refused, c.Epochs)
	}
	var all comparison
	for _, m := range d.members {
		row(fmt.Sprint(m.number), m.all())
		all.Reads += m.compared.Reads
		all.Differed += m.compared.Differed
		if m.compared.Example != "" {
			all.Example = m.compared.Example
		}
	}
	total := d.total()
	row("all", total)
	w.Flush()

	v := d.witness.result()
	fmt.Fprintf(d.out, "\nHits, misses: statements. Refused: writes that couldn't be announced (entcache.RefuseUnannouncedWrites).\n")
	fmt.Fprintf(d.out, "%d reads with the token of a write in another process (%d more found it away): %d missed the write.\n",
		total.Handovers, total.Failures, total.Behind)
	fmt.Fprintf(d.out, "%d reads compared with the database when all was quiet: %d differed.\n", all.Reads, all.Differed)
	fmt.Fprintf(d.out, "%d prices of %d tracks read. The oldest had been overwritten %.2f s before the read began, or up to %.2f s longer\n"+
		"(as much as there was between two looks at the database):\n", v.prices, len(d.witness.tracks), max(0, v.oldest.Seconds()), v.gap.Seconds())
	fmt.Fprintf(d.out, "%d reads beyond the bound of %v\n", v.beyond, d.bound)

	var errs []error
	if total.Behind > 0 {
		errs = append(errs, fmt.Errorf("%d reads with a token missed the write", total.Behind))
	}
	if all.Differed > 0 {
		errs = append(errs, fmt.Errorf("%d reads differed from the database, the last of them: %s", all.Differed, all.Example))
	}
	if v.beyond > 0 {
		errs = append(errs, fmt.Errorf("%d reads beyond the bound", v.beyond))
	}
	if v.prices == 0 || all.Reads == 0 {
		errs = append(errs, errors.New("nothing was checked: let the traffic last longer"))
	}
	return errors.Join(errs...)
}
