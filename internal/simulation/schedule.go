package simulation

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// choice is what may happen next. At most one field is set: a call goes on, a
// message is delivered, the effect of a call that was given up comes. With none,
// an operation starts.
type choice struct {
	call, orphan *call
	inbox        *inbox
}

// step lets one thing happen.
func (w *world) step() {
	w.strike()
	w.server.Deliver()
	w.mend()
	now := w.now()
	list := w.choices[:0]
	w.mu.Lock()
	for _, c := range w.calls {
		// What a stopped process has sent has its effect, but for the answer.
		if c.until > now || c.phase == done && c.p.stopped > now || c.phase >= returned {
			continue
		}
		list = append(list, choice{call: c})
	}
	for _, p := range w.slots {
		if b := p.inbox; b != nil && len(b.mail) > 0 && p.stopped <= now && p.post <= now && !p.crashed {
			list = append(list, choice{inbox: b})
		}
	}
	for _, c := range w.orphans {
		list = append(list, choice{orphan: c})
	}
	if w.next < len(w.plan.Ops) {
		if p := w.slots[w.plan.Ops[w.next].Slot]; p.running < w.plan.Strategy.Together && p.stopped <= now {
			list = append(list, choice{})
		}
	}
	w.mu.Unlock()
	w.choices = list
	s := w.plan.Strategy
	if len(list) == 0 || w.rand.IntN(100) < s.Sleep {
		d := time.Duration(1+w.rand.Int64N(s.Longest.Milliseconds())) * time.Millisecond
		if len(list) == 0 {
			d *= 2
		}
		time.Sleep(d)
		return
	}
	ch := list[w.rand.IntN(len(list))]
	if s.Kind == Priority && w.rand.IntN(40) > 0 {
		for _, o := range list {
			if o.call != nil && (ch.call == nil || o.call.rank > ch.call.rank) && o.call.rank > 300 {
				ch = o
			}
		}
	}
	switch {
	case ch.call != nil:
		w.advance(ch.call)
	case ch.orphan != nil:
		w.orphaned(ch.orphan)
	case ch.inbox != nil:
		w.deliver(ch.inbox)
		if s.Post && w.rand.IntN(6) == 0 {
			ch.inbox.p.post = now + time.Duration(w.rand.Int64N(int64(2*bound)))
		}
	default:
		o := w.plan.Ops[w.next]
		w.next++
		w.begin(o, w.slots[o.Slot])
	}
}

// advance lets a call have its effect, or return.
func (w *world) advance(c *call) {
	now := w.now()
	if c.label.remote() {
		switch {
		case c.p.cutUntil > now && (c.phase == done || w.rand.IntN(2) == 0):
			w.giveUp(c, errUnreachable, false)
			return
		case c.p.cutUntil > now:
			// It hears nothing, not even that.
			c.until = c.since + timeout
			if c.until <= now {
				w.giveUp(c, errUnreachable, false)
			}
			return
		case now-c.since > timeout && c.p.stopped <= now:
			w.giveUp(c, errUnreachable, w.rand.IntN(2) == 0)
			return
		}
	}
	if w.hit(c) {
		return
	}
	if c.phase == sent {
		w.effect(c)
		w.schedule(c)
		if w.crashing(c) || c.until > now || c.p.stopped > now || w.rand.IntN(3) == 0 {
			return
		}
	}
	w.give(c)
}

func (w *world) effect(c *call) {
	c.err = c.effect()
	c.phase = done
	w.note("effect", c.p, c, nil, errText(c.err))
}

// give lets a call return.
func (w *world) give(c *call) {
	w.note("returns", c.p, c, nil, errText(c.err))
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.phase == returned {
		return
	}
	if c.err != nil && c.label.remote() {
		c.p.failed = true
	}
	c.phase = returned
	w.running = c.op
	c.resume <- struct{}{}
}

// giveUp lets a call return with an error. Its effect may come later.
func (w *world) giveUp(c *call, err error, later bool) {
	w.note("fails", c.p, c, nil, err.Error())
	if c.op != nil && c.label.writes() {
		c.op.doubt(w.now())
	}
	w.mu.Lock()
	if later && c.phase == sent {
		// The answer goes to nobody.
		o := *c
		o.phase = orphaned
		w.orphans = append(w.orphans, &o)
	}
	w.mu.Unlock()
	c.err = err
	w.give(c)
}

