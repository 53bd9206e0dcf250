// Package precision measures how far the cache is from a perfect one: from one
// that evicts a result only when the database would give another.
//
// A workload is a log of operations that is drawn once from a seed. It is played
// on one database, and each read is asked twice: of a client without a cache, which
// says what is true at that moment, and of one with the real cache. What other
// caches would have done with the same reads and writes is modeled beside it, from
// the statements that reached the database. So all policies see the same
// operations on the same rows.
//
// What is counted are root queries: what a caller asks for, with the eager loads
// under it. It is a hit if none of its statements reached the database. The oracle
// knows queries as a whole; where two share a statement of an eager load, the cache
// may have a hit that the oracle hasn't, which is rare.
package precision
