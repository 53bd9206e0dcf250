package cache

import "sync/atomic"

// RemoteStats are the counters of a cache's remote level.
type RemoteStats struct {
	// Hits were found valid there, Peeked of them by a plain read and what this
	// process knows of the log. Misses weren't there, Corrupt were there and not
	// understood.
	Hits, Peeked, Misses, Corrupt uint64
	// Stored results were taken, Refused were not, by the reason it gave.
	// Dropped ones weren't offered: too many were on their way.
	Stored, Dropped uint64
	Refused         map[FillOutcome]uint64
	// Unannounced writes went on without other processes being told; Unrecorded
	// ones were announced, and their end is known by their lease only. Lapsed ones
	// took longer than their announcement could be renewed.
	Unannounced, Unrecorded, Lapsed uint64
	// Epochs counts how often the log began anew, Gaps the messages that were
	// missed and noticed by the next one, Lost those noticed by a probe.
	Epochs, Gaps, Lost uint64
	// Errors are calls that failed.
	Errors uint64
	// Usable says that reads use the level now; Owing that it is left alone
	// because of unannounced writes.
	Usable, Owing bool
}

type sharedCounts struct {
	hits, peeked, misses, corrupt, stored, dropped, unannounced, unrecorded, lapsed, epochs, gaps, lost, errors atomic.Uint64
	refused                                                                                                     [len(fillOutcomes)]atomic.Uint64
}

func (s *shared) stats() *RemoteStats {
	n := &s.counts
	r := &RemoteStats{
		Hits: n.hits.Load(), Peeked: n.peeked.Load(), Misses: n.misses.Load(), Corrupt: n.corrupt.Load(), Stored: n.stored.Load(), Dropped: n.dropped.Load(),
		Refused: make(map[FillOutcome]uint64), Unannounced: n.unannounced.Load(), Unrecorded: n.unrecorded.Load(), Lapsed: n.lapsed.Load(),
		Epochs: n.epochs.Load(), Gaps: n.gaps.Load(), Lost: n.lost.Load(), Errors: n.errors.Load(), Usable: s.usable(), Owing: s.indebted(),
	}
	for o := range n.refused {
		if k := n.refused[o].Load(); k > 0 {
			r.Refused[FillOutcome(o)] = k
		}
	}
	return r
}
