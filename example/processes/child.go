package main

import (
	"os/exec"
	"runtime"
)

// child is a program that this one has started.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// startChild starts a program that ends, on Linux, when this one does, however
// that comes.
func startChild(cmd *exec.Cmd) (*child, error) {
	c := &child{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// What ends it is the end of the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd.SysProcAttr = endWithParent()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// kill ends it at once, and waits for that.
func (c *child) kill() {
	if c == nil {
		return
	}
	_ = c.cmd.Process.Kill()
	<-c.ended
}
