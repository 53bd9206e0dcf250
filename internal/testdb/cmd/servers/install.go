package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// policyFile is the program that Debian's packages ask before they start a
// service.
const policyFile = "/usr/sbin/policy-rc.d"

// canInstall says why packages can't be installed, or nil.
func canInstall() error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("and there is no apt-get to install it with")
	}
	if os.Geteuid() != 0 {
		return errors.New("and only root can install it")
	}
	return nil
}

// install installs Debian packages, and keeps them from starting servers of
// their own.
func install(ctx context.Context, packages []string, policy string) error {
	// A policy that is there already is the machine's own, and stays in force.
	// 101 forbids the action.
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err == nil {
		defer os.Remove(policy)
		_, err = f.WriteString("#!/bin/sh\nexit 101\n")
		if e := errors.Join(err, f.Close()); e != nil {
			return fmt.Errorf("and it can't be installed: %w", e)
		}
	} else if !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("and it can't be installed: %w", err)
	}
	// Old lists of packages may do, so only the second failure counts.
	updated := aptGet(ctx, "update")
	if err := aptGet(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...); err != nil {
		return errors.Join(err, updated)
	}
	return nil
}

func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "-o", "DPkg::Lock::Timeout=300"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = ownGroup(syscall.SIGTERM)
	// A kill could leave packages half configured.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("and apt-get %s failed: %w%s", args[0], err, lastLines(out))
	}
	return nil
}
