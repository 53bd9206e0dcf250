package precision

import (
	"context"

	entgo "entgo.io/ent"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/precision/ent"
	"github.com/entcache/ent-cache/internal/precision/ent/job"
	"github.com/entcache/ent-cache/internal/precision/ent/worker"
)

// queue hands jobs to workers, and shows how they are getting on.
func queue() Workload {
	return domain[*ent.Client]{
		name:   "queue",
		client: func(drv dialect.Driver) *ent.Client { return ent.NewClient(ent.Driver(drv)) },
		attach: func(c *ent.Client, i entgo.Interceptor) { c.Intercept(i) },
		create: func(ctx context.Context, c *ent.Client) error { return c.Schema.Create(ctx) },
		fill:   queueData,
		indexes: []string{
			"CREATE INDEX jobs_queue ON jobs (queue, status, priority, id)",
			"CREATE INDEX jobs_worker ON jobs (worker_id, status)",
			"CREATE INDEX jobs_finished ON jobs (queue, status, finished_at)",
		},
		reads:    queueReads,
		actions:  queueActions,
		notFound: ent.IsNotFound,
	}.workload()
}

func ofQueue(v *visitor) params  { return params{text: queues[v.zipf(len(queues))], n: v.IntN(4)} }
func ofWorker(v *visitor) params { return params{id: v.id(numWorkers), n: v.IntN(100)} }

// ofJob: the newer a job is, the more it is looked at.
func ofJob(v *visitor) params {
	return params{id: numJobs + v.newest["jobs"] - v.zipf(recentJobs)}
}

var queueReads = []read[*ent.Client]{
	{
		name: "next of a queue", weight: 18, draw: ofQueue,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return next(c.Job.Query(), p.text).Limit(10).All(ctx)
		},
	},
	{
		name: "length of a queue", weight: 14, draw: ofQueue,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Job.Query().Where(job.Queue(p.text), job.StatusEQ(job.StatusPending)).Count(ctx)
		},
	},
	{
		name: "something urgent in a queue", weight: 5, draw: ofQueue,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Job.Query().Where(job.Queue(p.text), job.StatusEQ(job.StatusPending), job.PriorityGTE(5)).Exist(ctx)
		},
	},
	{
		name: "job", weight: 26, draw: ofJob,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Job.Query().Where(job.ID(p.id)).WithWorker().Only(ctx)
		},
	},
	{
		name: "running on a worker", weight: 12, draw: ofWorker,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return c.Job.Query().Where(job.WorkerID(p.id), job.StatusEQ(job.StatusRunning)).Order(job.ByID()).All(ctx)
		},
	},
	{
		name: "last failed of a queue", weight: 8, draw: ofQueue,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return last(c.Job.Query(), p.text, job.StatusFailed).All(ctx)
		},
	},
	{
		name: "last done of a queue", weight: 6, draw: ofQueue,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) {
			return last(c.Job.Query(), p.text, job.StatusDone).All(ctx)
		},
	},
	{
		name: "worker", weight: 7, draw: ofWorker,
		run: func(ctx context.Context, c *ent.Client, p params) (any, error) { return c.Worker.Get(ctx, p.id) },
	},
	{
		name: "overview", weight: 4, draw: nothing,
		run: func(ctx context.Context, c *ent.Client, _ params) (any, error) {
			var all []struct {
				Queue  string `sql:"queue"`
				Status string `sql:"status"`
				Jobs   int    `sql:"count"`
			}
			err := c.Job.Query().Where(job.StatusIn(job.StatusPending, job.StatusRunning)).
				Order(job.ByQueue(), job.ByStatus()).
				GroupBy(job.FieldQueue, job.FieldStatus).Aggregate(ent.Count()).Scan(ctx, &all)
			return all, err
		},
	},
}

// next are the pending jobs of a queue, in the order in which they are claimed.
func next(q *ent.JobQuery, queue string) *ent.JobQuery {
	return q.Where(job.Queue(queue), job.StatusEQ(job.StatusPending)).Order(job.ByPriority(entsql.OrderDesc()), job.ByID())
}

