// Package rule holds privacy rules, as Ent's documentation shows them.
package rule

import (
	"context"

	"entgo.io/ent/entql"

	"github.com/entcache/ent-cache/internal/schemas/privacy/ent/privacy"
	"github.com/entcache/ent-cache/internal/schemas/privacy/viewer"
)

// DenyIfNoViewer denies whoever doesn't say who they are.
func DenyIfNoViewer() privacy.QueryMutationRule {
	return privacy.ContextQueryMutationRule(func(ctx context.Context) error {
		if _, ok := viewer.FromContext(ctx); !ok {
			return privacy.Denyf("viewer is missing")
		}
		return privacy.Skip
	})
}

// AllowIfAdmin allows administrators everything.
func AllowIfAdmin() privacy.QueryMutationRule {
	return privacy.ContextQueryMutationRule(func(ctx context.Context) error {
		if v, _ := viewer.FromContext(ctx); v.Admin {
			return privacy.Allow
		}
		return privacy.Skip
	})
}

// FilterTenant narrows queries and mutations to the rows of the viewer's tenant.
func FilterTenant() privacy.QueryMutationRule {
	type tenantFilter interface{ WhereTenantID(entql.IntP) }
	return privacy.FilterFunc(func(ctx context.Context, f privacy.Filter) error {
		v, _ := viewer.FromContext(ctx)
		if v.Tenant == 0 {
			return privacy.Denyf("tenant is missing")
		}
		tf, ok := f.(tenantFilter)
		if !ok {
			return privacy.Denyf("unexpected filter type %T", f)
		}
		tf.WhereTenantID(entql.IntEQ(v.Tenant))
		return privacy.Skip
	})
}
