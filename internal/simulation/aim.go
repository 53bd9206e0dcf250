package simulation

import (
	"math/rand/v2"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// aims make a plan that brings a situation about that chance seldom does; those
// that do so in few plans more often.
var aims = []func(r *rand.Rand, p *Plan, l *load){
	aimAtSlowWrites, aimAtServerLeftBehind, aimAtLostAnnouncement, aimAtUnpaidDebt, aimAtUnpaidDebt, aimAtEagerLoads,
	aimAtLostMessages,
}

// one makes all operations be about a row.
func (l *load) one(r *rand.Rand, writes int) {
	l.hot, l.onNotes, l.writes = 1, 0, writes
	l.queries = []query{{byID, 1}}
	if r.IntN(3) == 0 {
		l.queries = append(l.queries, query{all, 0})
	}
}

// aimAtSlowWrites: writes outlive their leases, and are recorded late. What is
// read meanwhile can't be stored for others.
func aimAtSlowWrites(r *rand.Rand, p *Plan, l *load) {
	l.one(r, 6)
	l.apart = r.IntN(2) == 0
	p.TTL, p.LateCommits, p.Standard = time.Minute, false, cache.Bounded(bound)
	p.Strategy = Strategy{Kind: Uniform, Sleep: 10 + r.IntN(20), Longest: 20 * time.Millisecond, Together: 2}
	p.Faults = nil
	for i := range 12 {
		p.Faults = append(p.Faults, Fault{Step: i * 50, Kind: SlowWrite, Target: r.IntN(2), For: lease + time.Duration(r.Int64N(int64(4*lease)))})
	}
}

// aimAtServerLeftBehind: an answer of a server that has restarted since comes late.
func aimAtServerLeftBehind(r *rand.Rand, p *Plan, l *load) {
	l.one(r, 20)
	l.apart, l.strict, l.half, l.tokens = true, 5, 5, 4
	p.TTL, p.Standard = time.Minute, cache.Bounded(bound)
	p.Strategy = Strategy{Kind: Uniform, Sleep: 15 + r.IntN(20), Longest: 20 * time.Millisecond, Together: 3}
	p.Faults = nil
	for range 8 {
		p.Faults = append(p.Faults, Fault{Kind: RestartAt, Label: remoteGet, Phase: done, For: timeout - time.Duration(r.Int64N(int64(timeout/4)))})
	}
}

// aimAtLostAnnouncement: a server restarts after it has taken an announcement and
// before the write takes effect, and what was read in between is to be stored late.
func aimAtLostAnnouncement(r *rand.Rand, p *Plan, l *load) {
	l.one(r, 8)
	p.TTL, p.LateCommits, p.Standard = time.Minute, false, cache.Bounded(bound)
	p.Strategy = Strategy{
		Kind: Hold, Held: []Held{{dbQuery, done}, {remoteFill, sent}},
		Sleep: 15 + r.IntN(20), Longest: 20 * time.Millisecond, Together: 2,
	}
	p.Faults = nil
	for range 6 {
		p.Faults = append(p.Faults, Fault{Kind: RestartAt, Label: []label{dbExec, dbExec, dbCommit}[r.IntN(3)], Phase: sent, For: lease + time.Duration(r.Int64N(int64(3*lease)))})
	}
}

// aimAtUnpaidDebt: a process dies with a write that it could tell nobody of. Others
// get what was there before from the remote level, until it expires.
func aimAtUnpaidDebt(r *rand.Rand, p *Plan, l *load) {
	l.one(r, 40)
	l.apart, l.quiet, l.refresh = true, 10, 0
	p.Refuse, p.TTL, p.Standard, p.Cold, p.LateCommits = false, 6*time.Second, cache.Bounded(bound), false, false
	p.Strategy = Strategy{Kind: Uniform, Sleep: 40, Longest: 80 * time.Millisecond, Together: 1}
	p.Faults = nil
	const writer, reader = 0, 1
	for i := range 3 {
		p.Faults = append(p.Faults, Fault{Kind: DieOwing}, Fault{Step: 20 + 30*i, Kind: Cut, Target: writer, For: lease + time.Duration(r.Int64N(int64(lease)))})
	}
	for range 2 {
		p.Faults = append(p.Faults, Fault{Step: 140 + r.IntN(100), Kind: EvictNear, Target: reader})
	}
}

// aimAtEagerLoads: the edges of what the remote level has are asked for ahead, and
// the answers take long.
func aimAtEagerLoads(r *rand.Rand, p *Plan, l *load) {
	l.hot, l.onNotes, l.writes = 1, 80, 20
	l.queries = []query{{[]queryKind{rowNotes, shelfNotes, noteFamily}[r.IntN(3)], 1}}
	l.strict, l.tokens, l.refresh = 0, 0, 0
	p.Processes, p.TTL, p.Standard = 2, time.Minute, cache.Bounded(bound)
	p.Strategy = Strategy{
		Kind: Hold, Held: []Held{{remoteGet, done}},
		Sleep: 10 + r.IntN(20), Longest: 20 * time.Millisecond, Together: 4,
	}
	p.Faults = nil
	for range 40 {
		p.Faults = append(p.Faults, Fault{Step: r.IntN(1500), Kind: EvictNear, Target: r.IntN(1 << 10)})
	}
	for i := range 8 {
		p.Faults = append(p.Faults, Fault{Step: r.IntN(1500), Kind: []FaultKind{FailCall, CommitLate}[i%2], Target: r.IntN(1 << 10)})
	}
}

// aimAtLostMessages: a process isn't told of a write, but of the next one, before a
// probe says that something is missing.
func aimAtLostMessages(r *rand.Rand, p *Plan, l *load) {
	l.hot, l.onNotes, l.writes, l.apart = 2, 0, 30, true
	l.queries = []query{{byID, 1}, {byID, 2}}
	l.strict, l.refresh = 0, 0
	p.TTL, p.Standard = time.Minute, cache.Bounded(bound)
	p.Strategy = Strategy{Kind: Hold, Held: []Held{{remoteProbe, sent}}, Sleep: 10 + r.IntN(10), Longest: 10 * time.Millisecond, Together: 2}
	p.Faults = nil
	for i := range 24 {
		p.Faults = append(p.Faults, Fault{Step: i * 40, Kind: Mute, Target: 1, For: time.Duration(5+r.IntN(60)) * time.Millisecond})
	}
}
