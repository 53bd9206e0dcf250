package model

// handshake is EPOCH: what every new connection runs first. An epoch that
// belongs to another run may have come back from a snapshot, so a new one is
// minted: all entries are void, and until the quarantine is over none is stored.
func (m *model) handshake(s *state) {
	r := &s.redis
	ours := r.rid == s.run || m.is(NoRunID)
	if r.control && ours {
		return
	}
	epoch := s.nextEpoch
	if !m.is(EpochReused) {
		s.nextEpoch++
	}
	*r = redis{
		control: true, epoch: epoch, rid: s.run, n: 1, quarantine: !m.is(NoQuarantine),
		cell: r.cell, entry: r.entry,
	}
	s.publish(both)
}

// connect is a process that makes the handshake on a new connection. A new epoch
// empties its near level.
func (m *model) connect(s *state, i int) {
	if s.isConnected(i) {
		return
	}
	to := m.step(s, processName[i], "connects")
	m.handshake(to)
	p := &to.processes[i]
	p.connected = to.run
	if m.hasNear(i) && p.epoch != to.redis.epoch {
		p.learn(to.redis.epoch, to.redis.n, both)
	}
}

// publish sends the position and rows to whoever is subscribed.
func (s *state) publish(touched rowSet) {
	for i := range processes {
		p := &s.processes[i]
		if p.subscribed == s.run && p.waiting < queued {
			p.inbox[p.waiting] = message{s.redis.epoch, s.redis.n, touched}
			p.waiting++
		}
	}
}

// hits says whether the remote entry is valid: of the current epoch, and every
// cell it was stored with is still there. A missing cell means invalid.
func (m *model) hits(r *redis) bool {
	e := &r.entry
	if !e.exists || e.epoch != r.epoch && !m.is(NoEpochInEntry) {
		return false
	}
	for row := range rows {
		if m.Workload.read.has(row) && !m.cellHolds(r, row, e.cell[row]) {
			return false
		}
	}
	return true
}

func (m *model) cellHolds(r *redis, row int, stored uint8) bool {
	if r.cell[row] == 0 {
		return m.is(MissingCellValid)
	}
	return r.cell[row] == stored
}

// fill is FILL: it stores what a reader read unless something on its rows moved
// since the capture. It returns why it refused, or "".
func (m *model) fill(s *state, rd *reader) string {
	r := &s.redis
	if r.epoch != rd.epoch && !m.is(NoEpochInFill) {
		return "of another epoch"
	}
	if r.quarantine {
		return "in quarantine"
	}
	refused := ""
	for row := range rows {
		if !m.Workload.read.has(row) {
			continue
		}
		if r.hasLease(row, live) && !m.is(FillIgnoresPending) {
			return "while a write is pending"
		}
		overtaken := r.floor[row] > rd.n && !m.is(NoFloorCheck)
		switch {
		case m.bumpExpired(s, row):
			refused = "over an expired lease"
		case overtaken && refused == "":
			refused = "overtaken by a write"
		}
	}
	if refused == "" {
		m.store(s, rd)
	}
	return refused
}

// bumpExpired takes over from a writer that died: whether it committed is
// unknown, so the row counts as written now. Without it, a result read before
// the commit could be stored after the lease.
func (m *model) bumpExpired(s *state, row int) bool {
	r := &s.redis
	if !r.hasLease(row, expired) {
		return false
	}
	for i, l := range r.pending[row] {
		if l == expired {
			r.pending[row][i] = noLease
		}
	}
	if m.is(NoExpireBump) {
		return false
	}
	r.n++
	r.floor[row] = r.n
	r.cell[row] = 0
	s.publish(1 << row)
	return true
}

// store writes the entry with the cells of its rows, minting those that are
// missing.
func (m *model) store(s *state, rd *reader) {
	r := &s.redis
	r.entry = remoteEntry{exists: true, epoch: r.epoch, value: rd.value}
	if m.Peeks {
		r.entry.n = r.n
	}
	for row := range rows {
		if !m.Workload.read.has(row) {
			continue
		}
		if r.cell[row] == 0 {
			r.cell[row] = s.nextCell
			s.nextCell++
		}
		r.entry.cell[row] = r.cell[row]
	}
}

func (r *redis) hasLease(row int, l lease) bool {
	return r.pending[row][0] == l || r.pending[row][1] == l
}
