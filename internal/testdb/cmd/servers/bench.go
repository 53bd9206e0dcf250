package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A bench is the servers of one run and the folder they live in.
type bench struct {
	stderr  io.Writer
	install bool
	policy  string // Debian's policyFile
	dir     string
	running []*instance
}

// start starts the servers and returns the variables for the command, and
// whether one of the servers can't be had.
func (b *bench) start(ctx context.Context, wanted []server) (env []string, missing bool) {
	var needed []server
	for _, s := range wanted {
		if os.Getenv(s.env) == "" {
			needed = append(needed, s)
		}
	}
	if len(needed) == 0 {
		return nil, false
	}
	notInstalled := b.provide(ctx, needed)
	for _, s := range needed {
		if ctx.Err() != nil {
			return nil, false
		}
		in, err := b.startOne(ctx, s, notInstalled)
		if err != nil {
			if ctx.Err() == nil {
				missing = true
				fmt.Fprintf(b.stderr, "entcache: %s isn't available (%v): its tests are skipped\n", s.name, err)
			}
			continue
		}
		b.running = append(b.running, in)
		env = append(env, s.env+"="+s.dsn(in))
	}
	return env, missing
}

func (b *bench) startOne(ctx context.Context, s server, notInstalled error) (*instance, error) {
	found, err := s.find()
	if err != nil {
		if notInstalled != nil {
			return nil, fmt.Errorf("%w, %w", err, notInstalled)
		}
		return nil, err
	}
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "entcache-servers-"); err != nil {
			return nil, err
		}
		// The servers' users must get through it to their own folders.
		if err := os.Chmod(b.dir, 0o711); err != nil {
			return nil, err
		}
	}
	return startServer(ctx, s, found, b.dir)
}

// provide installs the programs that are missing. Its error says why they still
// are.
func (b *bench) provide(ctx context.Context, needed []server) error {
	var packages []string
	for _, s := range needed {
		if _, err := s.find(); err != nil {
			packages = append(packages, s.packages...)
		}
	}
	if len(packages) == 0 {
		return nil
	}
	if !b.install {
		return errors.New("and -install=false")
	}
	if err := canInstall(); err != nil {
		return err
	}
	fmt.Fprintln(b.stderr, "entcache: installing", strings.Join(packages, " "), "(apt-get)")
	return install(ctx, packages, b.policy)
}

// close stops the servers and removes their folder.
func (b *bench) close() {
	for _, in := range b.running {
		in.end()
	}
	b.running = nil
	if b.dir == "" {
		return
	}
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Fprintf(b.stderr, "entcache: removing %s: %v\n", b.dir, err)
	}
}
