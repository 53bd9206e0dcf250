package simredis_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/simredis"
	"github.com/entcache/ent-cache/store/storetest"
)

// clock is a clock that stands still but for what a test waits.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1_800_000_000, c.ns.Load()) }
func (c *clock) wait(d time.Duration) { c.ns.Add(int64(d)) }

func open(*testing.T) storetest.RemoteServer {
	var c clock
	s := simredis.New(simredis.Options{Now: c.now})
	return storetest.RemoteServer{
		Open: func(_ *testing.T, r storetest.RemoteConfig) cache.Remote {
			return s.Client(simredis.Config{Database: r.Database, Quarantine: r.Quarantine})
		},
		Wait:       func(d time.Duration) { c.wait(d); s.Deliver() },
		EvictState: s.EvictState, EvictFact: s.EvictCell, EvictEntry: s.EvictEntry, EvictLease: s.EvictLease,
	}
}

func TestRemote(t *testing.T) { storetest.RunRemote(t, open) }

func TestRace(t *testing.T) {
	for _, name := range storetest.RaceNames() {
		t.Run(name, func(t *testing.T) { storetest.Race(t, open, name) })
	}
}
