package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// appendOnly restarts the master with an append-only file of which the last
// moments may not have been on disk.
func (r *run) appendOnly() {
	p := r.redis
	p.must(p.master, "CONFIG", "SET", "appendfsync", "everysec", "appendonly", "yes")
	file := p.appended()
	r.sleep(r.Bound)
	synced := r.size(file)
	r.sleep(r.between(0, r.Lease))
	p.master.Kill()
	if written := r.size(file); r.rng.IntN(3) > 0 && written > synced {
		r.must(os.Truncate(file, synced))
		r.mark("the last %d bytes of the append-only file are lost", written-synced)
		r.tally.effects["append-only files that lost their end"]++
	}
	p.master.Start("appendonly yes")
	if keys, err := p.do(p.master, "KEYS", "entcache:{"+namespace+"}:q:*"); err == nil {
		// The new epoch can't have any yet.
		if l, ok := keys.([]any); ok && len(l) > 0 {
			r.tally.effects["append-only files that brought entries back"]++
		}
	}
	p.must(p.master, "CONFIG", "SET", "appendonly", "no")
	p.forgetAppended()
}

// appendDir is where the server keeps its append-only files.
const appendDir = "appendonlydir"

// appended waits until the append-only file holds everything, and returns the one
// that grows.
func (p *redisPair) appended() string {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); p.r.sleep(10 * time.Millisecond) {
		info, err := p.do(p.master, "INFO", "persistence")
		p.r.must(err)
		files, err := filepath.Glob(filepath.Join(p.master.Dir, appendDir, "*.incr.aof"))
		p.r.must(err)
		text := fmt.Sprint(info)
		if len(files) == 1 && strings.Contains(text, "aof_rewrite_in_progress:0") && strings.Contains(text, "aof_rewrite_scheduled:0") {
			return files[0]
		}
	}
	p.r.t.Fatal("entcache: Redis doesn't begin its append-only file")
	return ""
}

func (r *run) size(file string) int64 {
	info, err := os.Stat(file)
	r.must(err)
	return info.Size()
}

// forgetAppended removes the append-only files, which nobody writes any more.
func (p *redisPair) forgetAppended() {
	p.r.must(os.RemoveAll(filepath.Join(p.master.Dir, appendDir)))
}
