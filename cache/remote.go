package cache

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// MaxRemoteFacts is the most facts one list of a call to a remote level may
// hold. The caller makes longer lists coarser first: the rows of a table become
// the table.
const MaxRemoteFacts = 256

// Remote is the level that processes share: entries, and the log of writes that
// says which of them are valid. It promises, whatever is lost, restarted or
// rolled back, that a hit reflects every write that was announced with Begin,
// touching a fact of the entry, and became visible in the database before the
// hit was found. Less formally: it may forget anything, and what it forgot is a
// miss.
//
// It does so by four rules.
//
//  1. A write is announced before the database commits and recorded after.
//     Announcing drops the entries of its facts and refuses fills until the
//     write is recorded, so nobody is served the old result in between, and a
//     writer that dies leaves a lease that runs out and not a stale entry.
//  2. A fill proves that its result isn't older than the last write to one of
//     its facts: it brings the position captured before the database was read.
//     The facts needn't be known by then, as they needn't for a lease by key.
//  3. What says that an entry is valid must be there: a fact that was never
//     heard of, or was forgotten, makes a miss.
//  4. Positions count within an Epoch. A remote level that lost its state, or
//     that may have come back with an older one, begins another; for some time
//     it then stores nothing, because announced writes were lost too.
//
// The second is the buffer of invalidations of TxCache (Ports et al., OSDI 2010)
// and, with the first, the pending puts of Hibernate's second-level cache over
// Infinispan; the lease on a miss is memcached's (Nishtala et al., NSDI 2013).
// Neither tells a crash from a slow writer, hence the lease on the announcement.
//
// The promise holds while a transaction becomes visible, if it does, within the
// lease of its last Begin, and while every process of a namespace uses leases
// that the shortest quarantine configured in the namespace allows.
//
// Methods are safe for concurrent use and may be called again after any error:
// all are idempotent, also when the first call's effect comes late. They respect
// the context's deadline and have one of their own. An error says that nothing
// is known about the effect, so a reader takes it for a miss it must not fill,
// and a writer decides whether it can go without the announcement.
type Remote interface {
	RemoteEntries
	RemoteWrites
	RemoteLog
	// Close ends subscriptions and waits for their last call. The client the
	// level was made from is the program's and stays open. Calls after Close
	// return ErrClosed.
	Close() error
}

// RemoteEntries is what reads use of a Remote.
type RemoteEntries interface {
	// Get looks up and validates an entry; one of the results is not nil unless
	// there is an error. With a positive lease, a miss asks for the right to
	// fill the key, which one process at a time gets for that long.
	Get(ctx context.Context, key Key, lease time.Duration) (*RemoteHit, *RemoteMiss, error)
	// Fill stores the result of a query that was sent after the miss.
	Fill(ctx context.Context, key Key, fill RemoteFill) (RemoteFilled, error)
}

// RemotePeeker is a Remote of which entries can also be read without being
// validated, which costs it less: a process that follows the log can tell by
// itself whether an entry is valid that was at a known position. A cache looks for
// the ability with an assertion, so what wraps a Remote has to pass it on.
type RemotePeeker interface {
	// Peek returns what is stored under a key as it is, nil if that is nothing or
	// not understood. It promises nothing about it, nor about the server it is
	// from: it may be one that was left behind, and the entry long invalid. But a
	// fill has stored exactly that, with the outcome FillStored and that position.
	Peek(ctx context.Context, key Key) (*RemotePeek, error)
}

// RemoteWrites is what writes use of a Remote.
type RemoteWrites interface {
	// Begin announces a write that is about to commit. Calling it again with
	// the same ID renews the lease. All facts of one commit are announced in
	// one call.
	Begin(ctx context.Context, w RemoteWrite) (RemotePosition, error)
	// End records a write that committed, or whose outcome is unknown, and ends
	// its announcement. With nothing touched it only ends the announcement: the
	// write was rolled back for certain. An End without a Begin is a write that
	// wasn't announced.
	End(ctx context.Context, e RemoteEnd) (RemotePosition, error)
}

