package faults

import "time"

func (r *run) redisFaults() []*fault {
	settle := r.Quarantine + 300*time.Millisecond
	fs := []*fault{
		{name: "redis restart, empty", lossy: true, rest: settle, inject: func(r *run) {
			r.redis.forget()
			r.redis.master.Kill()
			r.sleep(r.between(0, 2*r.Bound))
			r.redis.master.Start()
		}},
		{name: "redis restart, old snapshot", lossy: true, rest: settle, inject: func(r *run) {
			r.redis.must(r.redis.master, "SAVE")
			r.sleep(r.between(r.Bound, 2*r.Lease))
			r.redis.master.Kill()
			r.sleep(r.between(0, r.Bound))
			r.redis.master.Start()
			r.redis.forget()
		}},
		{name: "redis restart, append-only file", lossy: true, rest: settle, inject: (*run).appendOnly},
		{name: "redis pause", lossy: true, rest: 300 * time.Millisecond, inject: func(r *run) {
			r.redis.master.Pause()
			r.sleep(r.between(r.Bound/4, 3*r.Bound))
			r.redis.master.Resume()
		}},
		{name: "redis long pause", lossy: true, rest: 500 * time.Millisecond, inject: func(r *run) {
			r.redis.master.Pause()
			r.sleep(r.between(r.Lease, 2*r.Lease))
			r.redis.master.Resume()
		}},
		{name: "redis asleep", lossy: true, rest: 300 * time.Millisecond, inject: func(r *run) {
			r.redis.must(r.redis.master, "DEBUG", "SLEEP", r.between(r.Bound, 3*r.Bound).Seconds())
		}},
		{name: "promotion of a replica that lags", lossy: true, rest: settle, inject: func(r *run) {
			r.redis.attach()
			// The first replica begins an epoch.
			r.sleep(r.Quarantine + 300*time.Millisecond)
			r.redis.lag.Hold(true, true)
			r.sleep(r.between(r.Bound, r.Lease))
			r.redis.promote()
		}},
		{name: "primary cut off from its replica", lossy: true, rest: settle, inject: (*run).cutOff},
		{name: "flushall", rest: settle, inject: func(r *run) { r.redis.must(r.redis.master, "FLUSHALL") }},
		{name: "subscriptions killed", rest: 100 * time.Millisecond, inject: func(r *run) {
			r.redis.must(r.redis.master, "CLIENT", "KILL", "TYPE", "pubsub")
		}},
		{name: "subscribers over the output limit", lossy: true, rest: 300 * time.Millisecond, inject: (*run).crowd},
		{name: "scripts forgotten", rest: 100 * time.Millisecond, inject: func(r *run) {
			r.redis.must(r.redis.master, "SCRIPT", "FLUSH")
		}},
		{name: "eviction", lossy: true, rest: settle, inject: func(r *run) {
			policies := []string{"allkeys-random", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-random", "volatile-ttl", "volatile-lfu", "noeviction"}
			policy := policies[r.rng.IntN(len(policies))]
			r.mark("maxmemory-policy %s", policy)
			r.redis.must(r.redis.master, "CONFIG", "SET", "maxmemory-policy", policy)
			r.redis.must(r.redis.master, "CONFIG", "SET", "maxmemory", r.redis.nearlyFull())
			r.sleep(r.between(r.Bound, r.Lease))
			r.redis.must(r.redis.master, "CONFIG", "SET", "maxmemory", "0")
		}},
	}
	for _, f := range fs {
		f.group = groupRedis
	}
	return fs
}
