package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// CompareRemotes runs the same random operations on two remote levels without
// any state and requires the same answers and messages. It makes sure that one of
// them can stand for the other in a simulation.
//
// Nothing is compared that depends on how fast they are: a deadline is so far
// away that it isn't reached, or it is waited for before anything else happens.
func CompareRemotes(t *testing.T, seed uint64, operations int, first, second RemoteServer) {
	c := &comparison{T: t, rand: rand.New(rand.NewPCG(seed, 0)), servers: [2]RemoteServer{first, second}, counts: make(map[string]int)}
	c.names[0], c.names[1] = make(map[cache.Epoch]cache.Epoch), make(map[cache.Epoch]cache.Epoch)
	for _, p := range processes {
		var remotes [2]cache.Remote
		for i, s := range c.servers {
			remotes[i] = s.Open(t, p)
			t.Cleanup(func() { _ = remotes[i].Close() })
		}
		c.processes = append(c.processes, remotes)
	}
	c.say("handshake of 0")
	c.handshake(0)
	for i := range c.servers {
		_, err := c.processes[0][i].Subscribe(&c.listeners[i])
		require.NoError(t, err)
		require.Eventually(t, func() bool { return c.listeners[i].count() > 0 }, 10*time.Second, time.Millisecond)
	}
	c.sent = 0
	for n := range operations {
		c.step()
		if n%1000 == 999 || n == operations-1 {
			c.compareMessages()
		}
	}
	c.log()
}

// The deadlines that are waited for, those that aren't reached, and the wait.
const (
	soon  = time.Millisecond
	never = 10 * time.Hour
	pause = 4 * time.Millisecond
)

// Processes begin epochs of which the quarantine is waited for, or doesn't end.
var processes = []RemoteConfig{
	{Database: "a", Quarantine: 2 * soon}, {Database: "a", Quarantine: 2 * soon}, {Database: "a", Quarantine: 2 * never},
	{Database: "b", Quarantine: 2 * soon}, {Database: "b", Quarantine: 2 * never},
}

const (
	compareKeys   = 6
	compareFacts  = 24
	compareWrites = 5
)

// compareFact returns one of a few facts; some are near each other in whatever
// way a server may divide them.
func compareFact(n int) cache.Fact { return cache.Fact(n%12) | cache.Fact(n/12)<<40 }

type comparison struct {
	*testing.T
	rand      *rand.Rand
	servers   [2]RemoteServer
	processes [][2]cache.Remote
	listeners [2]recorder
	// names map the epochs of one server to those of the other.
	names  [2]map[cache.Epoch]cache.Epoch
	epochs [2][]cache.Epoch
	misses [][2]cache.RemoteMiss
	begun  []cache.RemoteWrite

	database string // that the present epoch is of; "" if it is lost
	void     bool   // the last miss was
	sent     int    // messages so far
	counts   map[string]int
	recent   []string
}

// say keeps what is done, for a failure.
func (c *comparison) say(format string, args ...any) {
	c.recent = append(c.recent, fmt.Sprintf(format, args...))
	if len(c.recent) > 60 {
		c.recent = c.recent[1:]
	}
}

func (c *comparison) fail(format string, args ...any) {
	c.Helper()
	for _, line := range c.recent {
		c.Log(line)
	}
	c.Fatalf(format, args...)
}

func (c *comparison) log() {
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		c.Logf("%7d %s", c.counts[what], what)
	}
}

func (c *comparison) wait() {
	for _, s := range c.servers {
		s.Wait(pause)
	}
}

func (c *comparison) one(n int) bool { return c.rand.IntN(n) == 0 }

// step does one random operation.
func (c *comparison) step() {
	p := c.rand.IntN(len(processes))
	if !c.one(300) && c.database != "" && processes[p].Database != c.database {
		// Another database's process begins an epoch, which then is the rule.
		p = c.rand.IntN(2) + 3
		if c.database == "a" {
			p = c.rand.IntN(3)
		}
	}
	// A process with a short quarantine begins an epoch by a handshake only:
	// within another operation it could end in between.
	if processes[p].Quarantine < never && processes[p].Database != c.database {
		c.say("handshake of %d", p)
		c.handshake(p)
		return
	}
	if c.void && c.one(10) {
		c.say("handshake of %d, all retired", p)
		c.handshake(p, c.epochs[0]...)
		return
	}
	switch n := c.rand.IntN(1000); {
	case n < 60:
		c.peek(p)
	case n < 450:
		c.get(p)
	case n < 830:
		c.fill(p)
	case n < 890:
		c.begin(p)
	case n < 970:
		c.end(p)
	case n < 985:
		c.say("probe of %d", p)
		c.positions(p, "probe", func(r cache.Remote, _ int) (cache.RemotePosition, error) { return r.Probe(c.ctx()) })
	case n < 988:
		retired := c.rand.IntN(1 + len(c.epochs[0]))
		c.say("handshake of %d, %d retired", p, retired)
		c.handshake(p, c.epochs[0][retired:]...)
	default:
		c.evict()
	}
}

func (c *comparison) ctx() context.Context { return c.T.Context() }

