package races

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
)

// actor is one goroutine of a script.
type actor struct {
	name string
	ops  chan operation
	// resume lets the actor go on from the point where it stopped.
	resume chan struct{}

	tx    *ent.Tx    // open between begin and commit or rollback
	track *ent.Track // read last

	mu     sync.Mutex
	until  string // the point to stop at
	unmet  string // the same, and still that when the actor never came there
	at     string // the point it stopped at
	busy   bool
	result string
	told   string // what was last told of it while it was busy
	faults map[string]string
	cancel context.CancelFunc
	// cancelTx ends the context that a transaction was begun with.
	cancelTx context.CancelFunc

	// read is the operation, if it is one whose result can be checked; seen
	// are the results that were right at some time since it began.
	read reading
	seen []string
}

// operation is what an actor does between two steps of its own.
type operation struct {
	name string
	run  func(context.Context, *actor) (string, error)
	read reading
}

// reading answers a question from a client, in the same words whatever client.
type reading func(context.Context, *ent.Client) (string, error)

// loop does the operations that come, one after the other.
func (a *actor) loop() {
	for op := range a.ops {
		result := a.do(op)
		a.mu.Lock()
		a.busy, a.result = false, result
		a.mu.Unlock()
	}
}

func (a *actor) do(op operation) (result string) {
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), actorKey{}, a))
	a.mu.Lock()
	a.cancel = cancel
	if op.name == "begin" {
		// A transaction lives as long as its context.
		a.cancelTx = cancel
	} else {
		defer cancel()
	}
	a.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			result = fmt.Sprintf("panic: %v", r)
		}
	}()
	var answer string
	explained, err := cache.Explain(ctx, func(ctx context.Context) error {
		var err error
		answer, err = op.run(ctx, a)
		return err
	})
	if err != nil {
		answer = "error: " + short(err)
	}
	if len(explained) == 0 {
		return answer
	}
	return fmt.Sprintf("%s (%s)", answer, outcomes(explained))
}

// outcomes lists what the cache made of the statements of an operation.
func outcomes(list []cache.Explanation) string {
	var words []string
	for _, x := range list {
		w := x.Outcome.String()
		if x.Reason != cache.Cacheable {
			w += ": " + x.Reason.String()
		}
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

// short leaves out of an error what says where in Ent it came from.
func short(err error) string {
	switch {
	case errors.Is(err, errInjected):
		return "injected"
	case errors.Is(err, context.Canceled):
		return "context canceled"
	}
	return err.Error()
}
