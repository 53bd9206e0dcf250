package model

// unfixed is the position of a validation that takes it at its end, which is the
// mutant PositionAfterCells.
const unfixed = 255

// read is a step of reader i: near level, remote level, database, fill.
func (m *model) read(s *state, i int) {
	rd := &s.readers[i]
	switch rd.phase {
	case notReading:
		m.startRead(s, i)
	case started:
		m.readNear(s, i)
		m.peekAt(s, i, &s.redis.entry, "hits the remote level by a plain read")
		if s.saved {
			m.peekAt(s, i, &s.snapshot.entry, "hits a server that was left behind by a plain read")
		}
		m.readRemote(s, i)
	case validating, validatingLast:
		m.validate(s, i)
	case missed:
		m.readDatabase(s, i)
	case selected:
		m.fillFrom(s, i)
	case holding:
		m.storeNear(s, i)
	}
}

func (m *model) startRead(s *state, i int) {
	if s.readers[i].left == 0 {
		return
	}
	to := m.step(s, readerName[i], "begins to read")
	rd := &to.readers[i]
	rd.phase, rd.began, rd.written = started, s.db, s.processes[i].written
	rd.left--
}

func (m *model) readNear(s *state, i int) {
	p, rd := &s.processes[i], &s.readers[i]
	if m.RemoteOnly || !m.nearHits(p) {
		return
	}
	to := m.step(s, readerName[i], "hits the near level")
	to.readers[i] = reader{left: rd.left}
	if !m.atLeast(p.entry.value, p.proven) {
		m.breaks(bounded)
	}
	if !m.atLeast(p.entry.value, rd.written) {
		m.breaks(ownWrites)
	}
	m.returns(&to.processes[i], p.entry.value)
}

// peekAt takes an entry without asking whether it is valid, or which server it is
// from. It counts as valid at the position at which it was stored.
func (m *model) peekAt(s *state, i int, e *remoteEntry, action string) {
	p, rd := &s.processes[i], &s.readers[i]
	if !m.Peeks || !m.hasNear(i) {
		return
	}
	at := *e
	if m.is(PeekAtPresent) {
		at.n = max(at.n, p.applied)
	}
	if !m.accepts(p, &at) {
		return
	}
	to := m.step(s, readerName[i], action)
	if !m.atLeast(at.value, p.proven) {
		m.breaks(bounded)
	}
	if !m.atLeast(at.value, rd.written) {
		m.breaks(ownWrites)
	}
	m.returns(&to.processes[i], at.value)
	to.readers[i] = reader{left: rd.left, phase: holding, value: at.value, epoch: at.epoch, n: at.n}
}

// readRemote is GETQ: in one step the entry with its cells, or a capture. What
// is captured is the position before the database is read; which rows the result
// will have isn't known yet.
func (m *model) readRemote(s *state, i int) {
	if !s.isConnected(i) {
		return
	}
	if m.TwoTrips && s.redis.entry.exists && s.redis.entry.epoch == s.redis.epoch {
		m.fetch(s, i)
		return
	}
	if !m.hits(&s.redis) {
		to := m.step(s, readerName[i], "misses")
		to.processes[i].see(m, s.redis.epoch, s.redis.n)
		m.capture(to, i, s.redis.epoch, s.redis.n)
		return
	}
	to := m.step(s, readerName[i], "hits the remote level")
	to.processes[i].see(m, s.redis.epoch, s.redis.n)
	m.remoteHit(to, i, s.redis.entry.value, s.redis.epoch, s.redis.n)
}

// capture is the position a fill will be measured by. One taken in quarantine is
// void: a write announced before the restart may commit after it.
func (m *model) capture(to *state, i int, epoch, n uint8) {
	rd := &to.readers[i]
	*rd = reader{left: rd.left, phase: missed, epoch: epoch, n: n}
	if to.redis.quarantine && !m.is(CaptureInQuarantine) {
		rd.epoch, rd.n = 0, 0
	}
}

func (m *model) remoteHit(to *state, i int, value versions, epoch, n uint8) {
	rd := &to.readers[i]
	if !m.atLeast(value, rd.began) {
		m.breaks(strict)
	}
	m.returns(&to.processes[i], value)
	*rd = reader{left: rd.left}
	if !m.RemoteOnly {
		rd.phase, rd.value, rd.epoch, rd.n = holding, value, epoch, n
	}
}

