package cache

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
)

// Generated2 is the version of the contract that has ValueBuilder. Code that was
// generated for version 1 goes on working; its results are kept as rows only.
const Generated2 = 2

// Builder is what generated code adds to a query builder. The interceptor
// leaves builders without it alone.
type Builder interface {
	// EntcacheType returns the builder's Ent type.
	EntcacheType() *Type
	// EntcacheDriver and EntcacheSetDriver read and replace the driver the
	// builder runs its statement on.
	EntcacheDriver() dialect.Driver
	EntcacheSetDriver(dialect.Driver)
	// EntcacheContext returns the builder's own query context; a builder is
	// the root of what its caller asked for if the context carries this one.
	EntcacheContext() *ent.QueryContext
}

// ValueBuilder is a Builder whose results can be kept as typed values.
type ValueBuilder interface {
	Builder
	// EntcacheFingerprint appends what tells the result of the query from those
	// of all other queries of its type and operation. It is false if the builder
	// can't say, or if more than the cache would be skipped by not running it.
	EntcacheFingerprint(*Fingerprint) bool
	// EntcacheClone returns a copy of a result that has no memory in common
	// with it that anybody could write to. Entities of the copy belong to the
	// builder's client, with the driver the builder has now. It is false if v
	// isn't a result of such a builder or holds what can't be copied.
	EntcacheClone(v ent.Value) (ent.Value, bool)
	// EntcacheValueSize estimates the memory of a result, in bytes.
	EntcacheValueSize(v ent.Value) int
}

// Generated3 is the version of the contract that has ScanBuilder. What older code
// reads, Ent runs when it isn't in the cache.
const Generated3 = 3

// ScanBuilder is a ValueBuilder that can make a result of rows itself.
type ScanBuilder interface {
	ValueBuilder
	// EntcacheScan returns what Ent would make of the rows, if the builder loads no
	// edges. Entities belong to the builder's client, with the driver the builder has
	// now.
	EntcacheScan(*Scan) (ent.Value, error)
}

// TxDriver is what generated code adds to the driver of a transaction.
type TxDriver interface {
	dialect.Driver
	// EntcacheTx tells the driver of a transaction from others.
	EntcacheTx()
}

// Key names a cached result: the first 128 bits of a SHA-256.
type Key [16]byte
