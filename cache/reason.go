package cache

import "strconv"

// Reason says why a read went to the database and its result was not stored.
type Reason uint8

// The reasons.
const (
	// Cacheable is no reason: the read may be cached.
	Cacheable Reason = iota
	// NotGenerated: the builder has none of the generated methods.
	NotGenerated
	// NoPolicy: the type has no entcache.Mixin.
	NoPolicy
	// NotAsked: the policy caches on demand and the context didn't ask.
	NotAsked
	// OpExcluded: the policy leaves the operation out.
	OpExcluded
	// Skipped: the context says entcache.Skip.
	Skipped
	// InTransaction: the read runs in a transaction.
	InTransaction
	// InMutation: the read runs under the context of a running mutation.
	InMutation
	// UnknownDriver: the client's driver is neither Ent's own nor does it say
	// what it wraps, so it may hide a transaction.
	UnknownDriver
	// SessionVars: the context carries session variables and the cache has no
	// VaryBy.
	SessionVars
	// Unseen: the context has a token of writes that the cache doesn't know of.
	Unseen
	// Locking: FOR UPDATE, FOR SHARE.
	Locking
	// NotSelect: the statement isn't a single SELECT.
	NotSelect
	// Volatile: the statement calls what differs from call to call.
	Volatile
	// UnknownFunction: the statement calls a function the cache doesn't know.
	UnknownFunction
	// UnknownTable: the statement reads a table that isn't in the schema.
	UnknownTable
	// OpenView: the statement reads a view that doesn't say what it depends on.
	OpenView
	// NotUnderstood: the statement couldn't be read.
	NotUnderstood
	// NoTenant: the statement reads a table whose policy names a tenant, and its
	// conditions don't say whose rows it is about.
	NoTenant
	// UnknownArgument: an argument has no form that a key can be built from.
	UnknownArgument
	// TooLarge: the result is past the policy's bound of rows or bytes.
	TooLarge
	// Incomplete: the rows ended early or with an error.
	Incomplete
	// UnknownValue: a row holds a value that can't be kept.
	UnknownValue
	// Overtaken: a write touched the result while it was read.
	Overtaken
	// Closed: the cache is closed.
	Closed

	numReasons
)

var reasonNames = [numReasons]string{
	Cacheable: "cacheable", NotGenerated: "not generated", NoPolicy: "no policy", NotAsked: "not asked for", OpExcluded: "operation excluded",
	Skipped: "skipped", InTransaction: "in a transaction", InMutation: "in a mutation", UnknownDriver: "unknown driver",
	SessionVars: "session variables", Unseen: "token of unseen writes", Locking: "locking read", NotSelect: "not a single SELECT", Volatile: "volatile",
	UnknownFunction: "unknown function", UnknownTable: "unknown table", OpenView: "view without DependsOn", NotUnderstood: "not understood", NoTenant: "no tenant",
	UnknownArgument: "unknown argument", TooLarge: "too large", Incomplete: "incomplete", UnknownValue: "unknown value", Overtaken: "overtaken by a write",
	Closed: "cache closed",
}

// String returns the reason in a few words.
func (r Reason) String() string {
	if r < numReasons {
		return reasonNames[r]
	}
	return "Reason(" + strconv.Itoa(int(r)) + ")"
}