func last(q *ent.JobQuery, queue string, status job.Status) *ent.JobQuery {
	return q.Where(job.Queue(queue), job.StatusEQ(status)).
		Order(job.ByFinishedAt(entsql.OrderDesc()), job.ByID(entsql.OrderDesc())).Limit(pageSize)
}

var queueActions = []action[*ent.Client]{
	{
		name: "enqueue", weight: 240,
		draw: func(v *visitor) params {
			v.newest["jobs"]++
			return params{text: queues[v.zipf(len(queues))], n: v.zipf(10)}
		},
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return newJob(c.Job.Create(), p.text, p.n).SetCreatedAt(p.now).Exec(ctx)
		},
	},
	{
		name: "claim", weight: 230, draw: func(v *visitor) params { return params{id: v.IntN(numWorkers) + 1, text: queues[v.zipf(len(queues))]} },
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return update(ctx, c, func(tx *ent.Tx) (*ent.Job, error) { return next(tx.Job.Query(), p.text).First(ctx) },
				func(j *ent.Job, u *ent.JobUpdateOne) {
					u.Where(job.StatusEQ(job.StatusPending)).SetStatus(job.StatusRunning).SetWorkerID(p.id).SetAttempts(j.Attempts + 1).SetProgress(0)
				})
		},
	},
	{
		name: "done", weight: 180, draw: ofRunning,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return update(ctx, c, running(ctx, p), func(_ *ent.Job, u *ent.JobUpdateOne) {
				u.SetStatus(job.StatusDone).SetProgress(100).SetFinishedAt(p.now)
			})
		},
	},
	{
		name: "failed or retried", weight: 50, draw: ofRunning,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return update(ctx, c, running(ctx, p), func(j *ent.Job, u *ent.JobUpdateOne) {
				if j.Attempts < 3 {
					u.SetStatus(job.StatusPending).ClearWorkerID()
					return
				}
				u.SetStatus(job.StatusFailed).SetFinishedAt(p.now)
			})
		},
	},
	{
		name: "progress", weight: 220, draw: ofRunning,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return update(ctx, c, running(ctx, p), func(_ *ent.Job, u *ent.JobUpdateOne) { u.AddProgress(5) })
		},
	},
	{
		name: "heartbeat", weight: 70, draw: ofWorker,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Worker.UpdateOneID(p.id).SetSeenAt(p.now).Exec(ctx)
		},
	},
	{
		name: "worker lost", weight: 3, draw: ofWorker,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			return c.Job.Update().Where(job.WorkerID(p.id), job.StatusEQ(job.StatusRunning)).
				SetStatus(job.StatusPending).ClearWorkerID().Exec(ctx)
		},
	},
	{
		name: "clean up", weight: 2, draw: ofQueue,
		run: func(ctx context.Context, c *ent.Client, p params) error {
			_, err := c.Job.Delete().Where(job.Queue(p.text), job.StatusEQ(job.StatusDone), job.FinishedAtLT(p.now.Add(-keepDone))).Exec(ctx)
			return err
		},
	},
}

func ofRunning(v *visitor) params { return params{n: v.IntN(20)} }

// running finds the running job that is so many behind the first.
func running(ctx context.Context, p params) func(*ent.Tx) (*ent.Job, error) {
	return func(tx *ent.Tx) (*ent.Job, error) {
		return tx.Job.Query().Where(job.StatusEQ(job.StatusRunning), job.HasWorkerWith(worker.IDGT(0))).Order(job.ByID()).Offset(p.n).First(ctx)
	}
}

// update finds a job and updates it, in one transaction.
func update(ctx context.Context, c *ent.Client, find func(*ent.Tx) (*ent.Job, error), set func(*ent.Job, *ent.JobUpdateOne)) error {
	tx, err := c.Tx(ctx)
	if err != nil {
		return err
	}
	j, err := find(tx)
	if err == nil {
		u := tx.Job.UpdateOne(j)
		set(j, u)
		err = u.Exec(ctx)
	}
	if err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}
