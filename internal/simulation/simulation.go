// Package simulation plays histories of processes that share a remote level and
// a database, and checks what their reads return. The engine is the real one,
// and so are the generated clients; the database, the Redis server, the network
// and the clock are simulated. A history takes some milliseconds, and is drawn
// from a seed: what the processes do, what goes wrong and in which order it comes.
//
// # What is checked
//
// The answer of every read is that of one of the states the database was in, and
// misses nothing that it had to see: commits longer ago than its bound, all
// earlier ones if it is strict, those of its own process, and those that its
// token stands for. After the faults have ended every process reads what the
// database holds, from its own memory in the end: a cache that is shut is never
// wrong either.
//
// The edges that a read loads are read by statements of their own, and each of
// those is checked by itself: it may be of another state.
//
// A write that nobody could be told of, which RefuseUnannounced excludes, must be
// seen by other processes when its process has made the remote level begin anew,
// or when entries have expired.
//
// # What is assumed
//
// A transaction becomes visible within the lease of its last announcement, or
// not at all, if something kept its process from renewing that: the database ends
// idle sessions, and the simulated one does. Plans with LateCommits break this;
// such a commit may stay unseen as long as entries live.
//
// # How it works
//
// Each call of the remote level or the database stops before it takes effect and
// before it returns. When nothing runs any more one goroutine chooses what goes
// on: a call, a message, a fault, the clock. A plan therefore leads to the same
// history again. Almost: entries that live for seconds expire up to a tenth
// earlier, by a chance that is the engine's own, and goroutines of one process
// may run at once between two stops.
//
//	go test ./internal/simulation -run TestSimulation -seed 7 -histories 1 -trace
//	go test ./internal/simulation -run TestSimulation -histories 1000000 -timeout 0
//	go test -tags mutant ./internal/simulation -run TestMutants
package simulation

import (
	"testing"
	"testing/synctest"
)

// Run plays a history.
func Run(t *testing.T, p *Plan) (r *Result) {
	synctest.Test(t, func(*testing.T) { r = newWorld(p).run() })
	return r
}
