package model

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Small configurations in which mutants are found by exploring.
var (
	oneReader    = Config{Workload: SameRow, Reads: 1, Writes: 1, RemoteOnly: true, OneReader: true}
	remoteCrash  = Config{Workload: SameRow, Reads: 1, Writes: 1, Crashes: 1, RemoteOnly: true}
	remoteReboot = Config{Workload: SameRow, Reads: 1, Writes: 1, Restarts: 1, RemoteOnly: true}
	nearOther    = Config{Workload: OtherRow, Reads: 1, Writes: 1, OneReader: true}
	nearOwn      = Config{Workload: OwnRow, Reads: 1, Writes: 1, OneReader: true}
	nearLoss     = Config{Workload: OtherRow, Reads: 1, Writes: 1, Losses: 1, OneReader: true}
	nearReboot   = Config{Workload: OtherRow, Reads: 1, Writes: 1, Restarts: 1, OneReader: true}
	twoTrips     = Config{Workload: BothRows, Reads: 2, Writes: 1, OneReader: true, TwoTrips: true}
	backwards    = Config{Workload: OtherRow, Reads: 3, Writes: 1, Crashes: 1, OneReader: true, Monotonic: true}
	peeks        = Config{Workload: OtherRow, Reads: 2, Writes: 1, OneReader: true, Peeks: true}
	peeksOwn     = Config{Workload: OwnRow, Reads: 2, Writes: 1, OneReader: true, Peeks: true}
	peeksLapse   = Config{Workload: OtherRow, Reads: 2, Writes: 1, Lapses: 1, OneReader: true, Peeks: true}
	early        = Config{Workload: SameRow, Reads: 1, Writes: 1, RemoteOnly: true, EarlyExpiry: true}
)

// kill is how a mutant is found: exhaustively, within a number of states, and
// within a number of random walks with seed 1 through chaos, which random may
// adjust. 0 walks: they don't find it.
type kill struct {
	mutant Mutant
	config Config
	states int
	broken string
	walks  int
	random func(*Config)
}

var kills = []kill{
	{CaptureAfterRead, remoteReboot, 50_000, remoteStale, 1_000, nil},
	{CaptureAtFill, oneReader, 1_000, remoteStale, 200, nil},
	{NoFloorCheck, oneReader, 1_000, remoteStale, 2_000, nil},
	{FillIgnoresPending, oneReader, 1_000, remoteStale, 200, nil},
	{NoExpireBump, remoteCrash, 5_000, remoteStale, 200, nil},
	{NoEpochInFill, remoteReboot, 50_000, remoteStale, 200, nil},
	{CaptureInQuarantine, remoteReboot, 50_000, remoteStale, 1_000, nil},
	{FillInTransaction, oneReader, 1_000, remoteStale, 200, nil},

	{NoPending, oneReader, 1_000, remoteStale, 2_000, nil},
	{NoBegin, oneReader, 1_000, remoteStale, 2_000, nil},
	{BeginWithoutUnlink, oneReader, 1_000, remoteStale, 2_000, nil},
	{NoEnd, oneReader, 1_000, remoteStale, 2_000, nil},
	{EndWithoutFloor, oneReader, 1_000, remoteStale, 2_000, nil},
	// Redundant as long as transactions become visible within their leases.
	{EndWithoutUnlink, early, 20_000, converged, 0, nil},
	{NoLocalTouch, nearOwn, 100_000, nearUnread, 2_000, nil},

	{NoQuarantine, remoteReboot, 20_000, remoteStale, 2_000, nil},
	{NoEpochInEntry, remoteReboot, 100_000, remoteStale, 5_000, nil},
	{NoRunID, remoteReboot, 100_000, remoteStale, 2_000, nil},
	{EpochReused, remoteReboot, 50_000, remoteStale, 200, nil},
	{MissingCellValid, oneReader, 1_000, remoteStale, 2_000, nil},

	{NoFlushOnSubscribe, nearReboot, 5_000_000, nearStale, 2_000, nil}, // see TestSchedules, too
	{NoGapDetection, nearLoss, 300_000, nearStale, 5_000, otherRow},
	{BlindProbe, nearOther, 50_000, nearStale, 2_000, nil},
	{StampedWithApplied, nearOther, 50_000, nearStale, 2_000, nil},
	{PositionAfterCells, twoTrips, 500_000, nearStale, 5_000, rowsInTwoTrips},
	{NoMonotonicRule, backwards, 1_000_000, monotonic, 10_000, otherRowMonotonic},

	{PeekUnchecked, peeks, 300_000, bounded, 2_000, nil},
	{PeekAtPresent, peeks, 300_000, bounded, 2_000, nil},
	{PeekUngated, peeksLapse, 300_000, bounded, 5_000, otherRow},
	{PeekBeforeOwnWrite, peeksOwn, 300_000, ownWrites, 1_000, nil},
}

func otherRow(c *Config) { c.Workload, c.Restarts, c.Crashes = OtherRow, 0, 0 }

func otherRowMonotonic(c *Config) {
	otherRow(c)
	c.Monotonic = true
}

func rowsInTwoTrips(c *Config) { c.Workload, c.TwoTrips = BothRows, true }

