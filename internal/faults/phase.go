package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// short runs two phases of many faults each, one under either policy.
func (r *run) short() {
	r.calm(r.Phase)
	for i, network := range []bool{false, true} {
		r.choose(i + 1)
		name := "processes, " + groupRedis
		if network {
			name = groupNetwork
		}
		r.trouble(name, r.available(func(f *fault) bool { return network == (f.group == groupNetwork) }), r.Phase)
	}
}

// together lets workers die at their points while Redis is away or begins anew.
func (r *run) together() {
	for i, name := range []string{"redis long pause", "redis restart, empty", "redis restart, old snapshot", "partition"} {
		r.choose(i)
		faults := r.available(func(f *fault) bool { return f.name == name || f.name == "crash" })
		if len(faults) == 2 {
			r.trouble("crash and "+name, faults, r.Phase)
		}
	}
}

// choose sets the policy of a phase.
func (r *run) choose(n int) {
	r.policy = r.Policy
	if r.Policy == Both {
		r.policy = []Policy{Refusing, Refusing, GoingOn}[n%3]
	}
}

// long runs every fault alone, some together and then all, again and again.
func (r *run) long() {
	end := time.Now().Add(r.Duration)
	done := func() bool {
		return time.Now().After(end) && r.tally.kills() >= r.Kills && r.tally.reads >= r.Reads
	}
	for round := 0; round == 0 || !done(); round++ {
		if r.Only != "" {
			r.only(round)
			continue
		}
		r.calm(r.Phase)
		alone := r.available(func(*fault) bool { return true })
		r.rng.Shuffle(len(alone), func(i, j int) { alone[i], alone[j] = alone[j], alone[i] })
		for i, f := range alone {
			if round > 0 && done() {
				return
			}
			r.choose(round + i)
			r.trouble(f.name, []*fault{f}, r.Phase)
		}
		r.together()
		r.storm(round)
	}
}

// only runs what the option names.
func (r *run) only(round int) {
	switch r.Only {
	case "calm":
		r.calm(r.Phase)
		return
	case "storm":
		r.storm(round)
		return
	}
	wanted := strings.Split(r.Only, "+")
	faults := r.available(func(f *fault) bool { return slices.Contains(wanted, f.name) })
	if len(faults) != len(wanted) {
		r.t.Fatalf("entcache: -only %q: use calm, storm, or one or more of these with a + between them:\n%s", r.Only,
			names(r.available(func(*fault) bool { return true })))
	}
	r.choose(round)
	r.trouble(r.Only, faults, r.Phase)
}

// storm injects every fault in no order, in a longer phase.
func (r *run) storm(round int) {
	r.choose(round)
	r.trouble("storm", r.available(func(*fault) bool { return true }), 3*r.Phase)
}

// calmAttempts is how often a phase without faults is measured: on a loaded host
// calls of the remote level may take too long for a while.
const calmAttempts = 4

// calm runs without faults and measures the share of hits.
func (r *run) calm(d time.Duration) {
	r.policy, r.writes = Refusing, calmWrites
	r.begin()
	// A new epoch stores nothing at first.
	r.sleep(r.Quarantine + time.Second)
	var ratio float64
	var shared uint64
	var text string
	for range calmAttempts {
		before := r.count()
		r.sleep(d)
		after := r.count()
		ratio = float64(after.Hits-before.Hits) / float64(max(1, after.Reads-before.Reads))
		shared, text = after.RemoteHits-before.RemoteHits, after.Text
		if ratio >= hitRatio {
			break
		}
	}
	r.tally.ratios = append(r.tally.ratios, ratio)
	if !r.NearOnly && (ratio < hitRatio || shared == 0) {
		r.fail([]Violation{{What: Failure, Detail: fmt.Sprintf("%.1f %% of the reads were hits without faults, %d at the remote level: a cache that never hits proves nothing\n%s", 100*ratio, shared, text)}})
	}
	r.end("calm", fmt.Sprintf("hits %.1f %%", 100*ratio), false, false)
}

