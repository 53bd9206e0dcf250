//go:build mutant

package mutant

import "sync/atomic"

// Enabled reports whether the program was built with the tag mutant.
const Enabled = true

var active atomic.Uint32

// On reports whether an error is switched on.
func On(n Name) bool { return Name(active.Load()) == n }

// Set switches one error on and all others off.
func Set(n Name) { active.Store(uint32(n)) }
