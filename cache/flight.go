package cache

import "sync"

// flights are the fills that are running, by key.
type flights struct {
	shards [64]flightShard
}

type flightShard struct {
	mu sync.Mutex
	m  map[Key]*flight
	_  [40]byte
}

// flight is one running fill. entry is what it read, once done is closed; nil
// if the read failed or its result can't be handed to others. done is made for the
// first who waits.
type flight struct {
	done  chan struct{}
	entry *Entry
}

// join returns the running fill of a key, or makes the caller its leader, who must
// call leave with the flight that it brought along.
func (fs *flights) join(key Key, own *flight) (f *flight, leader bool) {
	s := &fs.shards[key[15]%64]
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.m[key]; f != nil {
		if f.done == nil {
			f.done = make(chan struct{})
		}
		return f, false
	}
	if s.m == nil {
		s.m = make(map[Key]*flight)
	}
	s.m[key] = own
	return own, true
}

// leave ends a fill.
func (fs *flights) leave(key Key, f *flight, e *Entry) {
	s := &fs.shards[key[15]%64]
	s.mu.Lock()
	delete(s.m, key)
	done := f.done // nobody makes one any more
	s.mu.Unlock()
	f.entry = e
	if done != nil {
		close(done)
	}
}
