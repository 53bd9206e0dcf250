//go:build !unix

package testdb

import (
	"errors"
	"os"
)

// No signal makes a process stand still here.
func stand(*os.Process, bool) error { return errors.ErrUnsupported }
