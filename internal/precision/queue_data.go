package precision

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/entcache/ent-cache/internal/precision/ent"
	"github.com/entcache/ent-cache/internal/precision/ent/job"
)

// How many rows of what the queue has at first. Ids count from one.
const (
	numWorkers = 20
	numJobs    = 2000
	// numWaiting of the jobs are pending, numRunning run.
	numWaiting = 300
	numRunning = 40
	// recentJobs is how far back visitors look.
	recentJobs = 1000
	// keepDone is how long jobs are kept that are done.
	keepDone = 5 * time.Minute
)

var queues = strings.Fields("mail images invoices search export import video reports")

// queueData fills the queue, with the same rows each time.
func queueData(ctx context.Context, c *ent.Client) error {
	r := rand.New(rand.NewPCG(1, 1))
	err := c.Worker.MapCreateBulk(make([]int, numWorkers), func(b *ent.WorkerCreate, i int) {
		b.SetName(fmt.Sprint("Worker ", i+1)).SetSeenAt(epoch)
	}).Exec(ctx)
	if err != nil {
		return err
	}
	return bulk(numJobs, func(n, from int) error {
		return c.Job.MapCreateBulk(make([]int, n), func(b *ent.JobCreate, i int) {
			i += from
			at := epoch.Add(time.Duration(i-numJobs) * time.Second)
			newJob(b, queues[r.IntN(len(queues))], r.IntN(10)).SetCreatedAt(at)
			switch {
			case i >= numJobs-numWaiting:
			case i >= numJobs-numWaiting-numRunning:
				b.SetStatus(job.StatusRunning).SetWorkerID(1 + r.IntN(numWorkers)).SetAttempts(1)
			case r.IntN(10) == 0:
				b.SetStatus(job.StatusFailed).SetWorkerID(1 + r.IntN(numWorkers)).SetAttempts(3).SetFinishedAt(at)
			default:
				b.SetStatus(job.StatusDone).SetWorkerID(1 + r.IntN(numWorkers)).SetAttempts(1).SetProgress(100).SetFinishedAt(at)
			}
		}).Exec(ctx)
	})
}

func newJob(b *ent.JobCreate, queue string, priority int) *ent.JobCreate {
	return b.SetQueue(queue).SetPriority(priority).SetPayload(strings.Repeat("{}", 20))
}
