package model

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// longEnv makes TestLong explore up to longStates states of each of its
// configurations. It takes minutes and GBs of memory.
const (
	longEnv    = "ENTCACHE_TEST_LONG"
	longStates = 30_000_000
)

// The model is one goroutine, in which the race detector finds nothing and which
// it slows down tenfold: with it a search ends early, and its test is skipped.
const racedStates = 20_000

// search is a configuration of the protocol, and what must have happened in it
// for its result to mean something.
type search struct {
	name   string
	config Config
	taken  []string
}

var (
	remoteActions = []string{
		"fills", "is refused a fill overtaken by a write", "is refused a fill while a write is pending",
		"is refused a fill over an expired lease", "has its lease expire", "rolls back",
	}
	nearActions = append([]string{
		"hits the near level", "is proven up to date", "voids all before its probe", "receives a message",
	}, remoteActions...)
	restartActions = append([]string{
		"restarts empty", "restarts with the snapshot", "ends the quarantine", "is refused a fill of another epoch",
	}, remoteActions...)
)

const peekHit = "hits the remote level by a plain read"

var searches = []search{
	{
		"remote level, restart and crash",
		Config{Workload: SameRow, Reads: 1, Writes: 1, Restarts: 1, Crashes: 1, RemoteOnly: true},
		append([]string{"hits the remote level", "crashes"}, restartActions...),
	},
	{
		"near level and plain reads, message lost",
		Config{Workload: OtherRow, Reads: 2, Writes: 1, Losses: 1, OneReader: true, Peeks: true},
		append([]string{"hits the remote level", peekHit, "loses a message"}, nearActions...),
	},
	{
		"plain reads and own writes, the bound exceeded",
		Config{Workload: OwnRow, Reads: 2, Writes: 1, Lapses: 1, OneReader: true, Peeks: true},
		append([]string{"hits the remote level", peekHit, "isn't proven for longer than the bound"}, nearActions...),
	},
	{
		"near level, two trips",
		Config{Workload: BothRows, Reads: 2, Writes: 1, OneReader: true, TwoTrips: true},
		append([]string{"hits the remote level in two trips", "finds another cell"}, nearActions...),
	},
}

// Every state of three configurations keeps every promise.
func TestProtocol(t *testing.T) {
	states := 0
	for _, s := range searches {
		t.Run(s.name, func(t *testing.T) {
			r := explore(t, s.config, longStates)
			require.True(t, r.Complete)
			requireTaken(t, r, s.taken)
			states += r.States
		})
	}
	if raceDetector {
		t.Skipf("with the race detector only %d states of each configuration", racedStates)
	}
	require.Greater(t, states, 1_500_000, "configurations have become too small to mean much")
}

// When a lease ends before its transaction does, entries may be stale until END,
// and not after it.
func TestEarlyExpiry(t *testing.T) {
	for _, w := range []Workload{SameRow, OwnRow, BothRows} {
		t.Run(w.Name, func(t *testing.T) {
			r := explore(t, Config{Workload: w, Reads: 2, Writes: 1, RemoteOnly: true, EarlyExpiry: true}, longStates)
			require.True(t, r.Complete)
			requireTaken(t, r, append([]string{"hits the remote level"}, remoteActions...))
		})
	}
}

// More reads, writes and faults than can be explored, at random.
func TestWalks(t *testing.T) {
	walks := 10_000
	if raceDetector {
		walks = 100
	}
	for _, s := range []struct {
		name   string
		adjust func(*Config)
	}{
		{"same row", func(c *Config) { c.Workload = SameRow }},
		{"other row", func(c *Config) { c.Workload = OtherRow }},
		{"both rows", func(c *Config) { c.Workload = BothRows }},
		{"both rows in two trips", func(c *Config) { c.Workload, c.TwoTrips = BothRows, true }},
		{"monotonic", func(c *Config) { c.Workload, c.Monotonic = OtherRow, true }},
	} {
		t.Run(s.name, func(t *testing.T) {
			c := chaos
			s.adjust(&c)
			const seed = 1
			r := Walk(c, seed, walks, walkLength)
			t.Logf("seed %d: %s", seed, r)
			require.Nil(t, r.Counterexample, "seed %d: %s", seed, r)
			requireTaken(t, r, append([]string{"hits the near level", peekHit, "hits a server that was left behind by a plain read", "crashes", "loses a message", "subscribes"}, restartActions...))
		})
	}
}

// chaos has every fault; it is for walks.
var chaos = Config{Workload: SameRow, Reads: 3, Writes: 2, Restarts: 1, Losses: 1, Crashes: 1, Lapses: 1, Peeks: true}

const walkLength = 120

// What can't be explored in seconds.
func TestLong(t *testing.T) {
	if os.Getenv(longEnv) == "" || raceDetector {
		t.Skipf("explores up to %d states of each configuration: set %s, and leave -race out", longStates, longEnv)
	}
	for _, s := range []struct {
		name      string
		config    Config
		workloads []Workload
	}{
		{
			"near level, message lost and crash",
			Config{Reads: 2, Writes: 1, Losses: 1, Crashes: 1, OneReader: true},
			[]Workload{SameRow, OwnRow, OtherRow, BothRows},
		},
		{
			"near level, restart and crash",
			Config{Reads: 1, Writes: 1, Restarts: 1, Crashes: 1, OneReader: true},
			[]Workload{OwnRow, OtherRow},
		},
		{
			"near level, two trips, message lost and crash",
			Config{Reads: 2, Writes: 1, Losses: 1, Crashes: 1, OneReader: true, TwoTrips: true},
			[]Workload{BothRows},
		},
		{
			"near level, monotonic, message lost",
			Config{Reads: 3, Writes: 1, Losses: 1, OneReader: true, Monotonic: true},
			[]Workload{OtherRow},
		},
		{
			"two near levels",
			Config{Reads: 1, Writes: 1, Losses: 1, Crashes: 1},
			[]Workload{OwnRow},
		},
		{
			"plain reads, restart",
			Config{Reads: 2, Writes: 1, Restarts: 1, OneReader: true, Peeks: true},
			[]Workload{OwnRow, OtherRow},
		},
		{
			"plain reads of two, message lost, the bound exceeded",
			Config{Reads: 1, Writes: 1, Losses: 1, Lapses: 1, Peeks: true},
			[]Workload{OwnRow, BothRows},
		},
		{
			"remote level, two trips, restart and crash",
			Config{Reads: 2, Writes: 1, Restarts: 1, Crashes: 1, RemoteOnly: true, TwoTrips: true},
			[]Workload{BothRows},
		},
	} {
		for _, w := range s.workloads {
			c := s.config
			c.Workload = w
			t.Run(s.name+"/"+w.Name, func(t *testing.T) { explore(t, c, longStates) })
		}
	}
}

// explore fails the test with the counterexample, if there is one.
func explore(t *testing.T, c Config, limit int) Result {
	t.Helper()
	if raceDetector {
		limit = min(limit, racedStates)
	}
	begin := time.Now()
	r := Explore(c, limit)
	t.Logf("%s in %s", r, time.Since(begin).Round(time.Millisecond))
	if r.Counterexample != nil {
		t.Fatalf("%+v\n%s", c, r.Counterexample)
	}
	if raceDetector && !r.Complete {
		t.Skipf("with the race detector only %d states", r.States)
	}
	return r
}

func requireTaken(t *testing.T, r Result, actions []string) {
	t.Helper()
	if raceDetector {
		return
	}
	for _, action := range actions {
		require.NotZero(t, r.Taken[action], "nobody ever %q; taken: %v", action, slices.Sorted(maps.Keys(r.Taken)))
	}
}
