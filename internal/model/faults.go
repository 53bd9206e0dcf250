package model

// crash is a writer that dies between BEGIN and END, before or after COMMIT.
func (m *model) crash(s *state, i int) {
	w := &s.writers[i]
	if s.crashes == 0 || w.crashed || w.phase == idle {
		return
	}
	to := m.fault(s, writerName[i], "crashes")
	to.writers[i].crashed = true
	to.crashes--
}

// expireLease is a lease that runs out: of a writer that died, or of one that
// has committed already. That it can't run out before the commit is assumed.
func (m *model) expireLease(s *state, i int) {
	w := &s.writers[i]
	if w.phase == begun && !w.crashed && !m.EarlyExpiry {
		return
	}
	for row := range rows {
		if s.redis.pending[row][i] == live {
			m.step(s, writerName[i], "has its lease expire").redis.pending[row][i] = expired
		}
	}
}

// endQuarantine is the time of a lease since the restart: what was begun before
// it has committed, or never will.
func (m *model) endQuarantine(s *state) {
	if !s.redis.quarantine {
		return
	}
	for _, w := range s.writers {
		if w.phase == begun && !w.crashed && w.epoch != s.redis.epoch {
			return
		}
	}
	m.step(s, redisName, "ends the quarantine").redis.quarantine = false
}

// restart is Redis coming back, empty or as it was at an earlier moment. All
// connections break, and messages under way are lost.
func (m *model) restart(s *state) {
	if s.restarts == 0 {
		return
	}
	if !s.saved && s.redis.control {
		to := m.step(s, redisName, "saves a snapshot")
		to.snapshot, to.saved = s.redis, true
	}
	m.restartAs(s, "restarts empty", redis{})
	if s.saved {
		to := m.restartAs(s, "restarts with the snapshot", s.snapshot)
		to.snapshot, to.saved = redis{}, false
	}
}

func (m *model) restartAs(s *state, action string, r redis) *state {
	to := m.fault(s, redisName, action)
	to.restarts--
	to.run++
	to.redis = r
	for i := range processes {
		p := &to.processes[i]
		p.inbox, p.waiting = [queued]message{}, 0
	}
	return to
}