func (c *comparison) evict() {
	key, fact := Key(c.rand.IntN(compareKeys)), compareFact(c.rand.IntN(compareFacts))
	n := c.rand.IntN(16)
	c.say("eviction %d of %v and %d", n, key[:2], fact)
	for _, s := range c.servers {
		switch {
		case n < 1:
			s.EvictState()
			c.database = ""
		case n < 6:
			s.EvictFact(fact)
		case n < 11:
			s.EvictEntry(key)
		default:
			s.EvictLease(key)
		}
	}
	c.counts["evictions"]++
}

// same requires two positions that mean the same, and learns new epochs.
func (c *comparison) same(a, b cache.RemotePosition) {
	c.Helper()
	if a.Position != b.Position {
		c.fail("positions %d and %d", a.Position, b.Position)
	}
	if a.Epoch == (cache.Epoch{}) && b.Epoch == (cache.Epoch{}) {
		return
	}
	other, known := c.names[0][a.Epoch]
	back, known2 := c.names[1][b.Epoch]
	switch {
	case !known && !known2:
		c.names[0][a.Epoch], c.names[1][b.Epoch] = b.Epoch, a.Epoch
		c.epochs[0], c.epochs[1] = append(c.epochs[0], a.Epoch), append(c.epochs[1], b.Epoch)
		if over := len(c.epochs[0]) - 8; over > 0 {
			c.epochs[0], c.epochs[1] = c.epochs[0][over:], c.epochs[1][over:]
		}
		c.counts["epochs"]++
	case other != b.Epoch || back != a.Epoch:
		c.fail("epochs %v (known: %v) and %v (known: %v)", a.Epoch, known, b.Epoch, known2)
	}
}

// agree requires errors of one kind, or none, and reports whether there is none.
func (c *comparison) agree(errs [2]error) bool {
	c.Helper()
	if (errs[0] == nil) != (errs[1] == nil) {
		c.fail("errors: %v and %v", errs[0], errs[1])
	}
	if errs[0] != nil && !(errors.Is(errs[0], cache.ErrRemoteArgument) && errors.Is(errs[1], cache.ErrRemoteArgument)) {
		c.fail("errors: %v and %v", errs[0], errs[1])
	}
	return errs[0] == nil
}

func (c *comparison) positions(p int, what string, call func(r cache.Remote, i int) (cache.RemotePosition, error)) {
	c.Helper()
	var at [2]cache.RemotePosition
	var errs [2]error
	for i, r := range c.processes[p] {
		at[i], errs[i] = call(r, i)
	}
	if c.agree(errs) {
		c.same(at[0], at[1])
		c.database = processes[p].Database
		c.counts[what]++
	}
}

func (c *comparison) handshake(p int, retired ...cache.Epoch) {
	c.Helper()
	c.positions(p, "handshake", func(r cache.Remote, i int) (cache.RemotePosition, error) {
		epochs := slices.Clone(retired)
		for j, e := range epochs {
			if i == 1 {
				epochs[j] = c.names[0][e]
			}
		}
		return r.Handshake(c.ctx(), epochs...)
	})
	c.wait()
}

func (c *comparison) get(p int) {
	key := Key(c.rand.IntN(compareKeys))
	lease := []time.Duration{0, 0, 0, never}[c.rand.IntN(4)]
	if c.one(150) {
		lease = soon
	}
	c.say("get of %d: %v, lease %v", p, key[:2], lease)
	var hits [2]*cache.RemoteHit
	var misses [2]*cache.RemoteMiss
	var errs [2]error
	for i, r := range c.processes[p] {
		hits[i], misses[i], errs[i] = r.Get(c.ctx(), key, lease)
	}
	if lease == soon {
		c.wait()
	}
	if !c.agree(errs) {
		return
	}
	c.database = processes[p].Database
	if (hits[0] == nil) != (hits[1] == nil) {
		c.fail("hits: %+v and %+v", hits[0], hits[1])
	}
	if hits[0] != nil {
		a, b := hits[0], hits[1]
		c.same(a.RemotePosition, b.RemotePosition)
		if !slices.Equal(a.Facts, b.Facts) || string(a.Payload) != string(b.Payload) || (a.TTL-b.TTL).Abs() > never/2 {
			c.fail("hits: %+v and %+v", a, b)
		}
		c.counts["get: hit"]++
		return
	}
	a, b := misses[0], misses[1]
	c.same(a.RemotePosition, b.RemotePosition)
	none := cache.RemoteLease{}
	if a.Void != b.Void || a.Leased != b.Leased || (a.Lease == none) != (b.Lease == none) {
		c.fail("misses: %+v and %+v", a, b)
	}
	c.void = a.Void
	c.counts[fmt.Sprintf("get: miss, void %v, lease %v, leased %v", a.Void, a.Lease != none, a.Leased)]++
	if c.misses = append(c.misses, [2]cache.RemoteMiss{*a, *b}); len(c.misses) > 8 {
		c.misses = c.misses[1:]
	}
}

