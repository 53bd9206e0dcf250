// Package mutant names deliberate errors of the engine. With the build tag
// mutant one of them can be switched on, and the oracle must find it; without
// the tag On is the constant false and the compiler leaves the errors out.
package mutant

import "fmt"

// Name names an error.
type Name uint8

// The errors. None is none.
const (
	None Name = iota

	// What a result depends on.
	SkipTable        // no table(T)
	SkipCreated      // no created(T)
	SkipDeleted      // no deleted(T)
	SkipColumn       // no column(T,c)
	SkipRow          // no row(T,id)
	SkipUnkeyed      // no unkeyed(T)
	SkipField        // no field(T,c,id)
	SkipRewritten    // no rewritten(T,id)
	SkipRows         // no rows(T)
	SkipBulk         // no bulk(T,…)
	SkipEntered      // no entered(T,c=v)
	SkipEnteredAny   // no entered(T,c)
	SkipLeft         // no left(T,c=v)
	SkipLeftAny      // no left(T,c)
	SkipWithin       // no within(T,c,d=v)
	SkipWithinAny    // no within(T,c,d)
	PinsOutwards     // a condition in a sub-select pins tables around it
	ForeignOutwards  // a condition in a sub-select says that tables around it are referred to
	UnionPins        // a derived table of several SELECTs counts as the first
	OuterPins        // the conditions of outer joins pin tables
	NeverAlone       // rows that aren't in a result never matter to it, whatever the statement
	SkipProjected    // projected columns aren't depended on where rows carry no id
	NotFoundByRow    // a row that wasn't found depends on row(T,id) only
	GroupCovers      // a group stands for the other columns of the filter too
	IgnoreJoins      // joined tables aren't depended on
	IgnoreSubqueries // tables in subqueries aren't depended on
	IgnoreViews      // the tables behind a view aren't depended on
	FoldIgnored      // facts are built from texts that MySQL compares otherwise
	VolatileCached   // statements with volatile functions are cached
	LockingCached    // SELECT … FOR UPDATE is cached
	KeyWithoutArgs   // the key leaves the arguments out
	KeyFirstArg      // the key has the first argument only
	KeyWithoutTypes  // 1, "1" and true are the same in the key
	TruncatedCached  // what was read up to a bound is stored
	TypesDropped     // column types aren't recorded
	BytesShared      // readers get the cached bytes themselves
	TxReadsCached    // reads in a transaction are cached
	NeverInvalid     // entries are valid until they expire
	InvalidOnce      // an entry that was found invalid is valid the next time
	TablesUnchecked  // facts aren't looked at where the tables' didn't move in the last check
	StampAfter       // the position is taken after the database was read
	CoalescedAsIs    // the result of a running read is taken whenever it began

	// What a write touches.
	CreateSkipsMembers // a create touches its row only
	CreateSkipsGroups  // a create doesn't touch groups
	CreateSkipsEdges   // a create doesn't touch what its edges do
	UpdateSkipsRow     // an update doesn't touch its row
	UpdateSkipsColumns // an update doesn't touch its columns
	UpdateSkipsGroups  // an update doesn't touch the groups it moves the row between
	OldIsNew           // an update takes the row to have been in the group that it puts it in
	BulkIsOneRow       // an update by predicate touches no more than its columns
	ModifierIgnored    // what a modifier of an update writes isn't touched
	DeleteSkipsRow     // a delete doesn't touch its row
	DeleteSkipsMembers // a delete touches its row only
	BulkDeleteIsOneRow // a delete by predicate touches no rows
	CascadeIgnored     // what the database deletes in turn isn't touched
	CascadeOneStep     // only the first of the tables it deletes from in turn is touched
	UpsertIsCreate     // an upsert touches what a create does
	NearEndSkipped     // adding to a join table doesn't touch the mutation's own end
	FarEndSkipped      // adding to a join table doesn't touch the other end
	BidiSkipped        // an edge of a type to itself counts in one direction
	ChildRowSkipped    // an edge added doesn't touch the other table's row
	ClearIgnored       // edges removed or cleared touch nothing
	CountIgnored       // the rows that were read before a write by predicate count as all that it wrote
	SomeAreNone        // a statement that said how many rows it wrote counts as having written none

	// Which writes matter.
	ElsewhereIgnored  // a column that is named outside of conditions may change
	LessIsLessOrEqual // a row at a bound counts as beyond it
	OuterConditions   // the conditions of outer joins drop rows
	BeforeIgnored     // what a row was before doesn't matter
	ListedIgnored     // nor that it is in the result
	WindowNeverFull   // a window with room is full
	DescendingIgnored // every order ascends
	TiesBehind        // a row with the sort key of the last one comes behind it
	ReplacedIgnored   // a row that is deleted isn't created again, with what refers to it
	ExistSharesKey    // what is read to learn whether there are rows serves those who want rows
	AssumedKnown      // a column that an insert leaves out is NULL for certain
	RecentDropped     // writes that aren't remembered any more don't matter

	// When it takes effect.
	TouchBefore     // before the write and not after it
	TxAtStatement   // in a transaction when the statement ran and not at commit
	TxDropped       // in a transaction never
	ForeignTxAtOnce // in a transaction that isn't Ent's at once
	HiddenTxAtOnce  // in one that hides behind an unknown driver at once
	DoubtIgnored    // a write that the database didn't answer counts as done
	HoldIgnored     // announcing a write has no effect
	LedgerForgets   // the ledger forgets facts and doesn't raise the floor

	// Typed values.
	ValueUntainted   // a value is stored though a statement bypassed the cache
	ValueUnchecked   // it is served until it expires
	ValueFirstProof  // only the proof of its first statement is looked at
	ValueUncloned    // what is stored is handed out itself
	KnownByHash      // a query runs the statement of another with the same hash, but for its arguments
	ValueKeptAsIs    // what is handed out first is stored itself
	PrintSkipsBounds // a query's fingerprint leaves out bounds, fields and uniqueness
	PrintSkipsArgs   // it leaves out the arguments
	PrintSkipsOrder  // it leaves out the order
	PrintSkipsEdges  // it leaves out the edges that are loaded
	CopySharesFields // copies share what fields hold

	// Statements that no hook sees.
	RawIgnored          // those that give no rows touch nothing
	RawReturningIgnored // neither do those that give rows
	RawCteIgnored       // nor those in a WITH
	RawSecondStatement  // nor those behind the first write of a text
	RawCascadeIgnored   // what the database changes in turn isn't touched
	RawRowTooFine       // of the columns that a row's update names only the first is touched
	RawTxAtOnce         // in a transaction they take effect when they ran and not at commit

	// Between processes.
	CaptureLate      // a fill brings the position after the database was read
	FillUnchecked    // a fill that was refused counts as stored
	UnprovenProven   // what was only read counts as found valid
	GateOpen         // hits need no probe
	ProvedAtAnswer   // the view counts as complete as of a probe's answer
	ProbeBlind       // a probe's position isn't compared with the view's
	GapIgnored       // a message that was missed isn't noticed by the next one
	AttachedIgnored  // neither are those from before a subscription
	EpochIgnored     // a new epoch is taken for the old one
	RetiredAccepted  // an epoch that was left behind is taken for a new one
	DebtForgotten    // a write that nobody could be told of counts as announced
	DebtIgnored      // reads use the remote level while there are such writes
	SettledInPlace   // no new epoch begins because of them
	CommitUnrecorded // a commit is recorded as rolled back
	DoubtEnded       // so is one that the database didn't answer
	NeverAnnounced   // a write is recorded and not announced
	NeverRenewed     // an announcement isn't renewed
	NearAtPresent    // a hit of the remote level counts as found valid at the view's position
	OwnCaptureLate   // it counts as read after the process's own writes up to now
	OwnUnapplied     // the process's own writes don't take effect in it
	TokenIgnored     // reads with a token are like others
	StrictNear       // strict reads are served from the near level
	VoidFilled       // what was read in a quarantine is stored after it
	LifeRestarted    // an entry lives anew when another process gets it
	PeekUnchecked    // what was read plainly isn't compared with the log
	PeekAtPresent    // it counts as stored at the view's position
	PeekUngated      // it needs no probe
	PeekOwnUnseen    // nor that the view has the process's own writes
	PeekTokenUnseen  // nor those that the read's tokens stand for
	PeekOtherEpoch   // nor that it is of the view's epoch
	AheadOwnLate     // what was asked for ahead counts as read after the process's own writes up to its use

	numNames
)