// fetch is the first of two trips: the position, then the entry. The cells are
// read after the position, so they prove the entry for it.
func (m *model) fetch(s *state, i int) {
	to := m.step(s, readerName[i], "fetches the remote entry")
	to.processes[i].see(m, s.redis.epoch, s.redis.n)
	rd, entry := &to.readers[i], &s.redis.entry
	rd.phase, rd.run = validating, s.run
	rd.epoch, rd.n = s.redis.epoch, s.redis.n
	rd.value, rd.cell = entry.value, entry.cell
}

// validate is the second trip: the cells, one at a time, then the epoch.
func (m *model) validate(s *state, i int) {
	rd := &s.readers[i]
	if !s.isConnected(i) || rd.run != s.run {
		to := m.step(s, readerName[i], "loses its connection")
		to.readers[i] = reader{left: rd.left, phase: started, began: rd.began, written: rd.written}
		return
	}
	row, last := m.validated(rd.phase)
	if s.redis.cell[row] == 0 || s.redis.cell[row] != rd.cell[row] || s.redis.epoch != rd.epoch {
		to := m.step(s, readerName[i], "finds another cell")
		m.capture(to, i, rd.epoch, rd.n)
		return
	}
	if !last {
		m.step(s, readerName[i], "finds its first cell").readers[i].phase = validatingLast
		return
	}
	to := m.step(s, readerName[i], "hits the remote level in two trips")
	n := rd.n
	if m.is(PositionAfterCells) {
		n = s.redis.n
	}
	m.remoteHit(to, i, rd.value, rd.epoch, n)
}

// validated returns the row whose cell is compared in a phase, and whether it is
// the last one.
func (m *model) validated(phase readPhase) (row int, last bool) {
	if m.Workload.read != both {
		return 0, true
	}
	return int(phase - validating), phase == validatingLast
}

func (m *model) readDatabase(s *state, i int) {
	to := m.step(s, readerName[i], "reads the database")
	rd := &to.readers[i]
	rd.phase, rd.value = selected, s.db
	if m.is(CaptureAfterRead) && s.isConnected(i) {
		rd.epoch, rd.n = s.redis.epoch, s.redis.n
	}
	if m.is(FillInTransaction) && s.writers[i].phase == begun {
		m.readUncommitted(s, i)
	}
}

func (m *model) readUncommitted(s *state, i int) {
	to := m.step(s, readerName[i], "reads the database in the open transaction")
	rd := &to.readers[i]
	rd.phase, rd.value = selected, s.db
	for row := range rows {
		if m.Workload.written[i].has(row) {
			rd.value[row]++
		}
	}
}

// fillFrom stores what the reader read, if the protocol lets it, and returns it.
func (m *model) fillFrom(s *state, i int) {
	rd := s.readers[i]
	if !s.isConnected(i) {
		if m.Monotonic {
			m.failFill(s, i)
		}
		return
	}
	if m.is(CaptureAtFill) {
		rd.epoch, rd.n = s.redis.epoch, s.redis.n
	}
	to := m.step(s, readerName[i], "fills")
	refused := m.fill(to, &rd)
	to.processes[i].see(m, to.redis.epoch, to.redis.n)
	m.returns(&to.processes[i], rd.value)
	to.readers[i] = reader{left: rd.left}
	switch {
	case refused != "":
		m.steps[len(m.steps)-1].action = "is refused a fill " + refused
	case !m.RemoteOnly:
		n := &to.readers[i]
		n.phase, n.value, n.epoch, n.n = holding, rd.value, to.redis.epoch, to.redis.n
	}
}

// failFill returns what it read although it can't learn what others returned
// since, so the near level stays closed until the next probe.
func (m *model) failFill(s *state, i int) {
	to := m.step(s, readerName[i], "can't reach Redis to fill")
	p := &to.processes[i]
	to.readers[i] = reader{left: s.readers[i].left}
	p.open, p.probe = false, probe{}
	m.returns(p, s.readers[i].value)
}

// storeNear needs no lock against messages that came since: the entry keeps the
// position it was valid at, and each hit compares.
func (m *model) storeNear(s *state, i int) {
	rd := &s.readers[i]
	to := m.step(s, readerName[i], "stores in the near level")
	p := &to.processes[i]
	p.entry = nearEntry{exists: true, epoch: rd.epoch, n: rd.n, value: rd.value}
	if m.is(StampedWithApplied) {
		p.entry.epoch, p.entry.n = p.epoch, p.applied
	}
	to.readers[i] = reader{left: rd.left}
}
