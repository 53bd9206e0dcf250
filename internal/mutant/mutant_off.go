//go:build !mutant

package mutant

// Enabled reports whether the program was built with the tag mutant.
const Enabled = false

// On reports whether an error is switched on: never.
func On(Name) bool { return false }

// Set switches an error on: it can't be.
func Set(n Name) {
	if n != None {
		panic("entcache: build with -tags mutant to switch on " + n.String())
	}
}
