package redisstore

import "time"

// MaxLease is the longest lease that Begin accepts: what the quarantine outlasts,
// also where another clock runs faster.
func (s *Store) MaxLease() time.Duration { return s.quarantine / 6 * 5 }