// trouble injects faults, one after the other.
func (r *run) trouble(name string, faults []*fault, d time.Duration) {
	if len(faults) == 0 {
		return
	}
	r.writes = r.Writes
	lossy, database := false, false
	if !slices.ContainsFunc(faults, func(f *fault) bool { return !f.database }) {
		// Few operations run at all while the database is away.
		r.writes = 10 * r.Writes
	}
	for _, f := range faults {
		lossy = lossy || f.lossy
		database = database || f.database
		if f.before != nil {
			f.before(r)
		}
	}
	r.begin()
	end := time.Now().Add(d)
	// Something must be cached before anything can go wrong with it.
	r.sleep(r.Quarantine + 300*time.Millisecond)
	injected := 0
	for i := 0; time.Now().Before(end) || i < len(faults); i++ {
		f := faults[i%len(faults)]
		if i%len(faults) == 0 {
			r.rng.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
			f = faults[0]
		}
		r.mark("fault: %s", f.name)
		f.inject(r)
		r.tally.faults[f.name]++
		injected++
		r.revive()
		r.sleep(f.rest)
		if !r.Short {
			r.sleep(r.between(0, 200*time.Millisecond))
		}
	}
	r.crashAt = nil
	r.end(name, fmt.Sprintf("faults %d", injected), lossy, database)
}

// begin starts the workers of a phase.
func (r *run) begin() {
	r.phase++
	r.mark("phase %d, %s", r.phase, r.policy)
	for _, s := range r.slots {
		r.spawn(s)
	}
}

// revive replaces workers that died.
func (r *run) revive() {
	for _, s := range r.slots {
		if !s.p.alive() {
			r.buried(s.p)
			r.spawn(s)
		}
	}
}

// buried counts a worker's death, and complains if nobody killed it.
func (r *run) buried(p *process) {
	switch {
	case p.crashed():
		r.passed(r.tally.crashes, p)
	case !p.wasKilled():
		r.fail([]Violation{{What: Failure, Detail: fmt.Sprintf("worker %d ended by itself: %v: %s", p.Worker, p.status, p.stderr)}})
	}
}

// recovery is how long workers go on after trouble in which writes may have gone
// unannounced.
const recovery = 2 * time.Second

// end mends everything, waits until it has come to rest, and judges the phase.
func (r *run) end(name, what string, lossy, database bool) {
	r.mark("mending")
	for _, s := range r.slots {
		s.redis.Heal()
		if s.sql != nil {
			s.sql.Heal()
		}
	}
	r.redis.mend()
	// Those with a plan to end have no time left for it.
	for _, s := range r.slots {
		if s.p.crash != "" && s.p.alive() {
			s.p.kill()
		}
	}
	r.revive()
	r.mark("mended")
	if r.mended = now(); lossy {
		// Debts are settled now.
		r.sleep(recovery)
	}
	// A worker that was stopped or cut off a moment ago may take a while.
	for _, s := range r.slots {
		s.p.order(Order{Do: Drain})
	}
	for _, s := range r.slots {
		_, err := s.p.await(Idle, 40*time.Second)
		r.must(err)
	}
	r.sleep(r.converge(r.policy))
	r.mark("at rest")
	for _, s := range r.slots {
		s.p.order(Order{Do: Verify})
	}
	for _, s := range r.slots {
		_, err := s.p.await(Verified, 60*time.Second)
		r.must(err)
	}
	for _, s := range r.slots {
		if err := s.p.quit(20 * time.Second); err != nil {
			r.fail([]Violation{{What: Failure, Detail: err.Error()}})
		}
	}
	r.verdict(name, what, lossy, database)
}

// count adds up the counters of the workers.
func (r *run) count() Counters {
	var sum Counters
	for _, s := range r.slots {
		s.p.order(Order{Do: Count})
	}
	for _, s := range r.slots {
		e, err := s.p.await(Counted, 30*time.Second)
		r.must(err)
		sum.Hits += e.Counters.Hits
		sum.Reads += e.Counters.Reads
		sum.Misses += e.Counters.Misses
		sum.RemoteHits += e.Counters.RemoteHits
		sum.Text = e.Counters.Text
	}
	return sum
}

// sleep waits, and watches the database meanwhile: it is the witness of commits
// that nobody else sees.
func (r *run) sleep(d time.Duration) {
	end := time.Now().Add(d)
	for {
		r.witness()
		left := time.Until(end)
		if left <= 0 {
			return
		}
		time.Sleep(min(left, 50*time.Millisecond))
	}
}

// witness reads the database itself. Its reads are judged too: they would show
// that the judge is wrong.
func (r *run) witness() {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	for _, q := range []Query{{Of: AllShelves}, {Of: AllItems}} {
		e := Event{Kind: Seen, Query: q, Mode: Strict, How: "witness", Start: now()}
		rows, err := r.judge.rows(ctx, q.Of)
		if err != nil {
			return
		}
		e.Rows, e.End = rows, now()
		r.reported(&process{}, e)
	}
}
