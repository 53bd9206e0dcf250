package model

import "fmt"

// Mutant is a protocol that lacks one of its rules. A model that finds nothing
// wrong with it proves nothing.
type Mutant uint8

// The mutants. None is the protocol itself.
const (
	None Mutant = iota

	// Fills.
	CaptureAfterRead   // the position is captured after the database was read
	CaptureAtFill      // … or by the fill itself
	NoFloorCheck       // a fill isn't compared with writes since its capture
	FillIgnoresPending // a fill goes on while a write is pending
	NoExpireBump       // an expired lease is forgotten
	NoEpochInFill      // a capture of another epoch is good enough
	CaptureInQuarantine
	FillInTransaction // a transaction stores what it read of its own writes

	// Writes.
	NoPending          // BEGIN announces nothing
	NoBegin            // rows are touched after the commit only
	BeginWithoutUnlink // BEGIN leaves the cells
	NoEnd
	EndWithoutFloor  // END lets older captures fill
	EndWithoutUnlink // END leaves the cells
	NoLocalTouch     // a process waits for the message of its own write

	// Restarts of Redis.
	NoQuarantine     // a new epoch is filled at once
	NoEpochInEntry   // entries of another epoch are valid
	NoRunID          // an epoch from a snapshot is taken for the current one
	EpochReused      // an epoch recurs
	MissingCellValid // a cell that is gone counts as unchanged

	// The near level.
	NoFlushOnSubscribe // entries outlive a subscription
	NoGapDetection     // a missing message goes unnoticed
	BlindProbe         // a probe opens the near level whatever it says
	StampedWithApplied // an entry is stamped with the position of the process
	PositionAfterCells // two trips: the position is read after the cells
	NoMonotonicRule    // positions in replies are ignored

	// Plain reads of the remote level.
	PeekUnchecked      // the entry isn't compared with the log
	PeekAtPresent      // it is stamped with the position of the process
	PeekUngated        // it needs no probe
	PeekBeforeOwnWrite // nor that the process was told of its own writes

	numMutants
)

var mutantNames = [numMutants]string{
	"none",
	"capture after read", "capture at fill", "no floor check", "fill ignores pending", "no expire-bump",
	"no epoch in fill", "capture in quarantine", "fill in transaction",
	"no pending", "no begin", "begin without unlink", "no end", "end without floor", "end without unlink",
	"no local touch",
	"no quarantine", "no epoch in entry", "no run id", "epoch reused", "missing cell valid",
	"no flush on subscribe", "no gap detection", "blind probe", "stamped with applied", "position after cells",
	"no monotonic rule",
	"peek unchecked", "peek at present", "peek ungated", "peek before own write",
}

func (m Mutant) String() string {
	if m >= numMutants {
		return fmt.Sprintf("Mutant(%d)", uint8(m))
	}
	return mutantNames[m]
}
