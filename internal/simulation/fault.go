package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// strike lets the faults happen whose step it is.
func (w *world) strike() {
	for len(w.faults) > 0 && w.faults[0].Step <= w.steps {
		f := w.faults[0]
		w.faults = w.faults[1:]
		w.note("fault:", nil, nil, nil, f.String())
		w.fault(f)
	}
}

func (w *world) fault(f Fault) {
	p := w.slots[f.Target%len(w.slots)]
	switch f.Kind {
	case Crash:
		w.crash(p)
	case CrashAt, FailCall, LoseAnswer, CommitLost, CommitLate, CommitNever, SlowWrite, RestartAt, DieOwing:
		w.armed = append(w.armed, f)
	case Stop:
		p.stopped, p.late = w.now()+f.For, true
	case RestartEmpty:
		w.server.Restart(nil)
	case RestartOld:
		w.server.Restart(w.saved)
	case Save:
		w.saved = w.server.Snapshot()
	case Flush:
		w.server.FlushAll()
	case EvictState:
		w.server.EvictState()
	case EvictCells:
		for i, fact := range w.facts {
			if (f.Target>>(i%10))&1 == 0 {
				w.server.EvictCell(fact)
			}
		}
	case EvictEntries:
		for i, key := range w.keys {
			if (f.Target>>(i%10))&1 == 0 {
				w.server.EvictEntry(key)
				w.server.EvictLease(key)
			}
		}
	case EvictNear:
		p.near.Purge()
	case DropMail, RepeatMail, DelayMail, Mute:
		w.lose(f, p)
	case Cut:
		w.cutOff(p, f)
	case Refuse:
		w.refusing = w.now() + f.For
		w.server.Refuse(errUnreachable)
		w.server.Disconnect()
	case Isolate:
		w.isolated = w.now() + f.For
		w.server.Isolate(errUnreachable)
	}
}

// mend ends the faults whose time is over.
func (w *world) mend() {
	now := w.now()
	if w.refusing != 0 && w.refusing <= now {
		w.refusing = 0
		w.server.Refuse(nil)
	}
	if w.isolated != 0 && w.isolated <= now {
		w.isolated = 0
		w.server.Isolate(nil)
	}
	for _, p := range w.slots {
		if p.cutUntil != 0 && p.cutUntil <= now {
			w.join(p)
		}
	}
}

// lose does something to the messages on their way to a process.
func (w *world) lose(f Fault, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := p.inbox
	if b == nil {
		return
	}
	switch f.Kind {
	case Mute:
		b.muted = true
		time.AfterFunc(f.For, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			b.muted = false
		})
		return
	case DelayMail:
		p.delay(b, f.For)
		return
	}
	if len(b.mail) == 0 {
		return
	}
	i := f.Target / 8 % len(b.mail)
	if b.mail[i].name != "message" {
		return
	}
	if f.Kind == DropMail {
		b.mail = slices.Delete(b.mail, i, i+1)
		return
	}
	// Again, and at another time.
	b.mail = slices.Insert(b.mail, f.Target/64%(len(b.mail)+1), b.mail[i])
}

// delay keeps what is on its way from arriving for some time. What comes later
// may arrive earlier.
func (p *process) delay(b *inbox, d time.Duration) {
	late := b.mail
	b.mail = nil
	time.AfterFunc(d, func() {
		p.world.mu.Lock()
		defer p.world.mu.Unlock()
		if !b.closed {
			b.mail = append(b.mail, late...)
		}
	})
}

// cutOff separates a process from the server. One time of two it isn't told.
func (w *world) cutOff(p *process, f Fault) {
	w.mu.Lock()
	p.cut, p.cutUntil = true, w.now()+f.For
	b := p.inbox
	if b != nil {
		b.muted = true
	}
	w.mu.Unlock()
	if b != nil && f.Target/8%2 == 0 {
		b.detach()
	}
}

// join connects a process again.
func (w *world) join(p *process) {
	w.mu.Lock()
	cut, b := p.cut, p.inbox
	p.cut, p.cutUntil = false, 0
	if b != nil {
		b.muted = false
	}
	w.mu.Unlock()
	if cut && b != nil {
		b.detach()
		b.attach()
	}
}

// crash ends a process. What it has sent may still have its effect. Another one
// takes its place.
func (w *world) crash(p *process) {
	w.note("crashes", p, nil, nil, "")
	w.mu.Lock()
	p.crashed = true
	for _, c := range w.calls {
		if c.p != p {
			continue
		}
		if c.phase == sent && w.rand.IntN(2) == 0 {
			o := *c
			o.phase = orphaned
			w.orphans = append(w.orphans, &o)
		}
		if c.phase < returned {
			c.phase, c.err = returned, errCrashed
			c.resume <- struct{}{}
		}
	}
	w.mu.Unlock()
	closing(p.cache)
	if p.inbox != nil {
		_ = p.inbox.Close()
	}
	go func() { _ = p.cache.Close() }()
	w.start(p.slot)
}

// hit applies what waits for such a call, and reports whether it did.
func (w *world) hit(c *call) bool {
	for i, f := range w.armed {
		ok := false
		switch f.Kind {
		case CrashAt:
			ok = c.label == f.Label && c.phase == f.Phase
		case RestartAt:
			// What is stored then is stored after a quarantine.
			ok = c.label == f.Label && c.phase == f.Phase && w.now() > w.restarted+quarantine+2*bound &&
				(c.label != remoteGet || c.phase == sent || c.op != nil && c.op.found)
		case DieOwing:
			ok = c.label.writes() && c.phase == sent && !c.op.announced && (c.op.refused || c.p.failed)
		case FailCall:
			ok = c.label.remote() && c.phase == sent
		case LoseAnswer:
			ok = c.label.remote() && c.phase == done
		default:
			ok = c.label.writes() && c.phase == sent
		}
		if !ok {
			continue
		}
		w.armed = slices.Delete(w.armed, i, i+1)
		w.note("fault:", c.p, c, nil, f.Kind.String())
		switch f.Kind {
		case CrashAt:
			w.crash(c.p)
		case DieOwing:
			w.effect(c)
			w.crash(c.p)
		case RestartAt:
			w.restarted = w.now()
			w.server.Restart(nil)
			switch {
			case c.label.remote():
				c.until = c.since + min(f.For, timeout)
			case c.label.writes():
				c.until = w.now() + f.For/16
				c.p.recordsAt = c.until + f.For
			}
		case FailCall, LoseAnswer:
			w.giveUp(c, errUnreachable, f.Target%2 == 0)
		case CommitLost:
			w.effect(c)
			w.giveUp(c, errConnection, false)
		case CommitLate:
			w.giveUp(c, errConnection, true)
		case CommitNever:
			w.giveUp(c, errConnection, false)
		case SlowWrite:
			c.until = w.now() + f.For/6
			if f.Target%2 == 0 {
				c.until += lease
			}
			c.p.recordsAt = c.until + f.For
		}
		return true
	}
	return false
}

// crashing lets a process crash that waits for the effect of such a call.
func (w *world) crashing(c *call) bool {
	for i, f := range w.armed {
		if f.Kind == CrashAt && f.Label == c.label && f.Phase == done {
			w.armed = slices.Delete(w.armed, i, i+1)
			w.crash(c.p)
			return true
		}
	}
	return false
}

func position(at cache.RemotePosition) string {
	if at == (cache.RemotePosition{}) {
		return ""
	}
	return fmt.Sprintf("%x:%d", at.Epoch[:2], at.Position)
}