// RemoteLog is how a process follows the log of writes.
type RemoteLog interface {
	// Handshake returns the present position. A new epoch begins if there is
	// none, if the server's state isn't wholly its own work, or if its epoch is
	// among the retired: those that the caller has seen another one replace.
	// Other methods do the same by themselves where there is no epoch, with the
	// epochs retired last; but an answer that carries a retired epoch comes from
	// a server that was left behind, and is for the caller to refuse.
	Handshake(ctx context.Context, retired ...Epoch) (RemotePosition, error)
	// Probe returns the present position and proves that the server may still
	// record writes: it is one, so a primary that lost its replicas refuses it.
	// Begin, End and a fill that was Stored prove as much; Get and other fills
	// don't.
	Probe(ctx context.Context) (RemotePosition, error)
	// Subscribe follows the log until the closer or the Remote is closed. It
	// doesn't wait for the server.
	Subscribe(l RemoteListener) (io.Closer, error)
}

// RemoteListener is told what is written to the log, by one goroutine, and must
// not close the subscription from within a call. Messages may be lost, doubled
// or late. Positions of an epoch are contiguous, so a gap shows what was lost
// in the middle, and Probe what was lost at the end.
type RemoteListener interface {
	// Attached says that every write after the position will be delivered, if
	// it isn't lost; nothing is known about those before. It is called again
	// after each interruption.
	Attached(at RemotePosition)
	// Received delivers a write.
	Received(m RemoteMessage)
	// Detached says that the subscription was interrupted and writes may be
	// missed from now on, or were already.
	Detached(err error)
}

// Epoch names a run of positions. It is random: an epoch never comes back.
type Epoch [16]byte

// String returns the epoch in hexadecimal digits.
func (e Epoch) String() string { return hex.EncodeToString(e[:]) }

// WriteID names one commit in all calls about it. It is random.
type WriteID [16]byte

// RemoteLease is the right to fill a key. The zero value is none.
type RemoteLease [16]byte

// RemotePosition is a position in the log of writes that processes share.
type RemotePosition struct {
	Epoch    Epoch
	Position uint64
}

// RemoteHit is a valid entry.
type RemoteHit struct {
	// The position at which the entry was found valid.
	RemotePosition
	// Facts and Payload are those of the fill.
	Facts   []Fact
	Payload []byte
	// TTL is what is left of the entry's time to live, in whole milliseconds.
	TTL time.Duration
}

// RemotePeek is an entry that may be invalid.
type RemotePeek struct {
	// The position at which the entry was stored, and was valid.
	RemotePosition
	// Payload is that of the fill.
	Payload []byte
	// TTL is what is left of the entry's time to live, in whole milliseconds. It
	// is never more than that; it may be less.
	TTL time.Duration
}

// RemoteMiss is what a fill must bring back.
type RemoteMiss struct {
	// The position at the time of the miss, which is before the database is
	// read.
	RemotePosition
	// Void means that nothing that is read now may be stored: writes may have
	// been announced in an epoch that is lost. No lease is given.
	Void bool
	// Lease is the right to fill, if it was asked for and free.
	Lease RemoteLease
	// Leased means that another process has it, and will likely fill soon.
	Leased bool
}

// RemoteFill is a result to store.
type RemoteFill struct {
	// Miss is what Get returned before the database was read.
	Miss RemoteMiss
	// Facts are what the result depends on: one to MaxRemoteFacts, no two the
	// same.
	Facts []Fact
	// Payload is what a hit returns. It is neither read nor kept after the call.
	Payload []byte
	// TTL is the time to live, a millisecond or more; what is below a
	// millisecond is cut off.
	TTL time.Duration
}

// RemoteFilled is the answer to a fill.
type RemoteFilled struct {
	// The position at the time of the answer; with FillStored the one at which
	// the entry is valid. With FillOtherEpoch it may be zero.
	RemotePosition
	Outcome FillOutcome
}

// FillOutcome says what became of a fill. Whatever it is, the lease has ended.
type FillOutcome uint8

// The outcomes of a fill. Only the first stores.
const (
	// FillStored: the entry is there.
	FillStored FillOutcome = iota + 1
	// FillRace: a fact was touched after the miss.
	FillRace
	// FillPending: a write to a fact is announced and not ended.
	FillPending
	// FillExpired: such a write's lease had run out. It counts as recorded now,
	// so the next fill may succeed.
	FillExpired
	// FillQuarantine: the miss was void, or the epoch is new.
	FillQuarantine
	// FillOtherEpoch: the miss was of an epoch that is lost.
	FillOtherEpoch
)

var fillOutcomes = [...]string{
	FillStored: "stored", FillRace: "race", FillPending: "pending", FillExpired: "expired", FillQuarantine: "quarantine", FillOtherEpoch: "other epoch",
}

