// Package viewer says in a context on whose behalf a program acts.
package viewer

import "context"

// Viewer is the user of one tenant, or an administrator.
type Viewer struct {
	Tenant int
	Admin  bool
}

type key struct{}

// NewContext returns a context with the viewer.
func NewContext(parent context.Context, v Viewer) context.Context {
	return context.WithValue(parent, key{}, v)
}

// FromContext returns the viewer of a context, if it has one.
func FromContext(ctx context.Context) (Viewer, bool) {
	v, ok := ctx.Value(key{}).(Viewer)
	return v, ok
}
