package oracle

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"entgo.io/ent/dialect"

	"github.com/entcache/ent-cache/entcache"
)

// process is a cache with a client of its own. Those of one list share the
// database, and a remote level if there are several.
type process struct {
	handle *entcache.Handle
	cached reflect.Value
	leave  func()
}

// spread makes a list one for several processes, and lets operations that are
// repeated meet in all of them.
func (l *List) spread(processes int, tokens bool) {
	l.Processes, l.Tokens = processes, tokens
	l.Ops = slices.Clone(l.Ops)
	for i := range l.Ops {
		o := &l.Ops[i]
		// Neighbours differ, and not in turn.
		if n := byte(hashOf(fmt.Sprint(i))); len(o.Data) > processByte {
			o.Data = slices.Clone(o.Data)
			o.Data[processByte] = o.Data[processByte]%16 | n<<4
		}
	}
}

// processByte is the byte of an operation's data whose upper half says in which
// process it runs. Nothing else depends on that half.
const processByte = 1

// process is the number of the process that runs the operation, of n.
func (o Op) process(n int) int {
	if n < 2 || len(o.Data) <= processByte {
		return 0
	}
	return int(o.Data[processByte]>>4) % n
}

// join starts the processes of a list, and waits until they use the remote level
// they share.
func (r *run) join(ctx context.Context, l List, drv dialect.Driver) error {
	for range max(l.Processes, 1) {
		options := []entcache.Option{entcache.WithLedgerFacts(max(l.Ledger, 1)), entcache.WithLogger(slog.New(slog.DiscardHandler))}
		if l.RowsOnly {
			options = append(options, entcache.WithoutValues())
		}
		p := &process{leave: func() {}}
		if l.Processes > 1 {
			shared, err := r.share(ctx)
			if err != nil {
				return err
			}
			remote, leave, err := shared.join()
			if err != nil {
				return err
			}
			p.leave = leave
			// A write that the others weren't told of would be a wrong read.
			options = append(options, entcache.WithRemote(remote, nil), entcache.WithLease(lease), entcache.RefuseUnannouncedWrites())
		}
		var err error
		if p.handle, err = entcache.New(options...); err != nil {
			p.leave()
			return err
		}
		r.processes = append(r.processes, p)
		r.handle = p.handle
		p.cached = r.client(drv)
	}
	if l.Processes < 2 {
		return nil
	}
	for _, p := range r.processes {
		for start := time.Now(); !p.handle.Stats().Remote.Usable; time.Sleep(time.Millisecond) {
			if time.Since(start) > patience || ctx.Err() != nil {
				return fmt.Errorf("entcache: a process doesn't use the remote level after %v: %+v", time.Since(start), p.handle.Stats().Remote)
			}
		}
	}
	// What earlier lists left there is of rows that are gone.
	r.processes[0].handle.InvalidateAll(ctx)
	r.wrote(ctx)
	return nil
}

// leave ends the processes and adds their counts up.
func (r *run) leave() {
	for _, p := range r.processes {
		stats := p.handle.Stats()
		total := stats.Total()
		r.stats.Irrelevant += stats.Irrelevant
		r.stats.Hits += total.Hits + total.Coalesced
		r.stats.ValueHits += total.ValueHits
		r.stats.RemoteHits += total.RemoteHits
		r.stats.Misses += total.Misses
		for _, n := range total.Bypasses {
			r.stats.Bypasses += n
		}
		_ = p.handle.Close()
		p.leave()
	}
}

// enter makes the process of an operation the one that the client and the cache
// are of.
func (r *run) enter(op Op) {
	p := r.processes[op.process(len(r.processes))]
	r.handle, r.cached = p.handle, p.cached
}

// wrote remembers what the next reads must see, whichever process they run in.
func (r *run) wrote(ctx context.Context) {
	if r.tokens {
		r.token = entcache.Token(ctx)
	}
}

// exact makes the cached reads under the context ones that must be what the
// database says, and nothing older.
func (r *run) exact(ctx context.Context) context.Context {
	switch {
	case len(r.processes) < 2:
		return ctx
	case r.tokens:
		return entcache.WithToken(entcache.Consistent(ctx, entcache.Bounded(time.Minute)), r.token)
	default:
		return entcache.Consistent(ctx, entcache.Strict)
	}
}
