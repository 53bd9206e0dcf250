// Package mixin holds the mixin that puts a cache policy into an Ent schema.
package mixin

import (
	"time"

	"entgo.io/ent"
	entschema "entgo.io/ent/schema"
	entmixin "entgo.io/ent/schema/mixin"

	"github.com/entcache/ent-cache/schema"
)

// Mixin makes reads of the type it is mixed into cached. Its fields are those
// of [schema.Policy], which says what each means; the zero value caches every
// operation for [schema.DefaultTTL]. Where several mixins of a schema carry a
// policy, the last one counts, whole.
//
//	func (User) Mixin() []ent.Mixin {
//		return []ent.Mixin{entcache.Mixin{TTL: time.Minute}}
//	}
//
// It adds no fields, edges, hooks or interceptors, so a schema with the mixin
// needs no import of ent/runtime. A type without it isn't cached; writes to it
// still invalidate the results that depend on it.
type Mixin struct {
	entmixin.Schema

	TTL      time.Duration
	Ops      schema.Op
	OnDemand bool
	Groups   []string
	Tenant   string
	MaxRows  int
	MaxBytes int

	RefreshAhead float64
	MaxStaleness time.Duration
	Grace        time.Duration

	Shared    bool
	OldValues bool

	DependsOn []string
	Functions map[string][]string
}

var _ ent.Mixin = Mixin{}

// Annotations implements Ent's mixin: one annotation with the policy.
func (m Mixin) Annotations() []entschema.Annotation {
	return []entschema.Annotation{schema.Annotation{Policy: schema.Policy{
		TTL:      m.TTL,
		Ops:      m.Ops,
		OnDemand: m.OnDemand,
		Groups:   m.Groups,
		Tenant:   m.Tenant,
		MaxRows:  m.MaxRows,
		MaxBytes: m.MaxBytes,

		RefreshAhead: m.RefreshAhead,
		MaxStaleness: m.MaxStaleness,
		Grace:        m.Grace,

		Shared:    m.Shared,
		OldValues: m.OldValues,

		DependsOn: m.DependsOn,
		Functions: m.Functions,
	}}}
}
