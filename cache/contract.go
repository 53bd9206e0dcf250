package cache

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
)

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

// TxDriver is what generated code adds to the driver of a transaction.
type TxDriver interface {
	dialect.Driver
	// EntcacheTx tells the driver of a transaction from others.
	EntcacheTx()
}

// Key names a cached result: the first 128 bits of a SHA-256.
type Key [16]byte
