//go:build mutant

package oracle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/internal/mutant"
	"github.com/entcache/ent-cache/internal/testdb"
)

// mutantOps is within how many operations the oracle must find a mutant.
const mutantOps = 20000

// mutantSeeds are the seeds tried, each for that many.
var mutantSeeds = []uint64{101, 201, 301, 401}

// hunt says where a mutant is sought, if not in all domains on SQLite.
type hunt struct {
	domains []string
	dialect string
	storm   bool // only several goroutines meet it
	doubt   bool // only a write that the database doesn't answer
	raw     bool // only raw statements
	// facts says that chance hardly puts it to the test here. It is found by the
	// statements of TestFactsCoverChanges, in the cache's tests, or by another test with
	// FindsMutant in its name.
	facts bool
	// test is a test elsewhere that finds it, with the tag mutant: what it takes is a
	// race that chance doesn't bring about.
	test string
	// seed is one that is known to find a mutant that is hard to find. It saves
	// time, and it is no harm if it doesn't any more.
	seed uint64
}

// edges are the domains with edges of every kind.
var edges = []string{"o2o", "edgeschema", "shop", "bidiedges"}

var hunts = map[mutant.Name]hunt{
	mutant.ModifierIgnored:  {domains: []string{"fields"}},
	mutant.ForeignOutwards:  {domains: []string{"shop"}},
	mutant.UpsertIsCreate:   {domains: []string{"shop"}, seed: 201},
	mutant.HiddenTxAtOnce:   {seed: 101},
	mutant.KeyFirstArg:      {seed: 201},
	mutant.GroupCovers:      {domains: []string{"tenant"}},
	mutant.IgnoreViews:      {domains: []string{"view"}},
	mutant.CopySharesFields: {domains: []string{"fields"}},
	mutant.BidiSkipped:      {domains: []string{"o2o"}, seed: 101},
	mutant.FarEndSkipped:    {domains: edges},
	mutant.NearEndSkipped:   {domains: edges, seed: 101},
	mutant.ChildRowSkipped:  {domains: edges},
	mutant.ClearIgnored:     {domains: edges},
	mutant.CascadeOneStep:   {domains: []string{"cascade", "shop"}},
	mutant.FoldIgnored:      {dialect: dialect.MySQL, domains: []string{"upsert"}, seed: 73},
	mutant.LockingCached:    {dialect: dialect.Postgres, domains: []string{"shop"}},
	mutant.DoubtIgnored:     {doubt: true},
	mutant.StampAfter:       {storm: true},
	mutant.CoalescedAsIs:    {storm: true},
	mutant.HoldIgnored:      {storm: true},
	mutant.TouchBefore:      {storm: true},

	mutant.CountIgnored: {test: "TestPhantomsFindMutant of package internal/traps"},
	mutant.SomeAreNone:  {domains: []string{"shop"}},

	mutant.SkipUnkeyed:   {facts: true},
	mutant.SkipWithinAny: {facts: true},
	mutant.PinsOutwards:  {facts: true},
	mutant.UnionPins:     {facts: true},
	mutant.OuterPins:     {facts: true},

	mutant.LessIsLessOrEqual: {facts: true},
	mutant.OuterConditions:   {facts: true},
	mutant.DescendingIgnored: {facts: true},
	mutant.ReplacedIgnored:   {facts: true},
	mutant.RecentDropped:     {facts: true},
	mutant.AssumedKnown:      {facts: true},
	mutant.ExistSharesKey:    {facts: true},

	mutant.RawIgnored:          {raw: true},
	mutant.RawReturningIgnored: {raw: true},
	mutant.RawCteIgnored:       {raw: true, dialect: dialect.Postgres},
	mutant.RawSecondStatement:  {raw: true, domains: []string{"o2o"}, seed: 412},
	mutant.RawCascadeIgnored:   {raw: true, domains: []string{"cascade", "shop"}},
	mutant.RawRowTooFine:       {raw: true, domains: []string{"shop"}, seed: 201},
	mutant.RawTxAtOnce:         {raw: true},
}

