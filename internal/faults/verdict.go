package faults

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// afterDebt is how long entries may be served that a write replaced which
// outlived its announcement, from when it ended: until the processes agree on a
// new epoch. Where the remote level can't be reached, it is until they expire.
const afterDebt = time.Second

// maxTraces bounds how many violations are printed with what was around them.
const maxTraces = 10

// verdict judges a phase that has come to rest.
func (r *run) verdict(name, what string, lossy, database bool) {
	r.t.Helper()
	ctx, cancel := r.patience()
	defer cancel()
	rows, err := r.judge.fresh(ctx)
	r.must(err)
	items, err := r.judge.rows(ctx, AllItems)
	r.must(err)
	shelves, err := r.judge.rows(ctx, AllShelves)
	r.must(err)

	r.mu.Lock()
	r.excuse(lossy)
	found := r.history.Append(rows)
	found = append(found, r.history.contradictions(append(items, shelves...))...)
	r.history.Settle()
	checked := 0
	for _, read := range r.reads {
		found = append(found, r.check(read)...)
		if read.Worker != 0 {
			checked++
		}
	}
	for _, f := range r.failures {
		// A read or a worker may fail with the database, and with nothing else.
		if !database || f.Read == nil {
			found = append(found, f)
		}
	}
	r.tally.excused += int(len(r.failures))
	r.reads, r.failures, r.pauses, r.splits = nil, nil, nil, nil
	r.mu.Unlock()

	r.tally.reads += checked
	r.tally.versions += len(rows)
	r.fail(found)

	r.mu.Lock()
	r.history.Prune()
	r.timeline = nil
	r.mu.Unlock()
	r.t.Logf("%6s  phase %-3d %-32s %-7s %7d reads %6d versions  %-14s violations %d",
		time.Duration(now()-r.start).Round(time.Second), r.phase, name, r.policy, checked, len(rows), what, len(found))
}

// check judges one read.
func (r *run) check(read *Read) []Violation {
	switch {
	case read.Worker == 0:
		return r.history.Check(read, 0)
	case read.Final:
		r.tally.finals++
		return r.history.CheckFinal(read)
	}
	bound := int64(0)
	if read.Mode == Bounded {
		bound = int64(r.Bound)
		r.tally.bounded++
	} else {
		r.tally.strict++
	}
	if read.After != 0 {
		r.tally.followed++
	}
	r.tally.how(read.How)
	found := r.history.Check(read, bound)
	if len(found) > 0 && bound > 0 && len(r.history.Check(read, bound+int64(r.Slack))) == 0 {
		r.tally.slack++
		found = nil
	}
	for i := range r.splits {
		if s := &r.splits[i]; s.unproven(read, r.Bound) {
			found = append(found, Violation{What: Unproven, Read: read, Detail: "a hit " + ms(read.Start-s.refused) + " after the primary began to refuse writes"})
		}
	}
	return found
}

// excuse finds the writes that other processes may not have been told of in time:
// because the policy was to go on, or because the write, or its process, stood
// still until the announcement had run out.
func (r *run) excuse(lossy bool) {
	for _, w := range r.history.writes {
		goneOn := r.policy == GoingOn && (w.Owed || w.Ended == 0 && lossy)
		outlived := w.Owed && w.Ended-w.Began >= int64(r.Lease) || w.Ended == 0 && r.stood(w)
		if !goneOn && !outlived {
			continue
		}
		r.tally.late++
		w.Late = int64(afterDebt)
		if lossy || w.Ended == 0 {
			w.Late = int64(r.TTL + r.Bound)
			if w.Ended != 0 {
				w.Settled = r.mended + int64(afterDebt)
			}
		}
	}
}

// stood reports whether the write's process stood still for so long while it ran
// that its announcement may have run out.
func (r *run) stood(w *Write) bool {
	for _, p := range r.pauses {
		if p.worker == w.Worker && p.to-p.from >= int64(r.Lease)/2 && w.Began <= p.to {
			return true
		}
	}
	return false
}

// fail reports violations, with what happened around the first of them.
func (r *run) fail(found []Violation) {
	r.t.Helper()
	if len(found) == 0 {
		return
	}
	for _, v := range found {
		r.tally.violations[v.What]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d violations in phase %d; replay with -seed %d", len(found), r.phase, r.Seed)
	for i, v := range found {
		if i == maxTraces {
			fmt.Fprintf(&b, "\n… and %d more", len(found)-i)
			break
		}
		fmt.Fprintf(&b, "\n%s", v)
		r.trace(&b, v)
	}
	r.t.Error(b.String())
}

// trace prints what happened around a violation, in times relative to the read's
// beginning.
func (r *run) trace(b *strings.Builder, v Violation) {
	if v.Read == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	zero := v.Read.Start
	at := func(t int64) string {
		switch t {
		case never:
			return "never"
		case 0:
			return "long ago"
		}
		return ms(t - zero)
	}
	lines := make([]mark, 0, 64)
	near := func(t int64) bool { return t > zero-int64(3*time.Second) && t < v.Read.End+int64(100*time.Millisecond) }
	for _, m := range r.timeline {
		if near(m.at) {
			lines = append(lines, m)
		}
	}
	for _, x := range r.history.versions[v.Key] {
		if w := x.write; near(x.earliest) || near(x.known) {
			text := fmt.Sprintf("version %d %q shelf %d present %t: not before %s, known %s", x.Ver, x.Nonce, x.Shelf, x.Present, at(x.earliest), at(x.known))
			if w != nil {
				text += fmt.Sprintf("; worker %d began %s, sent %s, ended %s (%s)", w.Worker, at(w.Began), at(w.sent()), at(w.Ended), w.Outcome)
				if w.Late > 0 {
					text += fmt.Sprintf(", others may not know of it until %s", at(x.told))
				}
			}
			lines = append(lines, mark{x.earliest, text})
		}
	}
	sort.SliceStable(lines, func(i, j int) bool { return lines[i].at < lines[j].at })
	lines = append(lines, mark{v.Read.Start, fmt.Sprintf("the read, until %s: %v %d", at(v.Read.End), v.Read.Rows, v.Read.Sum)})
	for _, l := range lines {
		fmt.Fprintf(b, "\n    %12s  %s", at(l.at), l.text)
	}
}
