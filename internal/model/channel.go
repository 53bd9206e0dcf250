package model

// subscribe is a new subscription: what was published before it is unknown, so
// everything older is void.
func (m *model) subscribe(s *state, i int) {
	if !m.hasNear(i) || !s.isConnected(i) || s.isSubscribed(i) {
		return
	}
	to := m.step(s, processName[i], "subscribes")
	p := &to.processes[i]
	p.subscribed = s.run
	p.inbox, p.waiting = [queued]message{}, 0
	if m.is(NoFlushOnSubscribe) {
		p.epoch, p.applied = s.redis.epoch, s.redis.n
		return
	}
	p.restart(s.redis.epoch, s.redis.n)
}

// receive takes the next message; or it is lost on the way.
func (m *model) receive(s *state, i int) {
	if s.processes[i].waiting == 0 {
		return
	}
	to := m.step(s, processName[i], "receives a message")
	p := &to.processes[i]
	m.apply(p, p.shift())
	if s.losses > 0 {
		to := m.fault(s, processName[i], "loses a message")
		to.processes[i].shift()
		to.losses--
	}
}

func (p *process) shift() message {
	first := p.inbox[0]
	copy(p.inbox[:], p.inbox[1:])
	p.waiting--
	p.inbox[p.waiting] = message{}
	return first
}

// apply takes a message into account. A message of an epoch that was left behind
// says nothing; one that comes after a gap voids everything up to the gap.
func (m *model) apply(p *process, msg message) {
	if msg.epoch < p.epoch {
		return
	}
	if msg.epoch == p.epoch && msg.n > p.applied+1 && !m.is(NoGapDetection) {
		p.floor = msg.n - 1
	}
	p.learn(msg.epoch, msg.n, msg.rows)
	p.applied = max(p.applied, msg.n)
}

// learn raises what the process knows was touched. Another epoch voids all.
func (p *process) learn(epoch, n uint8, touched rowSet) {
	if epoch != p.epoch {
		p.restart(epoch, n)
		return
	}
	for row := range rows {
		if touched.has(row) {
			p.ledger[row] = max(p.ledger[row], n)
		}
	}
}

// touch is a write of the process's own: it counts before its message comes.
func (p *process) touch(epoch, n uint8, touched rowSet) {
	if epoch != p.epoch {
		p.restart(epoch, n)
		return
	}
	for row := range rows {
		if touched.has(row) {
			p.own[row] = n
		}
	}
}

// restart voids everything up to a position.
func (p *process) restart(epoch, n uint8) {
	p.epoch, p.applied, p.floor = epoch, n, n
	for row := range rows {
		p.ledger[row], p.own[row] = n, n
	}
}

// probe asks Redis for its position, and opens the near level by the reply. The
// reply proves the process up to date as of when it was sent.
func (m *model) probe(s *state, i int) {
	p := &s.processes[i]
	if !m.hasNear(i) {
		return
	}
	if !p.probe.sent {
		if s.isConnected(i) && s.isSubscribed(i) {
			to := m.step(s, processName[i], "probes")
			to.processes[i].probe = probe{sent: true, epoch: s.redis.epoch, n: s.redis.n, db: s.db}
		}
		return
	}
	switch sent := p.probe; {
	case sent.epoch != p.epoch:
		to := m.step(s, processName[i], "learns another epoch by its probe")
		p := &to.processes[i]
		p.probe = probe{}
		if sent.epoch > p.epoch {
			p.learn(sent.epoch, sent.n, both)
		}
	case p.applied >= sent.n || m.is(BlindProbe):
		m.step(s, processName[i], "is proven up to date").processes[i].prove(sent)
	default:
		// The messages up to the reply may be lost: after a time, give up on them.
		to := m.step(s, processName[i], "voids all before its probe")
		p := &to.processes[i]
		p.floor, p.applied = sent.n, sent.n
		p.prove(sent)
	}
}

func (p *process) prove(sent probe) {
	p.open, p.proven, p.probe = true, sent.db, probe{}
}

// lapse is the bound going by without a confirmed probe. What was committed until
// now would be missed by who reads from the near level later, so it has to see it;
// a probe that was sent by now is too old to open anything.
func (m *model) lapse(s *state, i int) {
	if s.lapses == 0 || !s.processes[i].open {
		return
	}
	to := m.fault(s, processName[i], "isn't proven for longer than the bound")
	to.lapses--
	p := &to.processes[i]
	p.open, p.proven, p.probe = false, s.db, probe{}
}

// nearHits says whether the near entry may be returned.
func (m *model) nearHits(p *process) bool {
	e := &p.entry
	if !e.exists || !p.open || e.epoch != p.epoch || e.n < p.floor {
		return false
	}
	if m.Monotonic && !m.is(NoMonotonicRule) && p.isBehind() {
		return false
	}
	for row := range rows {
		if m.Workload.read.has(row) && max(p.ledger[row], p.own[row]) > e.n {
			return false
		}
	}
	return true
}

// accepts says whether an entry that was read plainly may be returned: what the
// process was told of the log has no write after the entry, and was complete
// lately, and has the process's own writes. These it knows, but an entry may also
// have been made by others before them.
func (m *model) accepts(p *process, e *remoteEntry) bool {
	if !e.exists || e.epoch != p.epoch || e.n < p.floor || !p.open && !m.is(PeekUngated) {
		return false
	}
	for row := range rows {
		if p.own[row] > p.applied && !m.is(PeekBeforeOwnWrite) {
			return false
		}
		if m.Workload.read.has(row) && p.ledger[row] > e.n && !m.is(PeekUnchecked) {
			return false
		}
	}
	return true
}

// isBehind says whether a reply named a position whose messages haven't come.
func (p *process) isBehind() bool {
	return p.seenEpoch > p.epoch || p.seenEpoch == p.epoch && p.seen > p.applied
}

// see keeps the newest position in a reply.
func (p *process) see(m *model, epoch, n uint8) {
	switch {
	case !m.Monotonic:
	case epoch > p.seenEpoch:
		p.seenEpoch, p.seen = epoch, n
	case epoch == p.seenEpoch:
		p.seen = max(p.seen, n)
	}
}
