package entcache

import (
	"time"

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

// Invalidation says which write an entry isn't served any more for, and which of
// the facts that the entry depends on it touched.
type Invalidation = cache.Invalidation

// Cause describes that write.
type Cause = cache.Cause

// Consistency says how old a result may be that another process has overwritten:
// [Strict], [Bounded] or [Eventual].
type Consistency = cache.Consistency

// DefaultBound is the bound of reads that nothing else is said of.
const DefaultBound = cache.DefaultBound

// Strict reads see every write that committed before they began. Each costs a
// round trip to the remote level, or goes to the database.
var Strict = cache.Strict

// Bounded reads see every write that committed longer ago than d, which must be
// 100 ms or more. Those that find their result in the process cost no round trip.
func Bounded(d time.Duration) Consistency { return cache.Bounded(d) }

// Eventual reads see every write that committed longer ago than d: results that
// the process has are served up to that age, whatever other processes wrote
// meanwhile.
func Eventual(d time.Duration) Consistency { return cache.Eventual(d) }

// RemoteStats are the counters of the level that processes share.
type RemoteStats = cache.RemoteStats

// ErrUnannounced is wrapped by the error of a write that was refused because
// other processes couldn't be told of it; see [RefuseUnannouncedWrites].
var ErrUnannounced = cache.ErrUnannounced

// ErrClosed is returned by methods of a closed cache.
var ErrClosed = cache.ErrClosed