var errStale = errors.New("a write in doubt was missed")

func TestMutants(t *testing.T) {
	for _, n := range mutant.All() {
		t.Run(n.String(), func(t *testing.T) {
			h := hunts[n]
			if h.facts {
				t.Skip("found by a test …FindsMutant of package cache or traps")
			}
			if h.test != "" {
				t.Skip("found by " + h.test)
			}
			if h.dialect == "" {
				h.dialect = dialect.SQLite
			}
			start := time.Now()
			by, domain, ops, err := h.find(t, n)
			switch {
			case errors.Is(err, testdb.ErrUnavailable) && os.Getenv("CI") != "true":
				t.Skip(err)
			case err == nil:
				t.Errorf("not found within %d operations", ops)
			default:
				t.Logf("%-18s %-9s %-12s %6d operations %s", n, by, domain, ops, time.Since(start).Round(time.Millisecond))
			}
		})
	}
}

func (h hunt) find(t *testing.T, n mutant.Name) (by, domain string, ops int, err error) {
	mutant.Set(n)
	defer mutant.Set(mutant.None)
	ctx := context.Background()
	if h.doubt {
		for name, write := range doubtful {
			if got := staleAfterDoubt(ctx, t, write); got == "new" {
				return "", "", ops, nil
			}
			by, domain, ops, err = name, "o2o", ops+1, errStale
		}
		return by, domain, ops, err
	}
	if h.storm {
		for seed := uint64(1); seed <= 60; seed++ {
			d, err := Open(ctx, "shop", h.dialect)
			if err != nil {
				return "", "", 0, err
			}
			s, err := Storm{Seed: seed, Readers: 4, Writers: 3, For: time.Second, Pause: time.Millisecond}.Run(ctx, d)
			_ = d.Close()
			if ops += int(s.Reads); err != nil {
				return fmt.Sprint("storm ", seed), "shop", ops, err
			}
		}
		return "", "", ops, nil
	}
	for _, seed := range append([]uint64{max(h.seed, 1)}, mutantSeeds...) {
		s, err := Campaign{Dialect: h.dialect, Seed: seed, Ops: mutantOps, Domains: h.domains, Raw: h.raw}.Run(ctx)
		var f *Failure
		if errors.As(err, &f) {
			return fmt.Sprint("seed ", f.Seed), f.List.Domain, f.At, err
		}
		if ops += s.Ops; err != nil {
			return "", "", ops, err
		}
	}
	return "", "", ops, nil
}

// TestNoMutant runs what finds the mutants with none of them.
func TestNoMutant(t *testing.T) {
	for _, domains := range [][]string{nil, {"view"}, edges} {
		s, err := Campaign{Dialect: dialect.SQLite, Seed: 1, Ops: mutantOps, Domains: domains}.Run(t.Context())
		if err != nil {
			t.Error(err)
		}
		t.Log(s)
	}
}

// sharedHunts are the errors between processes that lists can show, where one
// step is made at a time on a remote level that loses only messages, and whether
// their reads carry tokens. The others take races or faults of the server; the
// tests that cause those find them.
var sharedHunts = map[mutant.Name]bool{
	mutant.StrictNear:     false,
	mutant.NeverAnnounced: false,
	mutant.TokenIgnored:   true,
}

func TestSharedMutants(t *testing.T) {
	t.Setenv(testdb.RedisEnv, "")
	for n, tokens := range sharedHunts {
		t.Run(n.String(), func(t *testing.T) {
			mutant.Set(n)
			defer mutant.Set(mutant.None)
			s, err := Campaign{Dialect: dialect.SQLite, Seed: 1, Ops: 8000, Domains: []string{"shop"}, Processes: 2, Tokens: tokens}.Run(t.Context())
			var f *Failure
			require.ErrorAs(t, err, &f, "%+v", s)
			t.Logf("%-18s seed %d, %d operations", n, f.Seed, f.At)
		})
	}
}