func TestEveryMutantIsKilled(t *testing.T) {
	mutants := make(map[Mutant]bool)
	for _, k := range kills {
		mutants[k.mutant] = true
	}
	for m := None + 1; m < numMutants; m++ {
		require.True(t, mutants[m], "%s", m)
	}
}

// Exploring finds each mutant. Its counterexample is a shortest one, can be
// followed again, and breaks nothing when the protocol follows it.
func TestMutantsExplored(t *testing.T) {
	for _, k := range kills {
		t.Run(k.mutant.String(), func(t *testing.T) {
			if k.states > 1_000_000 && os.Getenv(longEnv) == "" {
				t.Skipf("up to %d states: set %s", k.states, longEnv)
			}
			if raceDetector && k.states > racedStates {
				t.Skipf("up to %d states: not with the race detector", k.states)
			}
			mutant := k.config
			mutant.Mutant = k.mutant
			r := Explore(mutant, k.states)
			t.Log(r)
			require.NotNil(t, r.Counterexample, "survived: %s", r)
			require.Equal(t, k.broken, r.Counterexample.Broken)

			again, err := Follow(mutant, r.Counterexample.Names()...)
			require.NoError(t, err)
			require.Equal(t, r.Counterexample, again.Counterexample)
			requireHarmless(t, k.config, r.Counterexample.Names())
		})
	}
}

// Random walks find each mutant, too, but for the one that needs EarlyExpiry.
func TestMutantsWalked(t *testing.T) {
	for _, k := range kills {
		if k.walks == 0 {
			continue
		}
		t.Run(k.mutant.String(), func(t *testing.T) {
			if raceDetector && k.walks > 500 {
				t.Skipf("up to %d walks: not with the race detector", k.walks)
			}
			c := chaos
			if k.random != nil {
				k.random(&c)
			}
			c.Mutant = k.mutant
			const seed = 1
			r := Walk(c, seed, k.walks, walkLength)
			t.Logf("seed %d: %s", seed, r)
			require.NotNil(t, r.Counterexample, "seed %d: survived: %s", seed, r)
		})
	}
}

// Schedules that break a mutant and not the protocol, for the rules that few
// interleavings need.
func TestSchedules(t *testing.T) {
	for _, s := range []struct {
		mutant Mutant
		config Config
		broken string
		steps  string
	}{
		{NoGapDetection, nearLoss, nearStale, `
			R0 begins to read
			R0 misses
			R0 reads the database
			R0 fills
			R0 stores in the near level
			W1 BEGIN
			P0 loses a message
			W1 COMMIT
			W0 BEGIN
			P0 receives a message
			P0 probes
			P0 is proven up to date`},
		// Between its handshake and its subscription the process is told nothing.
		{NoFlushOnSubscribe, nearReboot, nearStale, `
			Redis restarts empty
			P0 connects
			Redis ends the quarantine
			R0 begins to read
			R0 misses
			R0 reads the database
			R0 fills
			R0 stores in the near level
			P1 connects
			W1 BEGIN
			W1 COMMIT
			P0 subscribes
			P0 probes
			P0 is proven up to date`},
		// The writer dies after its commit; a reader fills what it read before.
		{NoExpireBump, remoteCrash, remoteStale, `
			R1 begins to read
			R1 misses
			R1 reads the database
			W0 BEGIN
			W0 COMMIT
			W0 crashes
			W0 has its lease expire
			R1 fills`},
	} {
		t.Run(s.mutant.String(), func(t *testing.T) {
			var names []string
			for line := range strings.Lines(strings.TrimSpace(s.steps)) {
				names = append(names, strings.TrimSpace(line))
			}
			mutant := s.config
			mutant.Mutant = s.mutant
			r, err := Follow(mutant, names...)
			require.NoError(t, err)
			require.NotNil(t, r.Counterexample, "survived: %s", r)
			require.Equal(t, s.broken, r.Counterexample.Broken)
			require.Equal(t, names, r.Counterexample.Names())
			requireHarmless(t, s.config, names)
		})
	}
}

// requireHarmless takes steps with the protocol as it is, as far as it lets them
// be taken.
func requireHarmless(t *testing.T, c Config, names []string) {
	t.Helper()
	r, _ := Follow(c, names...)
	require.Nil(t, r.Counterexample)
}

// A counterexample reads as a story: who did what, and what came of it.
func TestCounterexampleString(t *testing.T) {
	c := oneReader
	c.Mutant = NoFloorCheck
	r := Explore(c, 1_000)
	require.NotNil(t, r.Counterexample)
	text := r.Counterexample.String()
	for _, want := range []string{"  1  ", "COMMIT", "database X=1 Y=0", "fills", "entry X=0 Y=0 of epoch 1", remoteStale} {
		require.Contains(t, text, want)
	}
}

func TestFollowNamesWhatCanFollow(t *testing.T) {
	_, err := Follow(oneReader, "W0 BEGIN", "W0 BEGIN")
	require.EqualError(t, err, `step 2: "W0 BEGIN" isn't one of those that can follow: `+
		`W0 COMMIT, W0 rolls back, W1 BEGIN, R0 begins to read`)
}
