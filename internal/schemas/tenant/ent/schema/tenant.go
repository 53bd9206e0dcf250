package schema

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/schema/field"
	entmixin "entgo.io/ent/schema/mixin"

	"github.com/entcache/ent-cache/internal/schemas/tenant/ent/hook"
	"github.com/entcache/ent-cache/internal/schemas/tenant/ent/intercept"
	"github.com/entcache/ent-cache/internal/schemas/tenant/tenancy"
)

// TenantMixin narrows queries and mutations to the rows of the context's tenant.
type TenantMixin struct{ entmixin.Schema }

// Fields of the TenantMixin.
func (TenantMixin) Fields() []ent.Field {
	return []ent.Field{
		field.String("tenant").Immutable(),
	}
}

var errNoTenant = errors.New("no tenant in the context")

// Interceptors of the TenantMixin.
func (t TenantMixin) Interceptors() []ent.Interceptor {
	return []ent.Interceptor{
		intercept.TraverseFunc(func(ctx context.Context, q intercept.Query) error {
			tenant := tenancy.FromContext(ctx)
			if tenant == "" {
				return errNoTenant
			}
			t.P(q, tenant)
			return nil
		}),
	}
}

// Hooks of the TenantMixin.
func (t TenantMixin) Hooks() []ent.Hook {
	return []ent.Hook{
		func(next ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
				tenant := tenancy.FromContext(ctx)
				if tenant == "" {
					return nil, errNoTenant
				}
				if m.Op().Is(ent.OpCreate) {
					mx, ok := m.(interface{ SetTenant(string) })
					if !ok {
						return nil, fmt.Errorf("unexpected mutation type %T", m)
					}
					mx.SetTenant(tenant)
				}
				return next.Mutate(ctx, m)
			})
		},
		hook.On(func(next ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
				mx, ok := m.(interface {
					WhereP(...func(*sql.Selector))
				})
				if !ok {
					return nil, fmt.Errorf("unexpected mutation type %T", m)
				}
				t.P(mx, tenancy.FromContext(ctx))
				return next.Mutate(ctx, m)
			})
		}, ent.OpUpdate|ent.OpUpdateOne|ent.OpDelete|ent.OpDeleteOne),
	}
}

// P adds the predicate of the tenant.
func (t TenantMixin) P(w interface{ WhereP(...func(*sql.Selector)) }, tenant string) {
	w.WhereP(sql.FieldEQ(t.Fields()[0].Descriptor().Name, tenant))
}
