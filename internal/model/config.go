package model

// Config bounds the state space: what the processes do, and the faults that can
// happen, each at any time.
type Config struct {
	// Workload is which rows are written and read.
	Workload Workload
	// Reads and Writes are what each reader and writer does.
	Reads, Writes uint8
	// Restarts of Redis (empty, or rolled back to an earlier moment), messages
	// lost and writers that crash.
	Restarts, Losses, Crashes uint8
	// RemoteOnly leaves out the near level and the channel.
	RemoteOnly bool
	// OneReader leaves process 1 a writer only.
	OneReader bool
	// Peeks lets readers take the remote entry by a plain read, which nothing
	// validates, if what their process knows of the log says that it is valid.
	Peeks bool
	// Lapses is how often no probe of a process is confirmed for longer than the
	// bound, so that its near level closes.
	Lapses uint8
	// TwoTrips validates remote hits in two round trips that aren't atomic.
	TwoTrips bool
	// Monotonic promises, and checks, that no process reads backwards.
	Monotonic bool
	// EarlyExpiry breaks the assumption that a transaction becomes visible
	// within its lease. Then only convergence is checked.
	EarlyExpiry bool
	// Mutant weakens the protocol.
	Mutant Mutant
}

// Workload is what the two writers write and what every reader reads.
type Workload struct {
	Name    string
	written [processes]rowSet
	read    rowSet
}

// The workloads.
var (
	// SameRow: both write X, X is read.
	SameRow = Workload{"same row", [processes]rowSet{onlyX, onlyX}, onlyX}
	// OwnRow: writer 0 writes X, writer 1 writes Y, X is read.
	OwnRow = Workload{"own row", [processes]rowSet{onlyX, onlyY}, onlyX}
	// OtherRow: writer 0 writes Y, writer 1 writes X, X is read.
	OtherRow = Workload{"other row", [processes]rowSet{onlyY, onlyX}, onlyX}
	// BothRows: writer 0 writes X, writer 1 writes Y, both are read.
	BothRows = Workload{"both rows", [processes]rowSet{onlyX, onlyY}, both}
)

// model expands states. It is not for concurrent use.
type model struct {
	Config
	steps []step
}

// initial is a warm start: both processes connected and subscribed, an epoch out
// of quarantine, nothing cached.
func (m *model) initial() state {
	s := state{run: 1, nextCell: 1, nextEpoch: 1, restarts: m.Restarts, losses: m.Losses, crashes: m.Crashes, lapses: m.Lapses}
	m.handshake(&s)
	s.redis.quarantine = false
	for i := range processes {
		s.writers[i].left = m.Writes
		if m.reads(i) {
			s.readers[i].left = m.Reads
		}
		p := &s.processes[i]
		p.connected = s.run
		if m.hasNear(i) {
			p.subscribed, p.epoch, p.applied, p.floor = s.run, s.redis.epoch, s.redis.n, s.redis.n
		}
	}
	return s
}

func (m *model) reads(process int) bool { return process == 0 || !m.OneReader }

func (m *model) hasNear(process int) bool { return !m.RemoteOnly && m.reads(process) }

// is says whether the protocol is weakened in a given way.
func (m *model) is(mutant Mutant) bool { return m.Mutant == mutant }
