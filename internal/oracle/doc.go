// Package oracle tests the cache against the database itself. It makes random
// reads and writes of generated Ent packages, runs every read through a client
// with the cache and through one without, and compares what they return. What
// fails is made shorter until nothing can be left out, and can be repeated.
//
// A list of operations is for one goroutine. A [Storm] is for several: each
// cached read there must equal one of two uncached reads around it, unless more
// than one commit came between.
//
// Deliberate errors of the engine, package mutant, show what the oracle finds.
package oracle
