package model

// write is a transaction of writer i: BEGIN, COMMIT or rollback, END.
func (m *model) write(s *state, i int) {
	w := &s.writers[i]
	switch {
	case w.crashed:
	case w.phase == idle && w.left > 0:
		m.begin(s, i)
	case w.phase == begun:
		m.commit(s, i)
		m.rollback(s, i)
	case w.phase == committed:
		m.end(s, i)
	}
}

// begin is BEGIN: it announces what the transaction touches, before it commits.
// Entries of these rows die here, and none is stored until END or the lease.
// The process raises its own ledger: it reads its own writes.
func (m *model) begin(s *state, i int) {
	if m.is(NoBegin) {
		to := m.step(s, writerName[i], "goes on without BEGIN")
		to.writers[i] = writer{left: s.writers[i].left - 1, phase: begun, epoch: s.redis.epoch}
		return
	}
	if !s.isConnected(i) {
		return
	}
	to := m.step(s, writerName[i], "BEGIN")
	r, touched := &to.redis, m.Workload.written[i]
	r.n++
	for row := range rows {
		if !touched.has(row) {
			continue
		}
		if !m.is(NoPending) {
			r.pending[row][i] = live
		}
		if !m.is(BeginWithoutUnlink) {
			r.cell[row] = 0
		}
	}
	to.publish(touched)
	if m.hasNear(i) && !m.is(NoLocalTouch) {
		to.processes[i].touch(r.epoch, r.n, touched)
	}
	to.writers[i] = writer{left: s.writers[i].left - 1, phase: begun, epoch: r.epoch}
}

func (m *model) commit(s *state, i int) {
	to := m.step(s, writerName[i], "COMMIT")
	for row := range rows {
		if m.Workload.written[i].has(row) {
			to.db[row]++
			if m.hasNear(i) {
				to.processes[i].written[row] = to.db[row]
			}
		}
	}
	to.writers[i].phase = committed
}

// rollback is one whose outcome is known: END without a touch.
func (m *model) rollback(s *state, i int) {
	if !s.isConnected(i) {
		return
	}
	to := m.step(s, writerName[i], "rolls back")
	to.release(m.Workload.written[i], i)
	to.writers[i] = writer{left: s.writers[i].left}
}

// end is END: captures taken before it are too old to fill.
func (m *model) end(s *state, i int) {
	touched := m.Workload.written[i]
	if m.is(NoEnd) {
		to := m.step(s, writerName[i], "goes on without END")
		to.release(touched, i)
		to.writers[i] = writer{left: s.writers[i].left}
		return
	}
	if !s.isConnected(i) {
		return
	}
	to := m.step(s, writerName[i], "END")
	to.release(touched, i)
	r := &to.redis
	r.n++
	for row := range rows {
		if !touched.has(row) {
			continue
		}
		if !m.is(EndWithoutFloor) {
			r.floor[row] = r.n
		}
		if !m.is(EndWithoutUnlink) {
			r.cell[row] = 0
		}
	}
	to.publish(touched)
	to.writers[i] = writer{left: s.writers[i].left}
}

// release drops the leases of writer i, and no other's.
func (s *state) release(touched rowSet, i int) {
	for row := range rows {
		if touched.has(row) {
			s.redis.pending[row][i] = noLease
		}
	}
}
