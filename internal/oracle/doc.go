// Package oracle tests the cache against the database itself. It makes random
// reads and writes of generated Ent packages, runs every read through a client
// with the cache and through one without, and compares what they return. What
// fails is made shorter until nothing can be left out, and can be repeated.
//
// A list of operations is for one goroutine. A [Storm] is for several: each
// cached read there must equal one of two uncached reads around it, unless more
// than one commit came between. A write that the database doesn't answer counts
// as running until the server has ended it.
//
// A list can be spread over several caches that share a remote level, as the
// processes of a program do. Reads that are Strict, or carry the token of the
// last write, must be as exact there as in one.
//
// Deliberate errors of the engine, package mutant, show what the oracle finds.
package oracle
