package faults

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A worker that is left with a primary that was cut off is served what the last
// probe allows, and nothing else.
func TestCheckPrimaryCutOff(t *testing.T) {
	const (
		second      = int64(time.Second)
		bound       = second / 5
		refused     = 10 * second
		written     = refused + bound/2 // by way of the next primary
		soon, late  = refused + bound, refused + 2*bound
		ended       = 15 * second
		left, moved = 2, 3
	)
	for _, tc := range []struct {
		name   string
		mode   Mode
		worker int
		start  int64
		remote bool
		aged   int64
		missed bool // what was written
		want   string
	}{
		{name: "a strict hit", mode: Strict, worker: left, start: refused + 1, remote: true, missed: true, want: "unproven"},
		{name: "before the primary refused", mode: Strict, worker: left, start: refused, remote: true, missed: true},
		{name: "a bounded hit, within the bound of the last probe", mode: Bounded, worker: left, start: soon, remote: true, missed: true},
		{name: "and later", mode: Bounded, worker: left, start: soon + 1, remote: true, want: "unproven"},
		{name: "which is stale too", mode: Bounded, worker: left, start: late, remote: true, missed: true, want: "stale,unproven"},
		{name: "of the process, within the bound of the last probe", mode: Bounded, worker: left, start: soon, aged: 2 * bound, missed: true},
		{name: "and later", mode: Bounded, worker: left, start: soon + 1, aged: 2 * bound, want: "unproven"},
		{name: "or younger", mode: Bounded, worker: left, start: late, aged: bound},
		{name: "or younger when it was found", mode: Bounded, worker: left, start: late, aged: bound + 1},
		{name: "from the database", mode: Strict, worker: left, start: late},
		{name: "who has found the next primary", mode: Strict, worker: moved, start: late, remote: true},
		{name: "and missed a write", mode: Strict, worker: moved, start: late, remote: true, missed: true, want: "stale"},
		{name: "when all have", mode: Strict, worker: left, start: ended, remote: true},
		{name: "while the last one does", mode: Strict, worker: left, start: ended - 1, remote: true},
	} {
		p := newPast(t)
		p.write(10, testItem, written, written)
		p.settle()
		r := &run{Options: Defaults(), tally: newTally(), history: p.History, splits: []split{{map[int]bool{left: true}, refused, ended}}}
		r.Slack = 0
		version := 2
		if tc.missed || tc.start < written {
			version = 1
		}
		read := p.read(tc.worker, Query{Of: One, Key: testItem}, tc.start, tc.start+1, p.row(testItem, version))
		read.Mode, read.Remote, read.Aged = tc.mode, tc.remote, tc.aged
		require.Equal(t, tc.want, whats(r.check(read)), tc.name)
	}
}
