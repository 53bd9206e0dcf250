// Package tenancy says in a context for which tenant a program acts.
package tenancy

import "context"

type key struct{}

// NewContext returns a context of the tenant.
func NewContext(parent context.Context, tenant string) context.Context {
	return context.WithValue(parent, key{}, tenant)
}

// FromContext returns the tenant of a context, or "".
func FromContext(ctx context.Context) string {
	tenant, _ := ctx.Value(key{}).(string)
	return tenant
}
