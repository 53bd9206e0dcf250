// Package model is an explicit-state model of the protocol between processes
// that share a remote level in Redis. It visits every state that a small
// configuration can reach and checks in each what the protocol promises:
//
//  1. A valid remote entry equals the database, whenever a process could be given
//     it: a validated hit is never older than the commits before it, and never
//     uncommitted or rolled back. With validation in two trips a hit is compared
//     with the database when the read began.
//  2. A near entry that would be returned, or a remote one by a plain read, is at least as new as the database was
//     when the last confirmed probe was sent: staleness is bounded by the probes,
//     whatever is lost.
//  3. A near entry that would be returned is at least as new as what its process
//     has written.
//  4. With Config.Monotonic, no process reads backwards.
//  5. With Config.EarlyExpiry, which breaks the assumption that a transaction
//     becomes visible within its lease: when no write is under way, a valid remote
//     entry equals the database all the same.
//
// # What is modelled
//
// Two processes with a reader, a writer, a near level and a subscription each;
// two rows; one query. A writer runs BEGIN, COMMIT or rollback, END. A reader
// looks in the near level, asks Redis for the entry or a capture, reads the
// database, fills, stores in the near level; with Config.Peeks it may also take the
// remote entry as it is, even from a server that was left behind, and judge it by
// what its process knows. Each of these is a step, and between two steps anything
// else can happen: Redis restarts empty or as it was at an earlier moment, a
// message is lost, a writer crashes, its lease expires after the crash or after its
// commit, a new epoch is minted and its quarantine ends, no probe is confirmed for
// longer than the bound.
//
// # What is left out
//
//   - Time. A lease, a quarantine and a probe may take as long as the assumptions
//     permit. That near hits stop when probes do is a step, with Config.Lapses;
//     entries don't expire.
//   - Scripts are atomic, as Redis runs them. Lost replies and retries are what
//     delays, crashes and idle readers look like to the others. A crash ends the
//     writer; that its process goes on reading only adds to what can happen.
//   - Which facts a statement reads and writes: here a fact is a row. Rows share
//     no bucket of the control hash.
//   - Random values never recur; epochs are numbers, a smaller one is retired.
//   - Loss of the control hash or of single cells without a restart, promotion of
//     a replica, split brain, commits of unknown outcome, reads of a lagging
//     database, writers that don't follow the protocol, several shards, waiting
//     for another's fill.
//
// # Reading a counterexample
//
// Each line is a step, who does what, and after it what changed. P is a process,
// W its writer, R its reader; X=1 is the first version written of row X. A list
// of two is by row, one of leases by writer. The last line is the promise that is
// broken in the state the last step leads to. Explore finds a shortest
// counterexample. Follow takes the names of its steps again, for the protocol or
// for a mutant.
//
// # Mutants
//
// Each Mutant lacks one rule of the protocol, and the tests find what it breaks.
// So no rule stands in the protocol without a reason, and the model sees what the
// rule prevents.
//
// # Running
//
// "go test ./internal/model" explores eight million states in some fifteen seconds.
// With ENTCACHE_TEST_LONG set it explores up to 30 million of each of more
// configurations, in some minutes and up to 9 GB of memory. With the race detector
// it does little: leave -race out.
package model
