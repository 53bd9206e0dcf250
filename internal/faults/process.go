package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/entcache/ent-cache/internal/crash"
)

// process is a worker as its parent sees it.
type process struct {
	WorkerConfig
	cmd    *exec.Cmd
	orders io.WriteCloser
	// crash is what crash.Env told it, if anything.
	crash string
	// spent is set when it has stood still as it was told.
	spent  atomic.Bool
	stderr *tail
	ended  chan struct{} // closed when it has ended and all reports are read

	mu      sync.Mutex
	replies map[Kind]chan Event
	// killed is set when the parent kills it, stopped while it makes it stand
	// still.
	killed, stopped bool
	status          error
}

// spawn starts a worker. reports is called for each event, by one goroutine.
func spawn(c WorkerConfig, crashAt string, reports func(*process, Event)) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{WorkerConfig: c, crash: crashAt, stderr: new(tail), ended: make(chan struct{}), replies: make(map[Kind]chan Event)}
	for _, k := range []Kind{Ready, Idle, Verified, Counted} {
		p.replies[k] = make(chan Event, 4)
	}
	// No test runs in it; the flag keeps the test binary quiet if it were to.
	p.cmd = exec.Command(self, "-test.run=^$")
	p.cmd.Env = append(os.Environ(), c.env())
	if crashAt != "" {
		p.cmd.Env = append(p.cmd.Env, crash.Env+"="+crashAt)
	}
	p.cmd.Stderr = p.stderr
	p.cmd.SysProcAttr = dieWithParent()
	if p.orders, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// It dies with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		done := make(chan error, 1)
		go func() {
			done <- decode(out, func(e Event) {
				reports(p, e)
				if c := p.replies[e.Kind]; c != nil {
					select {
					case c <- e:
					default:
					}
				}
			})
		}()
		err = <-done
		p.mu.Lock()
		p.status = errors.Join(err, p.cmd.Wait())
		p.mu.Unlock()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// order sends an order. That the worker is gone is found out elsewhere.
func (p *process) order(o Order) {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.orders.Write(append(b, '\n'))
}

// errGone is the error of a worker that ended before it replied.
var errGone = errors.New("entcache: the worker is gone")

// await waits for a reply.
func (p *process) await(k Kind, d time.Duration) (Event, error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case e := <-p.replies[k]:
		return e, nil
	case <-p.ended:
		return Event{}, errGone
	case <-t.C:
		return Event{}, fmt.Errorf("entcache: worker %d isn't %s after %v: %s", p.Worker, k, d, p.stderr)
	}
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends the worker and waits until all that it reported is read.
func (p *process) kill() {
	if p.alive() {
		p.mu.Lock()
		p.killed = true
		p.mu.Unlock()
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop makes the worker stand still.
func (p *process) stop() {
	p.hold(true)
	_ = stand(p.cmd.Process, true)
}

// resume ends a stop.
func (p *process) resume() {
	_ = stand(p.cmd.Process, false)
	p.hold(false)
}

// hold notes that the worker stands still by itself, or that it doesn't any more.
func (p *process) hold(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = yes
}

// standing reports whether the parent knows that the worker stands still.
func (p *process) standing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

func (p *process) wasKilled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// standsStill reports whether the process is stopped, by the parent or by itself.
func (p *process) standsStill() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "T")
}

// crashed reports whether the worker died by its own hand, at a point of package
// crash.
func (p *process) crashed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.died() && !p.killed && p.crash != ""
}

// died reports whether a signal killed the worker, which has ended.
func (p *process) died() bool {
	var e *exec.ExitError
	if !errors.As(p.status, &e) {
		return false
	}
	s, ok := e.Sys().(syscall.WaitStatus)
	return ok && s.Signaled() && s.Signal() == syscall.SIGKILL
}

// quit lets the worker close and waits for it.
func (p *process) quit(d time.Duration) error {
	p.order(Order{Do: Quit})
	p.mu.Lock()
	_ = p.orders.Close()
	p.mu.Unlock()
	select {
	case <-p.ended:
	case <-time.After(d):
		p.kill()
		return fmt.Errorf("entcache: worker %d doesn't close within %v: %s", p.Worker, d, p.stderr)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != nil {
		return fmt.Errorf("entcache: worker %d: %w: %s", p.Worker, p.status, p.stderr)
	}
	return nil
}

// tail keeps the end of what is written.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > tailBytes {
		t.b = bytes.Clone(t.b[len(t.b)-tailBytes:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