func (c *comparison) peek(p int) {
	key := Key(c.rand.IntN(compareKeys))
	c.say("peek of %d: %v", p, key[:2])
	var peeks [2]*cache.RemotePeek
	var errs [2]error
	for i, r := range c.processes[p] {
		peeker, ok := r.(cache.RemotePeeker)
		if !ok {
			return
		}
		peeks[i], errs[i] = peeker.Peek(c.ctx(), key)
	}
	if !c.agree(errs) {
		return
	}
	a, b := peeks[0], peeks[1]
	if (a == nil) != (b == nil) {
		c.fail("peeks: %+v and %+v", a, b)
	}
	if a == nil {
		c.counts["peek: nothing"]++
		return
	}
	c.same(a.RemotePosition, b.RemotePosition)
	if string(a.Payload) != string(b.Payload) || (a.TTL-b.TTL).Abs() > never/2 {
		c.fail("peeks: %+v and %+v", a, b)
	}
	c.counts["peek: an entry"]++
}

func (c *comparison) fill(p int) {
	if len(c.misses) == 0 {
		return
	}
	// Most fills are of the last misses, so that some are stored.
	n := len(c.misses) - 1 - min(c.rand.IntN(8), c.rand.IntN(8), len(c.misses)-1)
	miss, key := c.misses[n], Key(c.rand.IntN(compareKeys))
	f := cache.RemoteFill{Facts: c.facts(1, 3), Payload: fmt.Appendf(nil, "%d", c.rand.Uint64()), TTL: never}
	if c.one(100) {
		f.TTL = soon
	}
	c.say("fill of %d: %v of miss %+v, facts %d, ttl %v", p, key[:2], miss[0], f.Facts, f.TTL)
	var filled [2]cache.RemoteFilled
	var errs [2]error
	for i, r := range c.processes[p] {
		f.Miss = miss[i]
		filled[i], errs[i] = r.Fill(c.ctx(), key, f)
	}
	if f.TTL == soon {
		c.wait()
	}
	if !c.agree(errs) {
		return
	}
	if filled[0].Outcome != filled[1].Outcome {
		c.fail("fills: %v and %v", filled[0], filled[1])
	}
	c.same(filled[0].RemotePosition, filled[1].RemotePosition)
	c.counts["fill: "+filled[0].Outcome.String()]++
}

// facts returns from least to most of them, no two the same.
func (c *comparison) facts(least, most int) []cache.Fact {
	var list []cache.Fact
	for range least + c.rand.IntN(most-least+1) {
		if f := compareFact(c.rand.IntN(compareFacts)); !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

// split divides facts in two lists.
func (c *comparison) split(facts []cache.Fact) (a, b []cache.Fact) {
	n := c.rand.IntN(len(facts) + 1)
	if c.one(2) {
		n = len(facts)
	}
	return facts[:n], facts[n:]
}

func (c *comparison) write() cache.WriteID { return cache.WriteID{byte(c.rand.IntN(compareWrites))} }

func (c *comparison) begin(p int) {
	w := cache.RemoteWrite{ID: c.write(), Lease: soon}
	w.Touches, w.Covers = c.split(c.facts(1, 4))
	if !c.one(6) {
		// Only the others may announce for so long.
		w.Lease = never
		p = 2
		if c.database == "b" {
			p = 4
		}
	}
	c.say("begin of %d: %+v", p, w)
	c.positions(p, "begin", func(r cache.Remote, _ int) (cache.RemotePosition, error) { return r.Begin(c.ctx(), w) })
	if w.Lease == soon {
		c.wait()
		return
	}
	c.begun = append(c.begun, w)
}

func (c *comparison) end(p int) {
	e := cache.RemoteEnd{ID: c.write()}
	e.Touched, e.Held = c.split(c.facts(1, 3))
	if n := len(c.begun); n > 0 && !c.one(8) {
		w := c.begun[n-1]
		c.begun = c.begun[:n-1]
		e = cache.RemoteEnd{ID: w.ID, Touched: w.Touches, Held: w.Covers}
		if c.one(3) {
			e = cache.RemoteEnd{ID: w.ID, Held: slices.Concat(w.Touches, w.Covers)}
		}
	}
	c.say("end of %d: %+v", p, e)
	c.positions(p, "end", func(r cache.Remote, _ int) (cache.RemotePosition, error) { return r.End(c.ctx(), e) })
}

// compareMessages waits until the messages of both are there.
func (c *comparison) compareMessages() {
	c.Helper()
	var all [2][]cache.RemoteMessage
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		all[0], all[1] = c.listeners[0].all(), c.listeners[1].all()
		if len(all[0]) == len(all[1]) || time.Now().After(deadline) {
			break
		}
	}
	for n := c.sent; n < min(len(all[0]), len(all[1])); n++ {
		a, b := all[0][n], all[1][n]
		c.same(a.RemotePosition, b.RemotePosition)
		if !slices.Equal(a.Facts, b.Facts) {
			c.fail("message %d: %v and %v", n, a, b)
		}
	}
	if len(all[0]) != len(all[1]) {
		c.fail("%d and %d messages", len(all[0]), len(all[1]))
	}
	c.sent = len(all[0])
	c.counts["messages"] = c.sent
}
