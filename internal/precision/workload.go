package precision

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
)

// Workload is what users of a program do.
type Workload struct {
	Name string
	draw func(v *visitor, write bool) (kind int, p params)
	open func(ctx context.Context, drv dialect.Driver, cache ent.Interceptor) (store, error)
	// kinds and actions name the reads and the writes.
	kinds, actions []string
	// cascades are the tables that the database deletes rows of with those of
	// another one, joins those without an id.
	cascades map[string][]string
	joins    map[string]bool
}

// Workloads returns all there are.
func Workloads() []Workload {
	return []Workload{shop(), feed(), queue()}
}

// store is a workload's database with its two clients.
type store interface {
	// read asks for what an operation is about; each root query goes through ask.
	read(kind int, p params, ask asker) error
	// write runs an operation, on the client with the cache or past it.
	write(ctx context.Context, action int, p params, cached bool) error
}

// asker runs a root query on both clients and returns what the one without a
// cache got. A query that found nothing has a nil result.
type asker func(query func(ctx context.Context, cached bool) (any, error)) (any, error)

// params are what an operation is about.
type params struct {
	id, other, n int
	text         string
	// now is the time of the operation, by a clock that stands still between two.
	now time.Time
}

// domain is a workload over the client of a schema.
type domain[C any] struct {
	name     string
	client   func(dialect.Driver) C
	attach   func(C, ent.Interceptor)
	create   func(context.Context, C) error
	fill     func(context.Context, C) error
	indexes  []string
	cascades map[string][]string
	joins    map[string]bool
	reads    []read[C]
	actions  []action[C]
	notFound func(error) bool
}

// read is a kind of read, and how often it happens.
type read[C any] struct {
	name   string
	weight int
	draw   func(*visitor) params
	// run is the query. A read of several queries has runs instead.
	run  func(context.Context, C, params) (any, error)
	runs func(ask func(func(context.Context, C) (any, error)) (any, error), p params) error
}

// action is a kind of write.
type action[C any] struct {
	name   string
	weight int
	draw   func(*visitor) params
	run    func(context.Context, C, params) error
}

func (d domain[C]) workload() Workload {
	w := Workload{Name: d.name, open: d.open, cascades: d.cascades, joins: d.joins}
	for _, r := range d.reads {
		w.kinds = append(w.kinds, r.name)
	}
	for _, a := range d.actions {
		w.actions = append(w.actions, a.name)
	}
	w.draw = func(v *visitor, write bool) (int, params) {
		if write {
			i := pick(v.Rand, d.actions, func(a action[C]) int { return a.weight })
			return i, d.actions[i].draw(v)
		}
		i := pick(v.Rand, d.reads, func(r read[C]) int { return r.weight })
		return i, d.reads[i].draw(v)
	}
	return w
}

func (d domain[C]) open(ctx context.Context, drv dialect.Driver, cache ent.Interceptor) (store, error) {
	s := &domainStore[C]{domain: d, plain: d.client(drv), cached: d.client(drv)}
	d.attach(s.cached, cache)
	if err := d.create(ctx, s.plain); err != nil {
		return nil, fmt.Errorf("tables of %s: %w", d.name, err)
	}
	if err := d.fill(ctx, s.plain); err != nil {
		return nil, fmt.Errorf("rows of %s: %w", d.name, err)
	}
	for _, index := range d.indexes {
		if err := drv.Exec(ctx, index, []any{}, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", index, err)
		}
	}
	return s, nil
}

type domainStore[C any] struct {
	domain        domain[C]
	plain, cached C
}

func (s *domainStore[C]) read(kind int, p params, ask asker) error {
	r := s.domain.reads[kind]
	both := func(query func(context.Context, C) (any, error)) (any, error) {
		return ask(func(ctx context.Context, cached bool) (any, error) {
			c := s.plain
			if cached {
				c = s.cached
			}
			v, err := query(ctx, c)
			if s.domain.notFound(err) {
				return nil, nil
			}
			return v, err
		})
	}
	var err error
	if r.runs != nil {
		err = r.runs(both, p)
	} else {
		_, err = both(func(ctx context.Context, c C) (any, error) { return r.run(ctx, c, p) })
	}
	if err != nil {
		return fmt.Errorf("%s, %+v: %w", r.name, p, err)
	}
	return nil
}

func (s *domainStore[C]) write(ctx context.Context, action int, p params, cached bool) error {
	a, c := s.domain.actions[action], s.plain
	if cached {
		c = s.cached
	}
	// What an operation is about may be gone.
	if err := a.run(ctx, c, p); err != nil && !s.domain.notFound(err) {
		return fmt.Errorf("%s, %+v: %w", a.name, p, err)
	}
	return nil
}

// operation is an entry of the log.
type operation struct {
	write bool
	kind  int
	params
}

// epoch is the time of the first operation.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// log draws a workload's operations. It is the same for the same arguments.
func (w Workload) log(seed uint64, operations int, writes float64, every time.Duration) []operation {
	v := &visitor{Rand: rand.New(rand.NewPCG(seed, 2)), zipfs: make(map[int]*rand.Zipf), newest: make(map[string]int)}
	log := make([]operation, operations)
	for i := range log {
		o := &log[i]
		o.write = v.Float64() < writes
		o.kind, o.params = w.draw(v, o.write)
		o.now = epoch.Add(time.Duration(i) * every)
	}
	return log
}

// visitor draws what operations are about.
type visitor struct {
	*rand.Rand
	zipfs map[int]*rand.Zipf
	// newest counts the rows that operations have made, by table.
	newest map[string]int
}

// zipf draws one of n things, the first ones far more often than the last. With
// the exponent 1.1 a fifth of a thousand things gets four fifths of the reads.
func (v *visitor) zipf(n int) int {
	z, ok := v.zipfs[n]
	if !ok {
		z = rand.NewZipf(v.Rand, 1.1, 2, uint64(n-1))
		v.zipfs[n] = z
	}
	return int(z.Uint64())
}

// id draws one of the ids from 1 to n. Which of them are popular has nothing to
// do with their order.
func (v *visitor) id(n int) int { return scatter(v.zipf(n), n) + 1 }

// scatter is a permutation of the numbers below n.
func scatter(i, n int) int {
	step := n*5/8 | 1
	for gcd(step, n) != 1 {
		step += 2
	}
	return i * step % n
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// pick draws an element by its weight.
func pick[T any](r *rand.Rand, from []T, weight func(T) int) int {
	sum := 0
	for _, t := range from {
		sum += weight(t)
	}
	n := r.IntN(sum)
	for i, t := range from {
		if n -= weight(t); n < 0 {
			return i
		}
	}
	return len(from) - 1
}
