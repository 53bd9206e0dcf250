package model

const (
	rows      = 2 // X and Y, each with its fact and cell
	processes = 2 // process i runs reader i and writer i
	queued    = 5 // messages a subscription holds; what comes on top is lost
)

// versions has the version of each row: in the database, or in a result.
type versions [rows]uint8

// rowSet is a set of rows, a bit each.
type rowSet uint8

const (
	onlyX rowSet = 1 << iota
	onlyY
	both = onlyX | onlyY
)

func (r rowSet) has(row int) bool { return r&(1<<row) != 0 }

// state is everything at one instant. It is compared and hashed as a value, so
// it holds no pointer, and what no step looks at any more is set to zero.
type state struct {
	redis     redis
	snapshot  redis // what a restart can bring back
	saved     bool
	run       uint8 // the server's run_id, another with each restart
	nextCell  uint8 // random values are modelled as ones that never recur
	nextEpoch uint8

	db        versions
	writers   [processes]writer
	processes [processes]process
	readers   [processes]reader

	restarts, losses, crashes, lapses uint8 // faults that can still happen
}

type redis struct {
	control    bool  // the control hash exists; the next fields are in it
	epoch      uint8 // under which entries are valid
	rid        uint8 // the run that the epoch belongs to
	n          uint8 // the position
	quarantine bool
	floor      [rows]uint8
	pending    [rows][processes]lease

	cell  [rows]uint8 // 0: there is none
	entry remoteEntry
}

// lease is what a writer holds on a row from BEGIN to END.
type lease uint8

const (
	noLease lease = iota
	live
	expired
)

type remoteEntry struct {
	exists bool
	epoch  uint8
	n      uint8 // at which it was stored; kept with Config.Peeks
	cell   [rows]uint8
	value  versions
}

type nearEntry struct {
	exists bool
	epoch  uint8
	n      uint8
	value  versions
}

// process is the near level of a process and what it knows of Redis.
type process struct {
	connected  uint8 // the run it made the handshake with
	subscribed uint8 // the run its subscription belongs to
	epoch      uint8
	applied    uint8       // the position up to which it has every message
	ledger     [rows]uint8 // the last position that touched each row
	own        [rows]uint8 // the same of its own writes, which it knows at once
	floor      uint8       // entries below are void
	entry      nearEntry
	inbox      [queued]message
	waiting    uint8

	open   bool     // a probe was confirmed
	proven versions // the database when that probe was sent
	probe  probe

	written versions // of the commits that returned in this process

	// Monotonic reads only.
	returned  versions // the newest that readers of the process returned
	seenEpoch uint8    // the newest position in a reply of Redis
	seen      uint8
}

type message struct {
	epoch, n uint8
	rows     rowSet
}

// probe is one under way: the reply, and the database when it was sent.
type probe struct {
	sent     bool
	epoch, n uint8
	db       versions
}

type writer struct {
	left    uint8
	phase   writePhase
	epoch   uint8 // of its BEGIN
	crashed bool
}

type writePhase uint8

const (
	idle writePhase = iota
	begun
	committed
)

type reader struct {
	left    uint8
	phase   readPhase
	began   versions // the database when the read began
	written versions // what its process had written by then
	epoch   uint8    // the capture, or the position of value, is epoch and n
	n       uint8
	value   versions
	run     uint8       // the connection a validation in two trips needs
	cell    [rows]uint8 // the cells it compares
}

type readPhase uint8

const (
	notReading readPhase = iota
	started
	missed     // has a capture
	selected   // has read the database
	holding    // has a result for the near level
	validating // has the entry, and compares the first cell next
	validatingLast
)

func (s *state) isConnected(process int) bool { return s.processes[process].connected == s.run }

func (s *state) isSubscribed(process int) bool { return s.processes[process].subscribed == s.run }
