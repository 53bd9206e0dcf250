package faults

import (
	"fmt"
	"strings"
	"time"

	"github.com/entcache/ent-cache/internal/crash"
)

// fault is one kind of trouble.
type fault struct {
	name, group string
	// inject makes the trouble and ends it.
	inject func(*run)
	// before prepares a phase with the fault.
	before func(*run)
	// rest is how long it takes until there can be trouble again.
	rest time.Duration
	// lossy is set if writes may be unable to be announced.
	lossy bool
	// database is set if operations on the database may fail.
	database bool
	needs    func(*run) bool
}

// The groups of faults.
const (
	groupProcess = "processes"
	groupRedis   = "redis"
	groupNetwork = "network"
)

func (r *run) available(ok func(*fault) bool) []*fault {
	var out []*fault
	for _, fs := range [][]*fault{r.processFaults(), r.redisFaults(), r.networkFaults()} {
		for _, f := range fs {
			if (f.needs == nil || f.needs(r)) && (!r.NearOnly || f.group == groupProcess) && ok(f) {
				out = append(out, f)
			}
		}
	}
	return out
}

func names(fs []*fault) string {
	var out []string
	for _, f := range fs {
		out = append(out, f.name)
	}
	return strings.Join(out, "\n")
}

// victim chooses a slot.
func (r *run) victim() *slot { return r.slots[r.rng.IntN(len(r.slots))] }

// between chooses a time.
func (r *run) between(from, to time.Duration) time.Duration {
	return from + time.Duration(r.rng.Int64N(int64(to-from)+1))
}

func (r *run) processFaults() []*fault {
	return []*fault{
		{name: "kill", group: groupProcess, inject: func(r *run) {
			p := r.victim().p
			if !p.alive() {
				return
			}
			p.kill()
			r.mark("killed worker %d", p.Worker)
			r.tally.killed++
		}},
		{name: "pause", group: groupProcess, inject: func(r *run) {
			p := r.victim().p
			from := now()
			p.stop()
			r.sleep(r.between(r.Lease/10, 3*r.Lease))
			p.resume()
			r.paused(p, from)
		}},
		r.crashFault("crash", func(*run) string { return "" }),
		r.crashFault("stop", func(*run) string { return stopSuffix }),
		r.crashFault("delay", func(r *run) string { return ":" + r.between(r.Bound/100, r.Bound).Round(time.Millisecond).String() }),
	}
}

// stopSuffix makes a worker stand still at a point, and not die.
const stopSuffix = ":stop"

// crashFault lets every worker of the phase end at a point of package crash, or
// stand still or wait there, as the suffix says, and then the next in its place.
func (r *run) crashFault(name string, suffix func(*run) string) *fault {
	f := &fault{name: name, group: groupProcess, needs: func(*run) bool { return crash.Enabled }}
	f.before = func(r *run) {
		other := r.crashAt
		r.crashAt = func() string {
			// With both kinds in a phase, one as often as the other.
			if other != nil && r.rng.IntN(2) == 0 {
				return other()
			}
			labels := crash.Labels()
			label := labels[r.points%len(labels)]
			r.points++
			n := 1 + r.rng.IntN(20)
			if name == "delay" {
				n = 1 + r.rng.IntN(3)
			}
			return fmt.Sprintf("%s:%d%s", label, n, suffix(r))
		}
	}
	f.inject = func(r *run) {
		for deadline := time.Now().Add(1500 * time.Millisecond); time.Now().Before(deadline); r.sleep(20 * time.Millisecond) {
			for _, s := range r.slots {
				if s.p.spent.Load() {
					s.p.kill()
				}
				if !s.p.alive() {
					return
				}
			}
		}
		if name == "delay" {
			// It waits at its point again and again; the next is to wait elsewhere.
			s := r.victim()
			r.passed(r.tally.delays, s.p)
			s.p.kill()
		}
	}
	return f
}

// paused notes that a worker stood still until now.
func (r *run) paused(p *process, from int64) {
	to := now()
	r.mark("worker %d stood still for %s", p.Worker, ms(to-from))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pauses = append(r.pauses, pause{p.Worker, from, to})
}

// shepherd lets a worker go on some time after it stopped itself.
func (r *run) shepherd(p *process, d time.Duration) {
	for p.alive() {
		if !p.standsStill() || p.standing() {
			time.Sleep(3 * time.Millisecond)
			continue
		}
		from := now() - int64(10*time.Millisecond)
		p.hold(true)
		time.Sleep(d)
		if p.alive() {
			p.resume()
			r.paused(p, from)
			r.passed(r.tally.stops, p)
			p.spent.Store(true)
		}
		return
	}
}

// passed counts at which point something happened to a worker.
func (r *run) passed(counts map[string]int, p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	label, _, _ := strings.Cut(p.crash, ":")
	counts[label]++
}
