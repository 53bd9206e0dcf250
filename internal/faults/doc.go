// Package faults lets processes that share a remote level suffer what processes,
// networks and servers do, and judges what their reads returned meanwhile.
//
// The test binary is the parent. It starts itself again as workers, each with an
// Ent client and a cache, on one database and one Redis server, which each worker
// reaches through proxies of its own. Workers read and write at random and report
// every operation with the time it began and ended; they run on one host, whose
// monotonic clock they share. The parent injects faults from a schedule made of
// a seed: it kills and stops workers, also at the points of package crash,
// restarts and empties Redis, and cuts and slows connections.
//
// # The judge
//
// Every write adds one to its row's version and sets a nonce that no other write
// uses, and a trigger notes both, in the same transaction, in a log that is never
// cached. The database thus says which versions there were, also of a transaction
// whose process died before it heard the outcome. A version became visible no
// earlier than its writer sent the commit, and no later than the writer heard of
// it or anybody saw it. So, for a read that ran from s to e under a bound B:
//
//   - a version that somebody could know to be replaced before s-B is stale;
//   - one that isn't in the log with that nonce, or was only an intermediate state
//     of its transaction, or whose commit was sent after e, must not be seen;
//   - a process sees what it wrote, and who has a token what came before it. Only
//     a row that another process brought into a result, within the bound, may
//     still be missing there though the reader has written it since: the report
//     counts those;
//   - who only reaches a primary that refuses writes, because it was cut off from
//     its replica, is served what the last probe allows and nothing else;
//   - the rows of one statement were all there at one moment;
//   - a write that was refused or rolled back isn't in the log.
//
// After each phase all faults are mended, and every worker reads everything: it
// must be what the database has.
//
// A read that shows the harness itself to be wrong would be one of the parent's
// own: it reads the tables all the while, without a cache, and those reads are
// judged too.
//
// What the clock can't tell is left out: there is no slack but the one that is
// configured, which the report says how often it was needed.
//
// # Long runs
//
//	go build -o bin/servers ./internal/testdb/cmd/servers
//	bin/servers -- go test -tags faults -timeout 0 -count 1 -v -run '^TestFaults$' ./internal/faults -args -long -duration 2h
//
// The flag -only injects one fault, -seed makes the schedule the same, and
// -mutant, with the build tag mutant, makes an error that must be found.
package faults
