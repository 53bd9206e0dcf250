package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/entcache/ent-cache/entcache"
)

// Worker runs jobs.
type Worker struct{ ent.Schema }

// Mixin of the Worker.
func (Worker) Mixin() []ent.Mixin { return []ent.Mixin{entcache.Mixin{}} }

// Fields of the Worker.
func (Worker) Fields() []ent.Field {
	return []ent.Field{
		field.String("name"),
		field.Time("seen_at"),
	}
}

// Edges of the Worker.
func (Worker) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("jobs", Job.Type),
	}
}

// Job waits in a queue until a worker claims it.
type Job struct{ ent.Schema }

// Mixin of the Job.
func (Job) Mixin() []ent.Mixin {
	return []ent.Mixin{entcache.Mixin{Groups: []string{"queue", "status"}, OldValues: true}}
}

// Fields of the Job.
func (Job) Fields() []ent.Field {
	return []ent.Field{
		field.String("queue"),
		field.Enum("status").Values("pending", "running", "done", "failed").Default("pending"),
		field.Int("priority").Default(0),
		field.Int("attempts").Default(0),
		field.Int("progress").Default(0),
		field.String("payload"),
		field.Time("created_at"),
		field.Time("finished_at").Optional().Nillable(),
		field.Int("worker_id").Optional().Nillable(),
	}
}

// Edges of the Job.
func (Job) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("worker", Worker.Type).Ref("jobs").Field("worker_id").Unique(),
	}
}
