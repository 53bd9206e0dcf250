package traps

import (
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/cache"
)

// sqlSelector is what predicates and modifiers get.
type sqlSelector = entsql.Selector

func lt(column string, v any) *entsql.Predicate { return entsql.LT(column, v) }

const noPolicy = cache.NoPolicy
