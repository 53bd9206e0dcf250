package faults

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/testdb"
)

// A worker is this binary, started by itself.
func TestMain(m *testing.M) {
	c, ok, err := IsWorker()
	if ok {
		if err == nil {
			err = Work(c, os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var (
	long      = Defaults()
	runLong   = flag.Bool("long", false, "run TestFaults, for as long as the other flags say")
	seed      = flag.Uint64("seed", 0, "what the schedule is made of; zero is any")
	processes = flag.Int("processes", long.Processes, "workers at once")
)

func init() {
	flag.DurationVar(&long.Duration, "duration", long.Duration, "how long to run at least")
	flag.IntVar(&long.Kills, "kills", 0, "how many workers to kill at least")
	flag.IntVar(&long.Reads, "reads", 0, "how many reads to check at least")
	flag.StringVar(&long.Only, "only", "", "the fault to inject, or several with a + between them; an unknown one lists all")
	flag.StringVar((*string)(&long.Policy), "policy", string(long.Policy), "refuse, go on or both: what becomes of writes that can't be announced")
	flag.StringVar(&long.Dialect, "db", "", "postgres, mysql or sqlite3; the default is the first there is")
	flag.DurationVar(&long.Phase, "phase", long.Phase, "how long to inject one fault")
	flag.DurationVar(&long.Slack, "slack", long.Slack, "what bounded reads may be beyond the bound")
	flag.StringVar(&long.Mutant, "mutant", "", "a deliberate error that must be found, with the build tag mutant")
	flag.BoolVar(&long.NearOnly, "near-only", false, "no remote level, which must go wrong")
}

// database returns the dialect to test with: PostgreSQL if there is a server.
func database(name string) string {
	switch {
	case name != "":
		return name
	case os.Getenv(testdb.PostgresEnv) != "":
		return dialect.Postgres
	}
	return dialect.SQLite
}

// TestFaults runs for as long as the flags say, and needs the flag -long. With
// the build tag faults workers also die at the points of package crash.
func TestFaults(t *testing.T) {
	if !*runLong {
		t.Skip("a long run: go test -tags faults -run '^TestFaults$' -timeout 0 -v ./internal/faults -args -long -duration 2h")
	}
	o := long
	o.Seed, o.Processes, o.Dialect = *seed, *processes, database(o.Dialect)
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano() % 1e6)
	}
	Start(t, o)
}

// TestFaultsShort injects every fault in less than a minute.
func TestFaultsShort(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes most of a minute")
	}
	o := Defaults()
	o.Seed, o.Dialect, o.Short = max(1, *seed), database(long.Dialect), true
	o.Lease, o.Quarantine, o.InDoubt, o.TTL = 500*time.Millisecond, 600*time.Millisecond, time.Second, 3*time.Second
	o.Phase = 3 * time.Second
	Start(t, o)
}

// recorder is a test whose failures are what is expected.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

// TestJudgeFindsStaleReads runs processes that know nothing of each other.
func TestJudgeFindsStaleReads(t *testing.T) {
	for _, processes := range []int{1, 2} {
		o := Defaults()
		o.Seed, o.Dialect, o.Processes, o.NearOnly, o.Short = 1, dialect.SQLite, processes, true, true
		o.Phase, o.Lease, o.Quarantine, o.InDoubt = time.Second, 100*time.Millisecond, 120*time.Millisecond, 100*time.Millisecond
		rec := &recorder{TB: t}
		Start(rec, o)
		if processes == 1 {
			require.Empty(t, rec.errors, "one process is right by itself")
			continue
		}
		require.NotEmpty(t, rec.errors)
		require.Contains(t, rec.errors[0], string(Stale))
	}
}
