package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// workerEnv holds a WorkerConfig for a test binary that is to be a worker.
const workerEnv = "ENTCACHE_FAULTS_WORKER"

// WorkerConfig is what a worker is told when it starts.
type WorkerConfig struct {
	Size
	// Worker names the process among all of a run.
	Worker int
	Seed   uint64
	// Dialect, Driver and DSN are the database's, RedisURL the remote level's;
	// without one the worker has its near level only.
	Dialect, Driver, DSN string
	RedisURL, Namespace  string
	Timing
	// Refuse makes writes fail that can't be announced.
	Refuse bool
	// Mutant is a deliberate error of the engine, with the build tag mutant.
	Mutant string
	Mix
}

// Timing are the times of the protocol.
type Timing struct {
	Bound, Lease, Quarantine, InDoubt, TTL time.Duration
}

// Mix says what workers do.
type Mix struct {
	// Threads work at once in each worker, each with a pause after every
	// operation.
	Threads int
	Pause   time.Duration
	// Writes are how many of a thousand operations write.
	Writes int
}

func (c WorkerConfig) env() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return workerEnv + "=" + string(b)
}

// IsWorker reports whether this process was started by a parent, and what it was
// told.
func IsWorker() (WorkerConfig, bool, error) {
	var c WorkerConfig
	text := os.Getenv(workerEnv)
	if text == "" {
		return c, false, nil
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, true, fmt.Errorf("entcache: %s: %w", workerEnv, err)
	}
	return c, true, nil
}
