package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Kind says what an event reports.
type Kind string

// The kinds of events, which workers write to their standard output.
const (
	Ready      Kind = "ready"      // the worker has a client and waits
	Began      Kind = "began"      // a write is about to be sent
	Committing Kind = "committing" // its transaction is about to commit
	Ended      Kind = "ended"      // it has an outcome
	Seen       Kind = "read"       // a read returned
	Idle       Kind = "idle"       // no operation runs any more
	Verified   Kind = "verified"   // everything was read
	Counted    Kind = "counted"    // the counters of the cache
	Broken     Kind = "broken"     // the worker gives up
)

// Outcome is what became of a write.
type Outcome string

// The outcomes. A write without one has an unknown outcome.
const (
	Unknown    Outcome = ""
	Committed  Outcome = "committed"
	RolledBack Outcome = "rolled back"
	Refused    Outcome = "refused" // it couldn't be announced
)

// Row is a row that a read returned.
type Row struct {
	Key   int    `json:"k"`
	Ver   int    `json:"v"`
	Nonce string `json:"n"`
}

// Event is one report of a worker.
type Event struct {
	Kind Kind `json:"e"`
	// Op names the operation, for all workers of a run.
	Op uint64 `json:"o,omitempty"`
	// Start and End are when it began and ended; an event of one moment has
	// only Start.
	Start int64 `json:"s,omitempty"`
	End   int64 `json:"t,omitempty"`

	// Of writes.
	Outcome Outcome `json:"c,omitempty"`
	// Deletes is the nonce of the row that the write deletes, which is that of
	// the query.
	Deletes string `json:"d,omitempty"`
	Token   string `json:"w,omitempty"`
	// Owed says that a write of the process went unannounced meanwhile, or
	// outlived its announcement: maybe this one.
	Owed bool `json:"u,omitempty"`

	// Of reads.
	Query Query `json:"q,omitzero"`
	Mode  Mode  `json:"m,omitempty"`
	Rows  []Row `json:"r,omitempty"`
	Sum   int   `json:"n,omitempty"`
	// After is the write whose token the read was given.
	After uint64 `json:"a,omitempty"`
	// How says where the result came from. Remote is set if some of it came from
	// the remote level, and Aged is the greatest age of what came from the process.
	How    string `json:"h,omitempty"`
	Remote bool   `json:"l,omitempty"`
	Aged   int64  `json:"y,omitempty"`
	// Final is set for a read after everything has come to rest.
	Final bool `json:"f,omitempty"`

	Counters *Counters `json:"g,omitempty"`
	Error    string    `json:"x,omitempty"`
}

// Counters are those of one worker's cache.
type Counters struct {
	Hits, RemoteHits, Reads, Misses uint64
	Text                            string
}

// Mode is the consistency that a read asks for.
type Mode string

// The modes.
const (
	Bounded Mode = "bounded"
	Strict  Mode = "strict"
)

// Order is what the parent writes to a worker's standard input.
type Order struct {
	Do Do `json:"do"`
	// Of Follow: the token of a write, which a read of the key must have seen.
	Token string `json:"token,omitempty"`
	Op    uint64 `json:"op,omitempty"`
	Key   int    `json:"key,omitempty"`
}

// Do is what an order asks for.
type Do string

// The orders.
const (
	Run    Do = "run"    // begin operations
	Follow Do = "follow" // read under a token
	Narrow Do = "narrow" // write nothing, and read shelves only
	Widen  Do = "widen"  // end that
	Count  Do = "count"  // report the counters
	Drain  Do = "drain"  // end operations, and say when
	Verify Do = "verify" // read everything
	Quit   Do = "quit"   // close and exit
)

// reporter writes events, one a line.
type reporter struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func newReporter(w io.Writer) *reporter { return &reporter{w: bufio.NewWriterSize(w, 1<<16)} }

// report writes an event. What must be known of a process that is killed is sent
// at once, and with it all that was written before.
func (r *reporter) report(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.w.Write(line); err != nil {
		return err
	}
	if e.Kind == Seen {
		return nil
	}
	return r.w.Flush()
}

func (r *reporter) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.Flush()
}

// decode calls f for each line of what a worker or a parent wrote. The last line
// of a process that was killed may be torn: a line without an end is dropped.
func decode[T any](r io.Reader, f func(T)) error {
	in := bufio.NewReaderSize(r, 1<<18)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var v T
		if err := json.Unmarshal(bytes.TrimSuffix(line, []byte("\n")), &v); err != nil {
			return fmt.Errorf("entcache: %q isn't a report: %w", line, err)
		}
		f(v)
	}
}
