package simulation

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// races are the races and faults that the protocol between processes knows, with
// the tests that play them: here what several processes do, elsewhere what one
// process or the remote level decides by itself.
var races = []struct{ name, what, tests string }{
	{"R1", "fill and invalidation", "TestRace_R01_FillAfterInvalidation ../../store/redisstore:TestRace_R01_FillAfterInvalidation"},
	{"R2", "invalidation before the commit", "TestRace_R02_FillBeforeCommit ../../store/redisstore:TestRace_R02_FillBeforeCommit"},
	{"R3", "between commit and invalidation", "TestRace_R03_ReadBetweenCommitAndEnd TestRace_R03_Token ../../store/redisstore:TestRace_R03_ReadBetweenCommitAndEnd"},
	{"R4", "crash between them", "TestRace_R04_CrashBeforeEnd ../../store/redisstore:TestRace_R04_CrashBeforeEnd"},
	{"R5", "the lease runs out under a read", "TestRace_R05_LeaseRunsOutUnderARead ../../store/redisstore:TestRace_R05_LeaseRunsOutUnderARead"},
	{"R6", "uncommitted data", "../traps:TestTrap_T09_ReadsInsideTransactions ../processes:TestRollbackTouchesNothing"},
	{"R7", "reads of a snapshot", "../traps:TestTrap_T09_ReadsInsideTransactions"},
	{"R8", "rollback", "TestRace_R08_Rollback ../../store/redisstore:TestRace_R08_RolledBack"},
	{"R9", "a commit without answer", "TestRace_R09_AmbiguousCommit ../../hook:TestWritesInDoubt"},
	{"R10", "two writers", "TestRace_R10_TwoWriters ../../store/redisstore:TestRace_R10_TwoWriters"},
	{"R11", "a part of a result", "../../cache:TestRecordReasons ../../cache:TestRecordOfCancelledQuery ../../cache:TestRecordOfClosedRows"},
	{"R12", "a hit after its invalidation", "TestRace_R12_HitAfterItsInvalidation TestRace_R12_HitAfterItsOwnInvalidation"},
	{"R13", "a message that is lost", "TestRace_R13_LostMessage ../../store/redisstore:TestRace_R13_SubscriptionKilled"},
	{"R14", "a partition, a process that stands still", "TestRace_R14_Partition TestRace_R14_AnswerThatComesLate TestRace_R14_StandsStillBeforeTheAnswer ../../store/redisstore:TestRace_R14_SubscriptionStandsStill"},
	{"R15", "messages and answers again, late and in another order", "TestRace_R15_RepeatedAndLate TestRace_R15_AnswerOfARetiredEpoch ../../store/redisstore:TestRace_R15_RepeatedAndLate"},
	{"R16", "joining an older read", "TestRace_R16_JoinOfAnOlderRead"},
	{"R17", "restart, empty", "TestRace_R17_RestartEmpty ../../store/redisstore:TestRace_R17_RestartEmpty"},
	{"R17b", "restart with an older state", "TestRace_R17b_RestartWithRollback ../../store/redisstore:TestRace_R17b_RestartWithRollback"},
	{"R17c", "an announcement that is lost", "TestRace_R17c_AnnouncementLost ../../store/redisstore:TestRace_R17c_AnnouncementLost"},
	{"R18", "two primaries", "TestRace_R18_SplitBrain ../../store/redisstore:TestRace_R18_IsolatedPrimary"},
	{"R19", "eviction of what says what is valid", "TestRace_R19_EvictedState ../../store/redisstore:TestRace_R19_EvictionUnderLoad"},
	{"R20", "times to live", "TestRace_R20_TimeToLive TestRace_R20_AnswerThatTakesLong TestRace_R20_MissingCells ../../store/redisstore:TestRace_R20_CellsOutliveEntries"},
	{"R21", "clocks", "TestRace_R20_TimeToLive ../../store/redisstore:TestSimulationIsRedis"},
	{"R22", "foreign bytes", "../../store/redisstore:TestRace_R22_ForeignBytes ../../codec:TestDecodeRefuses ../../codec/envelope:TestOpenRefuses"},
	{"R23", "the remote level can't be reached", "TestRace_R23_Unreachable TestRace_R23_OwnUnannouncedWrite TestRace_R23_CrashWithDebt ../processes:TestReadsWithoutRemote"},
	// Only the program knows which of its clients reads a replica; the schema
	// mixes the cache in, and the client decides whether it has the interceptor.
	{"R24", "replicas of the database", "../../cache:TestRouteDecides"},
	{"R25", "another database", "../../store/redisstore:TestRace_R25_OtherDatabase"},
	{"R26", "writers without a cache", "TestRace_R26_ForeignWriter TestRace_R20_TimeToLive"},
	{"R27", "what isn't there", "TestRace_R27_NegativeEntry"},
	{"R28", "phantoms", "TestRace_R28_Phantom"},
	{"R29", "bulk updates", "TestRace_R29_BulkUpdate"},
	{"R30", "cascades", "../traps:TestTrap_T12_CascadesOfTheDatabase"},
	{"R31", "upserts", "../traps:TestTrap_T10_Upserts ../traps:TestTrap_T10_UpsertsThatMoveRows"},
	{"R32", "eager loads", "TestRace_R32_OwnWriteWhileEdgesAreAskedForAhead ../traps:TestTrap_T01_EagerLoadCarriesTheRootsContext ../traps:TestTrap_T02_M2MEdgesAreLoadedFromHits"},
	{"R33", "joins, subqueries, views", "../traps:TestTrap_Views ../../cache:TestFactsCoverChanges"},
	{"R34", "volatile queries", "../traps:TestTrap_T13_VolatileReads ../traps:TestTrap_T13_LockingReads ../traps:TestTrap_T13_SessionVariables"},
	{"R35", "keys and tenants", "../../cache:TestKeysTellArgumentsApart ../traps:TestTrap_T17_TenantsOfAMixin"},
	{"R36", "another version's schema", "../../codec:TestDecodeRefuses ../../codec:TestGolden"},
	{"R37", "callers that write into results", "../traps:TestTrap_T06_CallersCannotCorruptEntries"},
	{"R38", "stampedes", "TestRace_R38_Stampede ../../store/redisstore:TestRace_R38_Stampede"},
	{"R39", "callers that give up", "../races:TestRaces ../processes:TestCancelledReads"},
	{"R40", "big results", "../traps:TestTrap_ResultsPastTheBoundAreWhole ../traps:TestTrap_OversizeValues"},
	{"R41", "the end of a process", "../processes:TestCloseUnderLoad ../processes:TestCloseRecordsWrites"},
	{"R42", "a writer that stands still", "TestRace_R42_WriterStandsStill TestRace_R42_DatabaseTakesLong"},
}

// TestIndex requires that the tests exist, and that those of this package are
// listed.
func TestIndex(t *testing.T) {
	known := make(map[string]map[string]bool)
	tests := func(dir string) map[string]bool {
		if known[dir] == nil {
			known[dir] = testsOf(t, dir)
		}
		return known[dir]
	}
	listed := make(map[string]bool)
	for _, r := range races {
		for _, name := range strings.Fields(r.tests) {
			dir, test, ok := strings.Cut(name, ":")
			if !ok {
				dir, test = ".", name
				listed[name] = true
			}
			require.True(t, tests(dir)[test], "%s, %s: no test %s", r.name, r.what, name)
		}
	}
	for name := range tests(".") {
		require.True(t, !strings.HasPrefix(name, "TestRace_") || listed[name], name)
	}
}

// testsOf returns the names of the tests in a folder.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		f, err := parser.ParseFile(gotoken.NewFileSet(), file, src, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}
