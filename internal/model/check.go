package model

// The promises, as a counterexample names them.
const (
	strict    = "a remote hit is older than a commit that came before the read"
	bounded   = "a near hit is older than the database was at the last probe"
	ownWrites = "a near hit is older than what its process has written"
	monotonic = "a process reads older data than it has read"

	remoteStale = "a valid remote entry differs from the database"
	nearStale   = "a valid near entry is older than the database was at the last probe"
	nearUnread  = "a valid near entry is older than what its process has written"
	converged   = "no write is under way, and a valid remote entry differs from the database"
)

// broken returns the promise that a state breaks, or "". What a state would let
// be read counts, whether or not a reader comes.
func (m *model) broken(s *state) string {
	if m.EarlyExpiry {
		if s.isQuiet() && m.remoteDiffers(s) {
			return converged
		}
		return ""
	}
	if m.remoteDiffers(s) {
		return remoteStale
	}
	for i := range processes {
		p := &s.processes[i]
		switch {
		case !m.nearHits(p):
		case !m.atLeast(p.entry.value, p.proven):
			return nearStale
		case !m.atLeast(p.entry.value, p.written):
			return nearUnread
		}
	}
	return ""
}

// remoteDiffers says whether someone who made the handshake would be given an
// entry that isn't the database's: older, or never committed.
func (m *model) remoteDiffers(s *state) bool {
	if !s.isConnected(0) && !s.isConnected(1) || !m.hits(&s.redis) {
		return false
	}
	value := s.redis.entry.value
	return !m.atLeast(value, s.db) || !m.atLeast(s.db, value)
}

// isQuiet says whether no write is under way and none has left a lease.
func (s *state) isQuiet() bool {
	for _, w := range s.writers {
		if !w.crashed && w.phase != idle {
			return false
		}
	}
	return s.redis.pending == [rows][processes]lease{}
}

// atLeast compares the rows that are read.
func (m *model) atLeast(a, b versions) bool {
	for row := range rows {
		if m.Workload.read.has(row) && a[row] < b[row] {
			return false
		}
	}
	return true
}

// returns checks what a reader of the process returns against what was returned
// before.
func (m *model) returns(p *process, value versions) {
	if !m.Monotonic {
		return
	}
	if !m.atLeast(value, p.returned) {
		m.breaks(monotonic)
	}
	for row := range rows {
		if m.Workload.read.has(row) {
			p.returned[row] = max(p.returned[row], value[row])
		}
	}
}