// String returns the outcome in a word or two.
func (o FillOutcome) String() string {
	if int(o) < len(fillOutcomes) && fillOutcomes[o] != "" {
		return fillOutcomes[o]
	}
	return "FillOutcome(" + strconv.Itoa(int(o)) + ")"
}

// RemoteWrite announces a write.
type RemoteWrite struct {
	ID WriteID
	// Touches are the facts the write will touch. Their entries are dropped at
	// once, and no fill that depends on one of them is stored until End.
	Touches []Fact
	// Covers stand for facts that aren't known yet, such as the table of a row
	// whose id the database assigns: no fill that depends on one of them is
	// stored until End, but entries stay. They don't keep an entry from being
	// served between the commit and End, nor after a crash in between until the
	// next fill that depends on the cover; only Touches do. A fact is in one of
	// the lists, each of at most MaxRemoteFacts.
	Covers []Fact
	// Lease is how long the announcement lasts, counted from when the server
	// gets it. The write must commit within it or not at all. At most the lease
	// that the level is configured for.
	Lease time.Duration
}

// RemoteEnd ends the announcement of a write.
type RemoteEnd struct {
	ID WriteID
	// Held are the facts that were announced and aren't touched, Touched those
	// that the write touched, announced or not. A fact is in one of the lists,
	// each of at most MaxRemoteFacts; a fact of Begin that is in neither may
	// stay announced until its lease runs out.
	Held, Touched []Fact
}

// RemoteMessage is one write in the log: an announcement, its end, or the first
// of an epoch.
type RemoteMessage struct {
	RemotePosition
	// Facts are those whose results are to be dropped.
	Facts []Fact
}

// The errors of a Remote besides ErrClosed and those of its connection.
var (
	// ErrNoEpoch means that the server lost its state again and again within one
	// call.
	ErrNoEpoch = errors.New("entcache: the remote level has no epoch, though one was just begun; see whether it evicts what was written a moment ago")
	// ErrNotPrimary means that the server is a replica.
	ErrNotPrimary = errors.New("entcache: the remote level is a replica; give the address of the primary")
	// ErrRemoteArgument means that a call was made that the contract excludes.
	ErrRemoteArgument = errors.New("entcache: invalid call of the remote level")
	// ErrRemoteAnswer means that the server answered what no version of the
	// level answers.
	ErrRemoteAnswer = errors.New("entcache: answer of the remote level not understood; see whether another program writes its keys")
)

// Validate returns an error that wraps ErrRemoteArgument if the contract
// excludes the fill. Implementations call it.
func (f *RemoteFill) Validate() error {
	switch {
	case f.TTL < time.Millisecond:
		return remoteArgument("a time to live of " + f.TTL.String() + ": give it a millisecond or more")
	case len(f.Facts) == 0:
		return remoteArgument("a fill without facts could never be invalidated")
	}
	return validateFacts(f.Facts)
}

// Validate returns an error that wraps ErrRemoteArgument if the contract
// excludes the announcement. Implementations call it with the longest lease
// they allow.
func (w *RemoteWrite) Validate(maxLease time.Duration) error {
	switch {
	case w.Lease < time.Millisecond:
		return remoteArgument("a lease of " + w.Lease.String() + ": give it a millisecond or more")
	case w.Lease > maxLease:
		return remoteArgument("a lease of " + w.Lease.String() + " and a quarantine that outlasts " + maxLease.String() + " only: raise the quarantine, in every process")
	case len(w.Touches)+len(w.Covers) == 0:
		return remoteArgument("a write announced without facts")
	}
	return validateFacts(w.Touches, w.Covers)
}

// Validate returns an error that wraps ErrRemoteArgument if the contract
// excludes the end. Implementations call it.
func (e *RemoteEnd) Validate() error {
	if len(e.Held)+len(e.Touched) == 0 {
		return remoteArgument("a write ended without facts")
	}
	return validateFacts(e.Held, e.Touched)
}

func validateFacts(lists ...[]Fact) error {
	for _, l := range lists {
		if len(l) > MaxRemoteFacts {
			return remoteArgument(strconv.Itoa(len(l)) + " facts: make them coarser, down to " + strconv.Itoa(MaxRemoteFacts))
		}
	}
	return nil
}

func remoteArgument(what string) error { return fmt.Errorf("%w: %s", ErrRemoteArgument, what) }
