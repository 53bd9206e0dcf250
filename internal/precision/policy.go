package precision

import "time"

// result is what a root query returned, and what policies may know of it.
type result struct {
	// key names the query: its SQL and arguments.
	key uint64
	// hash stands for what it returned.
	hash uint64
	// tables are those that its statements read.
	tables []string
	// rows are those of its root table that it returned.
	rows []row
}

// row is a row of a table, by its id as a text.
type row struct{ table, id string }

// write is what an operation wrote that has committed.
type write struct {
	// tables are those that were written, those that the database cascaded to
	// too, which is more than caches of other libraries see.
	tables []string
	// rows were updated or deleted one by one; bulk are the tables in which rows
	// were updated or deleted by a condition.
	rows []row
	bulk []string
}

// entry is a result that was stored, and when: after so many operations.
type entry struct {
	result
	at int
}

// policy decides what a cache would serve.
type policy interface {
	// name is what the policy is called in tables.
	name() string
	// wrote tells it of a write, the at-th operation.
	wrote(at int, w write)
	// serves reports whether it would serve an entry in the at-th operation, when
	// the database would return now. Only the oracle may look at that.
	serves(e entry, at int, now result) bool
}

// policies returns a new one of each that is modeled. An operation is every
// apart from the next.
func policies(every time.Duration) []policy {
	return []policy{
		oracle{},
		&rowLevel{ttl: int(time.Hour / every), rows: make(map[row]int), bulk: make(map[string]int)},
		&tableLevel{written: make(map[string]int)},
		&wholeCache{},
		ttlOnly{ttl: int(5 * time.Minute / every)},
	}
}

// oracle evicts an entry only when running its query again gives another result.
type oracle struct{}

func (oracle) name() string                           { return "oracle" }
func (oracle) wrote(int, write)                       {}
func (oracle) serves(e entry, _ int, now result) bool { return e.hash == now.hash }

// ttlOnly evicts nothing for a write.
type ttlOnly struct{ ttl int }

func (ttlOnly) name() string                            { return "TTL only" }
func (ttlOnly) wrote(int, write)                        {}
func (p ttlOnly) serves(e entry, at int, _ result) bool { return at-e.at < p.ttl }

// wholeCache evicts everything for any write, as go-gorm/caches does.
type wholeCache struct{ written int }

func (*wholeCache) name() string                           { return "whole cache" }
func (p *wholeCache) wrote(at int, _ write)                { p.written = at }
func (p *wholeCache) serves(e entry, _ int, _ result) bool { return e.at > p.written }

// tableLevel evicts what has read a table that was written, as django-cachalot, EF
// Core's second-level interceptor and Drizzle do.
type tableLevel struct{ written map[string]int }

func (*tableLevel) name() string { return "table level" }

func (p *tableLevel) wrote(at int, w write) {
	for _, t := range w.tables {
		p.written[t] = at
	}
}

func (p *tableLevel) serves(e entry, _ int, _ result) bool {
	for _, t := range e.tables {
		if written, ok := p.written[t]; ok && written > e.at {
			return false
		}
	}
	return true
}

// rowLevel evicts what has returned a row that was written, and what has read a
// table of which rows were written by a condition, as sqlacache 0.1 says that it
// does: rows that enter a result, the rows of eager loads and the counts aren't
// tracked. Its TTL is one hour unless set.
type rowLevel struct {
	ttl  int
	rows map[row]int
	bulk map[string]int
}

func (*rowLevel) name() string { return "rows only" }

func (p *rowLevel) wrote(at int, w write) {
	for _, r := range w.rows {
		p.rows[r] = at
	}
	for _, t := range w.bulk {
		p.bulk[t] = at
	}
}

func (p *rowLevel) serves(e entry, at int, _ result) bool {
	for _, r := range e.rows {
		if written, ok := p.rows[r]; ok && written > e.at {
			return false
		}
	}
	for _, t := range e.tables {
		if written, ok := p.bulk[t]; ok && written > e.at {
			return false
		}
	}
	return at-e.at < p.ttl
}

// Score counts what a policy made of the reads.
type Score struct {
	// Reads are all root queries, Hits those that were served from the cache,
	// Stale those of the hits that the database would have answered otherwise.
	Reads, Hits, Stale int
	// Evicted are the misses that the policy had an entry for once, which it had
	// dropped or would not serve any more. Needless are those for which the
	// database returned once more what the entry had held.
	Evicted, Needless int
}

// model plays a policy.
type model struct {
	policy
	entries map[uint64]entry
	score   Score
}

func (m *model) read(at int, now result) {
	m.score.Reads++
	e, ok := m.entries[now.key]
	if ok && m.serves(e, at, now) {
		m.score.Hits++
		if e.hash != now.hash {
			m.score.Stale++
		}
		return
	}
	if ok {
		m.score.Evicted++
		if e.hash == now.hash {
			m.score.Needless++
		}
	}
	m.entries[now.key] = entry{now, at}
}
