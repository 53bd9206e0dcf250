package faults

import (
	"slices"
	"strings"
	"time"
)

// split is a time in which the primary was cut off from its replica and refused
// writes, and some workers still reached it.
type split struct {
	// left are the workers that did.
	left map[int]bool
	// refused is when the primary surely refused writes, and ended when nobody
	// reached it any more, or it had its replica again.
	refused, ended int64
}

// cutOff cuts the primary off from its replica, without which it isn't to write.
// Mostly the replica is promoted then, as Sentinel would do where max-lag is
// shorter than its patience, and some workers don't hear of that.
func (r *run) cutOff() {
	p := r.redis
	p.attach()
	old := p.master
	p.must(old, "CONFIG", "SET", "min-replicas-to-write", "1", "min-replicas-max-lag", "1")
	stay, leave := r.slots, []*slot(nil)
	if r.rng.IntN(3) > 0 {
		stay = slices.Clone(r.slots)
		r.rng.Shuffle(len(stay), func(i, j int) { stay[i], stay[j] = stay[j], stay[i] })
		n := 1 + r.rng.IntN(max(1, len(stay)-1))
		stay, leave = stay[:n], stay[n:]
	}
	s := split{left: make(map[int]bool)}
	for _, slot := range stay {
		s.left[slot.p.Worker] = true
	}
	// Nearly all is there to be served wrongly.
	order(r.slots, Narrow)
	// The first replica begins an epoch.
	r.sleep(r.Quarantine + 500*time.Millisecond)
	if r.Short || r.rng.IntN(2) == 0 {
		// The primary hears of it at once.
		p.lag.Retarget(nowhere)
	} else {
		p.lag.Hold(true, true)
	}
	s.refused = p.refusal()
	r.mark("the primary refuses writes")
	if len(leave) > 0 {
		r.sleep(r.between(0, r.Bound))
		p.detach()
		for _, slot := range leave {
			slot.redis.Retarget(p.replica.Addr)
		}
		r.mark("another primary is promoted, of which %d of %d workers hear", len(leave), len(r.slots))
		r.tally.effects["promoted while the primary was cut off"]++
	}
	order(leave, Widen)
	if r.rng.IntN(3) == 0 {
		order(stay, Widen)
	}
	r.sleep(r.between(2*r.Bound, max(3*r.Bound, 2*r.Lease)))
	s.ended = now()
	if len(leave) > 0 {
		p.swap(stay)
	} else {
		p.lag.Retarget(old.Addr)
		p.lag.Heal()
		p.must(old, "CONFIG", "SET", "min-replicas-to-write", "0")
		p.detach()
	}
	order(stay, Widen)
	r.mark("the primary that was cut off is gone, or back")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.splits = append(r.splits, s)
}

func order(slots []*slot, do Do) {
	for _, s := range slots {
		s.p.order(Order{Do: do})
	}
}

// nowhere is an address at which nobody listens.
const nowhere = "127.0.0.1:1"

// refusal waits until the master refuses writes for lack of replicas.
func (p *redisPair) refusal() int64 {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); p.r.sleep(20 * time.Millisecond) {
		_, err := p.do(p.master, "SET", "entcache-faults", "1")
		if err != nil && strings.HasPrefix(err.Error(), "NOREPLICAS") {
			return now()
		}
		p.r.must(err)
	}
	p.r.t.Fatal("entcache: the primary goes on writing without its replica")
	return never
}

// unproven returns a violation if the read got what no probe can have allowed. A
// primary that refuses writes proves no entry either, and the last probe that it
// answered opens what is in the process, or looked at in passing, for the bound.
// So nobody is behind the next primary by more than the bound.
func (s *split) unproven(read *Read, bound time.Duration) bool {
	if !s.left[read.Worker] || read.Start <= s.refused || read.End >= s.ended {
		return false
	}
	open := read.Start <= s.refused+int64(bound)
	// Results of the process that are younger than the bound need no proof.
	old := read.Aged > int64(bound)+read.End-read.Start
	return read.Remote && (!open || read.Mode == Strict) || old && !open
}
