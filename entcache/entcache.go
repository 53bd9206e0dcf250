package entcache

import (
	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/mixin"
	"github.com/entcache/ent-cache/schema"
)

// Mixin caches the reads of the schema that mixes it in. Its zero value caches
// every operation for five minutes. See [schema.Policy] for its fields.
type Mixin = mixin.Mixin

// Op is a set of Ent's read operations, for Mixin.Ops.
type Op = schema.Op

// The operations. FirstID counts as First, OnlyID as Only; a statement that
// loads an edge eagerly counts as All.
const (
	Only    = schema.Only
	First   = schema.First
	All     = schema.All
	IDs     = schema.IDs
	Count   = schema.Count
	Exist   = schema.Exist
	Select  = schema.Select
	GroupBy = schema.GroupBy
)

// DefaultTTL is how long an entry lives when its Mixin names no TTL.
const DefaultTTL = schema.DefaultTTL

// Stats are the counters of a cache. TypeStats are those of one Ent type,
// OpStats those of one operation.
type (
	Stats     = cache.Stats
	TypeStats = cache.TypeStats
	OpStats   = cache.OpStats
)

// Reason says why a read wasn't cached.
type Reason = cache.Reason

// Explanation says what the cache made of one statement.
type Explanation = cache.Explanation

// ErrClosed is returned by methods of a closed cache.
var ErrClosed = cache.ErrClosed
