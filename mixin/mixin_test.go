package mixin_test

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/entc/load"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/mixin"
	"github.com/entcache/ent-cache/schema"
)

type user struct {
	ent.Schema
	mixins []ent.Mixin
}

func (u user) Mixin() []ent.Mixin { return u.mixins }

type view struct {
	ent.View
	mixins []ent.Mixin
}

func (v view) Mixin() []ent.Mixin { return v.mixins }

// policyOf is the policy the code generator gets to see.
func policyOf(t *testing.T, s ent.Interface) (p schema.Policy, ok bool) {
	t.Helper()
	buf, err := load.MarshalSchema(s)
	require.NoError(t, err)
	loaded, err := load.UnmarshalSchema(buf)
	require.NoError(t, err)
	v, ok := loaded.Annotations[schema.AnnotationName]
	if !ok {
		return p, false
	}
	buf, err = json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(buf, &p))
	return p, true
}

// filled returns a mixin in which no field is zero.
func filled(t *testing.T) mixin.Mixin {
	m := mixin.Mixin{
		TTL: time.Minute, Ops: schema.Only | schema.All, OnDemand: true, Groups: []string{"a"}, Tenant: "t", MaxRows: 1, MaxBytes: 2,
		RefreshAhead: 1, MaxStaleness: time.Minute, Grace: time.Second, Shared: true, OldValues: true,
		DependsOn: []string{"b"}, Functions: map[string][]string{"f": {"c"}},
	}
	v := reflect.ValueOf(m)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Name != "Schema" {
			require.False(t, v.Field(i).IsZero(), "set %s in this test", f.Name)
		}
	}
	return m
}

func TestMixinCarriesEveryFieldOfThePolicy(t *testing.T) {
	m := filled(t)
	for name, s := range map[string]ent.Interface{
		"table": user{mixins: []ent.Mixin{m}},
		"view":  view{mixins: []ent.Mixin{m}},
	} {
		p, ok := policyOf(t, s)
		require.True(t, ok, name)
		pv, mv := reflect.ValueOf(p), reflect.ValueOf(m)
		for i := range pv.NumField() {
			field := pv.Type().Field(i).Name
			got := mv.FieldByName(field)
			require.True(t, got.IsValid(), "the mixin lacks %s", field)
			require.Equal(t, got.Interface(), pv.Field(i).Interface(), "%s of a %s", field, name)
		}
	}
}

func TestZeroMixin(t *testing.T) {
	p, ok := policyOf(t, user{mixins: []ent.Mixin{mixin.Mixin{}}})
	require.True(t, ok, "a zero policy is a policy")
	require.Equal(t, schema.Policy{}, p)

	_, ok = policyOf(t, user{})
	require.False(t, ok)
}

func TestLastMixinCounts(t *testing.T) {
	p, ok := policyOf(t, user{mixins: []ent.Mixin{mixin.Mixin{TTL: time.Hour, MaxRows: 1}, mixin.Mixin{TTL: time.Second}}})
	require.True(t, ok)
	require.Equal(t, schema.Policy{TTL: time.Second}, p)
}

// The user's schema imports the mixin, and generated code imports the schema:
// whatever the mixin imports is linked into every program.
func TestMixinDoesNotLinkTheCodeGenerator(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "entgo.io/ent/schema/mixin")
	for _, dep := range deps {
		require.False(t, strings.HasPrefix(dep, "entgo.io/ent/entc"), dep)
		require.False(t, strings.HasPrefix(dep, "golang.org/x/tools"), dep)
		require.False(t, dep == "github.com/entcache/ent-cache/extension", dep)
	}
}