// orphaned decides on a call that nobody waits for.
func (w *world) orphaned(c *call) {
	switch w.rand.IntN(6) {
	case 0:
		w.note("never", c.p, c, nil, "")
	case 1, 2:
		err := c.effect()
		w.note("late effect", c.p, c, nil, errText(err))
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.orphans = slices.DeleteFunc(w.orphans, func(o *call) bool { return o == c })
}

// deliver hands over the next message on its way to a process.
func (w *world) deliver(b *inbox) {
	w.mu.Lock()
	m := b.mail[0]
	b.mail = b.mail[1:]
	if m.at.Epoch != (cache.Epoch{}) {
		b.p.sawLocked(m.at.Epoch)
	}
	w.mu.Unlock()
	w.note(m.name, b.p, nil, nil, position(m.at))
	m.call(b.listener)
}

// calm lets everything happen in order for some time.
func (w *world) calm(d time.Duration) {
	end := w.now() + d
	for {
		for range 1000 {
			synctest.Wait()
			w.collect()
			w.server.Deliver()
			w.mu.Lock()
			calls := slices.Clone(w.calls)
			w.mu.Unlock()
			moved := w.mailed()
			for _, c := range calls {
				if c.phase == sent && !w.holds(c) {
					w.effect(c)
					moved = true
				}
				if c.phase == done && !w.holds(c) {
					w.give(c)
					moved = true
				}
			}
			if !moved {
				break
			}
		}
		left := end - w.now()
		if left <= 0 {
			return
		}
		time.Sleep(min(left, bound/3))
	}
}

// holds reports whether a script holds a call back.
func (w *world) holds(c *call) bool { return w.held != nil && w.held(c) }

// mailed delivers all messages, and reports whether there were any.
func (w *world) mailed() (any bool) {
	for _, p := range w.slots {
		if p == nil || p.crashed || p.inbox == nil || p.post > w.now() {
			continue
		}
		for {
			w.mu.Lock()
			n := len(p.inbox.mail)
			w.mu.Unlock()
			if n == 0 {
				break
			}
			any = true
			w.deliver(p.inbox)
		}
	}
	return any
}

// heal ends all faults and lets the operations that run come to their end.
func (w *world) heal() {
	w.note("heals", nil, nil, nil, "")
	w.armed, w.orphans, w.faults = nil, nil, nil
	w.server.Refuse(nil)
	w.server.Isolate(nil)
	for _, p := range w.slots {
		w.mu.Lock()
		p.stopped = 0
		w.mu.Unlock()
		w.join(p)
	}
	w.calm(lease + quarantine + inDoubt + 2*bound + time.Second)
}

// final reads everything in every process until it comes from the process, and
// requires that it is what the database holds.
func (w *world) final() {
	for _, p := range w.slots {
		p.near.remember()
	}
	// What was refused once, because of announcements that ran out, was stored
	// the second time or the third.
	w.survey(cache.Bounded(bound))
	w.survey(cache.Strict)
	if w.plan.TTL < time.Minute {
		// Nothing that was stored before is to expire between the last two looks.
		w.calm(w.plan.TTL)
		w.survey(cache.Bounded(bound))
	}
	w.survey(cache.Bounded(bound))
	w.survey(cache.Bounded(bound))
	before := w.totals()
	w.survey(cache.Bounded(bound))
	for i, n := range w.totals() {
		if n.Misses > before[i].Misses || n.Hits-before[i].Hits < uint64(len(queries)) {
			w.fail("process %d misses %d statements of %d queries when all is well: %+v %+v", w.slots[i].id, n.Misses-before[i].Misses, len(queries), w.slots[i].cache.Stats().Remote, w.slots[i].cache.Stats().Total())
		}
	}
}

func (w *world) totals() (n []cache.OpStats) {
	for _, p := range w.slots {
		n = append(n, p.cache.Stats().Total())
	}
	return n
}

// survey reads everything in every process.
func (w *world) survey(level cache.Consistency) {
	if w.violation != "" {
		return
	}
	s := w.db.now()
	failures := make([]string, len(w.slots))
	var running atomic.Int32
	for i, p := range w.slots {
		running.Add(1)
		go func() {
			defer running.Add(-1)
			ctx := cache.WithTTL(cache.Consistent(context.Background(), level), w.plan.TTL)
			for _, q := range queries {
				a, loaded, err := q.ask(ctx, p.client)
				want, edges := q.eval(&s), q.load(&s)
				switch {
				case err != nil:
					failures[i] = fmt.Sprintf("process %d reads %v when all is well: %v", p.id, q, err)
				case (a != want || !slices.Equal(loaded, edges)) && !w.excusable(p, q, level, a, loaded):
					failures[i] = fmt.Sprintf("process %d reads %v, %v, when all is well: %v %v and not %v %v", p.id, q, level, a, loaded, want, edges)
				}
			}
		}()
	}
	for running.Load() > 0 {
		// A reader may wait for what another process is reading.
		w.calm(time.Millisecond)
	}
	for _, f := range failures {
		if f != "" {
			w.fail("%s", f)
		}
	}
}

// excusable reports whether an answer that isn't what the database holds is what
// a write that nobody was told of leaves: its process died with the debt, and the
// entries of others live on.
func (w *world) excusable(p *process, q query, level cache.Consistency, a answer, loaded []answer) bool {
	n := w.db.last()
	op := &operation{Op: Op{Query: q, Consistency: level}, p: p, start: w.now(), before: n, acked: p.acked, answer: a, loaded: loaded}
	return slices.ContainsFunc(w.db.commits, func(c commit) bool { return c.unannounced && c.due > op.start }) && w.check(op) == ""
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return "error: " + err.Error()
}
