// Package schema is the vocabulary an Ent schema uses to say how its reads are
// cached. It is a leaf: the mixin, the code generator and the engine share it.
package schema

import (
	"strings"
	"time"

	"entgo.io/ent/schema"
)

// DefaultTTL is how long an entry lives when its policy names no TTL. There is
// no way to live for ever, because writers outside Ent exist.
const DefaultTTL = 5 * time.Minute

// Op is a set of Ent's read operations.
type Op uint16

// The operations, named as Ent names them. FirstID counts as First, OnlyID as
// Only. A statement that loads an edge eagerly counts as All.
const (
	Only Op = 1 << iota
	First
	All
	IDs
	Count
	Exist
	Select
	GroupBy

	// AllOps is every operation; it is what a zero Op in a policy means.
	AllOps = Only | First | All | IDs | Count | Exist | Select | GroupBy
)

var opNames = [...]string{"Only", "First", "All", "IDs", "Count", "Exist", "Select", "GroupBy"}

// Is reports whether o holds an operation of op.
func (o Op) Is(op Op) bool { return o&op != 0 }

// String lists the operations, separated by "|".
func (o Op) String() string {
	var names []string
	for i, name := range opNames {
		if o.Is(1 << i) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, "|")
}

// Policy says how reads of one type are cached. Its zero value caches every
// operation for DefaultTTL.
type Policy struct {
	// TTL is the longest an entry lives, counted from its fill and shortened by
	// a random tenth so that entries filled together don't expire together.
	// Zero means DefaultTTL; a negative one is an error of the code generator.
	TTL time.Duration `json:",omitempty"`
	// Ops are the operations that are cached; zero means AllOps.
	Ops Op `json:",omitempty"`
	// OnDemand caches a read only where its context asks for it.
	OnDemand bool `json:",omitempty"`
	// Groups are columns by whose value reads are told apart: a read with
	// "column = value" survives writes to rows with other values, and one with such
	// conditions for two columns, of which one is named here, writes to rows that
	// differ in either; the first eight such pairs of a table count. Foreign keys
	// are grouped without being named. Integers, booleans, UUIDs, enums and
	// plain strings can be grouped.
	Groups []string `json:",omitempty"`
	// Tenant is the column that says which tenant a row belongs to. The type is then
	// grouped by it, alone and together with every other grouped column, so that what
	// is written for one tenant, row by row or in bulk, costs others no entry. A read
	// of the type is cached only if its conditions say which tenants' rows it is
	// about, wherever the SQL reads the table; every other goes to the database, with
	// the reason NoTenant. It must be of a kind that can be grouped.
	Tenant string `json:",omitempty"`
	// MaxRows and MaxBytes bound a cached result; a larger one is returned and
	// not stored. Zero means DefaultMaxRows and DefaultMaxBytes.
	MaxRows  int `json:",omitempty"`
	MaxBytes int `json:",omitempty"`
	// RefreshAhead has hits refresh an entry in the background before its TTL is
	// over, with a probability that rises towards the end and with the time the
	// query takes (XFetch; it is that paper's beta). 1 is a good value, more is
	// earlier, zero never.
	RefreshAhead float64 `json:",omitempty"`
	// MaxStaleness is for how long an entry past its TTL is still served, while
	// it is refreshed in the background. It is served no longer than it is valid:
	// writes end it at once, as they would before. Zero means none.
	MaxStaleness time.Duration `json:",omitempty"`
	// Grace has an entry that a write invalidated served nevertheless, while it
	// is refreshed in the background, if it was valid that short a time ago. A
	// read may then miss writes for that long, its own process's too; Strict
	// reads, Refresh and those with a token don't. Zero, which means none, is
	// what keeps reads right.
	Grace time.Duration `json:",omitempty"`
	// Shared has hits of queries for the type hand out the entities that are
	// stored, and not copies of them, to all readers: nobody may write to one, to
	// the edges loaded with it, or to the list that a query returned. It is for
	// types that the program only reads.
	Shared bool `json:",omitempty"`
	// OldValues has updates and deletes read first which values the rows have in the
	// grouped columns (foreign keys and Groups), with a lock, in the write's own
	// transaction. Then counts, pages with an OFFSET and the like go on being valid
	// for the groups that the row wasn't in. Without it a write that takes a row out
	// of a group invalidates those of all groups by that column, unless its own
	// conditions say what the row had: as in
	// UpdateOne(job).Where(job.StatusEQ(pending)).SetStatus(running).
	//
	// A write by predicate reads up to 256 rows, and counts as a write of each of them
	// in place of all that its conditions may meet. That takes conditions on the row's
	// own columns, and a statement that then writes as many rows as were read. Updates
	// on MySQL and MariaDB, which count the rows that changed, gain nothing.
	//
	// It costs a query for each update that sets such a column, and for each delete and
	// each write by predicate a transaction too, but for those with session variables
	// (sql.WithVar), which go without. Rows are locked for an update, which row-level
	// security must allow for those that are deleted. On MySQL texts aren't compared, so
	// texts gain nothing.
	OldValues bool `json:",omitempty"`
	// DependsOn names the tables or Ent types a view reads. A view without it
	// is not cached.
	DependsOn []string `json:",omitempty"`
	// Functions declares SQL functions that reads of this type call: the tables
	// or Ent types each one reads, none for a function that depends on its
	// arguments alone. A read that calls an undeclared function that the cache
	// doesn't know is not cached.
	Functions map[string][]string `json:",omitempty"`
}

// Bounds of one cached result, unless its policy sets others.
const (
	DefaultMaxRows  = 10_000
	DefaultMaxBytes = 1 << 20
)

// AnnotationName is the name under which a policy reaches the code generator.
const AnnotationName = "Entcache"

// Annotation carries a policy through Ent's schema loader.
type Annotation struct {
	Policy
}

// Name implements Ent's schema annotation.
func (Annotation) Name() string { return AnnotationName }

// Merge lets the last policy of a schema win; without it Ent keeps the first
// and drops the others without a word.
func (Annotation) Merge(other schema.Annotation) schema.Annotation { return other }

var _ schema.Merger = Annotation{}
