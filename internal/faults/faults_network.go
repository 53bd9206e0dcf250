package faults

import "time"

func (r *run) networkFaults() []*fault {
	// What is done to the way of one worker, or of all of them.
	on := func(f func(*Proxy)) func(*run) {
		return func(r *run) {
			if r.rng.IntN(3) > 0 {
				f(r.victim().redis)
				return
			}
			for _, s := range r.slots {
				f(s.redis)
			}
		}
	}
	heal := func(r *run) {
		for _, s := range r.slots {
			s.redis.Heal()
		}
	}
	during := func(f func(*Proxy), from, to time.Duration) func(*run) {
		return func(r *run) {
			on(f)(r)
			r.sleep(r.between(from, to))
			heal(r)
		}
	}
	longer := 3 * r.Bound
	fs := []*fault{
		{name: "latency", lossy: true, inject: func(r *run) {
			d := r.between(time.Millisecond, r.Bound)
			during(func(p *Proxy) { p.Slow(d) }, r.Bound, r.Lease)(r)
		}},
		{name: "latency beyond the bound", lossy: true, inject: func(r *run) {
			d := r.between(r.Bound, longer)
			during(func(p *Proxy) { p.Slow(d) }, longer, r.Lease+r.Bound)(r)
		}},
		{name: "connections reset", lossy: true, inject: on((*Proxy).Cut)},
		{name: "half open, requests lost", lossy: true, inject: during(func(p *Proxy) { p.Hold(true, false) }, r.Bound/2, longer)},
		{name: "half open, replies lost", lossy: true, inject: during(func(p *Proxy) { p.Hold(false, true) }, r.Bound/2, longer)},
		{name: "messages held back", inject: during((*Proxy).HoldMessages, r.Bound, 2*r.Lease)},
		{name: "partition", lossy: true, inject: during(func(p *Proxy) { p.Hold(true, true) }, r.Bound, 3*r.Lease)},
		{name: "partition that ends in resets", lossy: true, inject: func(r *run) {
			during(func(p *Proxy) { p.Hold(true, true) }, r.Bound, r.Lease)(r)
			for _, s := range r.slots {
				s.redis.Cut()
			}
		}},
		{name: "byte by byte", lossy: true, inject: func(r *run) {
			n := 1 + r.rng.IntN(16)
			during(func(p *Proxy) { p.Slice(n) }, r.Bound, r.Lease)(r)
		}},
		{name: "database connections reset", database: true, needs: overTCP, inject: func(r *run) { r.victim().sql.Cut() }},
		{name: "database cut off", database: true, needs: overTCP, inject: func(r *run) {
			// What is held arrives; the commit may take effect that late.
			p := r.victim().sql
			p.Hold(r.rng.IntN(2) == 0, true)
			r.sleep(r.between(r.Lease/10, r.Lease/2))
			if r.rng.IntN(2) == 0 {
				p.Cut()
			}
			p.Heal()
		}},
	}
	for _, f := range fs {
		f.group = groupNetwork
		if f.rest == 0 {
			f.rest = 200 * time.Millisecond
		}
	}
	return fs
}

// overTCP reports whether workers reach the database through a proxy.
func overTCP(r *run) bool { return len(r.slots) > 0 && r.slots[0].sql != nil }