// firstShared is the first of the errors that only processes which share a remote
// level can show.
const firstShared = CaptureLate

var names = [numNames]string{
	None: "none", SkipTable: "SkipTable", SkipCreated: "SkipCreated", SkipDeleted: "SkipDeleted", SkipColumn: "SkipColumn", SkipRow: "SkipRow", SkipUnkeyed: "SkipUnkeyed", SkipField: "SkipField", SkipRewritten: "SkipRewritten", SkipRows: "SkipRows",
	SkipBulk: "SkipBulk", SkipEntered: "SkipEntered", SkipEnteredAny: "SkipEnteredAny", SkipLeft: "SkipLeft", SkipLeftAny: "SkipLeftAny",
	SkipWithin: "SkipWithin", SkipWithinAny: "SkipWithinAny", PinsOutwards: "PinsOutwards", ForeignOutwards: "ForeignOutwards", UnionPins: "UnionPins", OuterPins: "OuterPins", NeverAlone: "NeverAlone", SkipProjected: "SkipProjected", NotFoundByRow: "NotFoundByRow", GroupCovers: "GroupCovers",
	IgnoreJoins: "IgnoreJoins", IgnoreSubqueries: "IgnoreSubqueries", IgnoreViews: "IgnoreViews", FoldIgnored: "FoldIgnored",
	VolatileCached: "VolatileCached", LockingCached: "LockingCached", KeyWithoutArgs: "KeyWithoutArgs", KeyFirstArg: "KeyFirstArg",
	KeyWithoutTypes: "KeyWithoutTypes", TruncatedCached: "TruncatedCached", TypesDropped: "TypesDropped", BytesShared: "BytesShared",
	TxReadsCached: "TxReadsCached", NeverInvalid: "NeverInvalid", InvalidOnce: "InvalidOnce", TablesUnchecked: "TablesUnchecked",
	StampAfter: "StampAfter", CoalescedAsIs: "CoalescedAsIs",
	CreateSkipsMembers: "CreateSkipsMembers", CreateSkipsGroups: "CreateSkipsGroups", CreateSkipsEdges: "CreateSkipsEdges",
	UpdateSkipsRow: "UpdateSkipsRow", UpdateSkipsColumns: "UpdateSkipsColumns", UpdateSkipsGroups: "UpdateSkipsGroups", OldIsNew: "OldIsNew",
	BulkIsOneRow: "BulkIsOneRow", ModifierIgnored: "ModifierIgnored", DeleteSkipsRow: "DeleteSkipsRow", DeleteSkipsMembers: "DeleteSkipsMembers",
	BulkDeleteIsOneRow: "BulkDeleteIsOneRow", CascadeIgnored: "CascadeIgnored", CascadeOneStep: "CascadeOneStep", UpsertIsCreate: "UpsertIsCreate",
	ElsewhereIgnored: "ElsewhereIgnored", LessIsLessOrEqual: "LessIsLessOrEqual", OuterConditions: "OuterConditions", BeforeIgnored: "BeforeIgnored",
	ListedIgnored: "ListedIgnored", WindowNeverFull: "WindowNeverFull", DescendingIgnored: "DescendingIgnored", TiesBehind: "TiesBehind",
	ReplacedIgnored: "ReplacedIgnored", ExistSharesKey: "ExistSharesKey", AssumedKnown: "AssumedKnown", RecentDropped: "RecentDropped",
	ClearIgnored: "ClearIgnored", CountIgnored: "CountIgnored", SomeAreNone: "SomeAreNone", TouchBefore: "TouchBefore", TxAtStatement: "TxAtStatement", TxDropped: "TxDropped",
	NearEndSkipped: "NearEndSkipped", FarEndSkipped: "FarEndSkipped", BidiSkipped: "BidiSkipped", ChildRowSkipped: "ChildRowSkipped",
	ForeignTxAtOnce: "ForeignTxAtOnce", HiddenTxAtOnce: "HiddenTxAtOnce", DoubtIgnored: "DoubtIgnored", HoldIgnored: "HoldIgnored", LedgerForgets: "LedgerForgets",
	ValueUntainted: "ValueUntainted", ValueUnchecked: "ValueUnchecked", ValueFirstProof: "ValueFirstProof", ValueUncloned: "ValueUncloned",
	ValueKeptAsIs: "ValueKeptAsIs", KnownByHash: "KnownByHash", PrintSkipsBounds: "PrintSkipsBounds", PrintSkipsArgs: "PrintSkipsArgs",
	PrintSkipsOrder: "PrintSkipsOrder", PrintSkipsEdges: "PrintSkipsEdges", CopySharesFields: "CopySharesFields",
	RawIgnored: "RawIgnored", RawReturningIgnored: "RawReturningIgnored", RawCteIgnored: "RawCteIgnored", RawSecondStatement: "RawSecondStatement",
	RawCascadeIgnored: "RawCascadeIgnored", RawRowTooFine: "RawRowTooFine", RawTxAtOnce: "RawTxAtOnce",
	CaptureLate: "CaptureLate", FillUnchecked: "FillUnchecked", UnprovenProven: "UnprovenProven", GateOpen: "GateOpen",
	ProvedAtAnswer: "ProvedAtAnswer", ProbeBlind: "ProbeBlind", GapIgnored: "GapIgnored", AttachedIgnored: "AttachedIgnored",
	EpochIgnored: "EpochIgnored", RetiredAccepted: "RetiredAccepted", DebtForgotten: "DebtForgotten", DebtIgnored: "DebtIgnored",
	SettledInPlace: "SettledInPlace", CommitUnrecorded: "CommitUnrecorded", DoubtEnded: "DoubtEnded", NeverAnnounced: "NeverAnnounced",
	NeverRenewed: "NeverRenewed", NearAtPresent: "NearAtPresent", OwnCaptureLate: "OwnCaptureLate", OwnUnapplied: "OwnUnapplied",
	TokenIgnored: "TokenIgnored", StrictNear: "StrictNear", VoidFilled: "VoidFilled", LifeRestarted: "LifeRestarted",
	PeekUnchecked: "PeekUnchecked", PeekAtPresent: "PeekAtPresent", PeekUngated: "PeekUngated", PeekOwnUnseen: "PeekOwnUnseen",
	PeekTokenUnseen: "PeekTokenUnseen", PeekOtherEpoch: "PeekOtherEpoch",
	AheadOwnLate: "AheadOwnLate",
}

// String returns the error's name.
func (n Name) String() string { return names[n] }

// All returns the errors that one process can show.
func All() []Name { return list(None+1, firstShared) }

// Shared returns those that processes show which share a remote level.
func Shared() []Name { return list(firstShared, numNames) }

func list(from, to Name) (names []Name) {
	for n := from; n < to; n++ {
		names = append(names, n)
	}
	return names
}

// Parse finds an error by its name.
func Parse(name string) (Name, error) {
	for i, s := range names {
		if s == name {
			return Name(i), nil
		}
	}
	return None, fmt.Errorf("entcache: no mutant %q; there are %v", name, list(None+1, numNames))
}
