package cache

import (
	"context"
	"sync"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/stretchr/testify/require"
)

// A child says what its parent says and what it was told; no context is changed
// by what its children are told.
func TestDirectivesDontChangeTheirParents(t *testing.T) {
	parent := context.Background()
	type step = func(context.Context) context.Context
	ttl := func(ctx context.Context) context.Context { return WithTTL(ctx, time.Second) }
	none := func(ctx context.Context) context.Context { return WithTTL(WithTTL(ctx, 0), -time.Second) }
	for name, c := range map[string]struct {
		steps []step
		want  directives
	}{
		"nothing":           {nil, directives{}},
		"skip":              {[]step{Skip}, directives{skip: true}},
		"refresh":           {[]step{Refresh}, directives{refresh: true}},
		"cache":             {[]step{Ask}, directives{cache: true}},
		"ttl":               {[]step{ttl}, directives{ttl: time.Second}},
		"no ttl":            {[]step{none}, directives{}},
		"ttl stays":         {[]step{ttl, none, Skip}, directives{skip: true, ttl: time.Second}},
		"skip, cache":       {[]step{Skip, Ask}, directives{cache: true}},
		"skip, refresh":     {[]step{Skip, Refresh}, directives{refresh: true}},
		"cache, skip":       {[]step{Ask, Skip}, directives{cache: true, skip: true}},
		"cache and refresh": {[]step{Ask, Refresh}, directives{cache: true, refresh: true}},
	} {
		ctx := parent
		var chain []context.Context
		var said []directives
		for _, s := range c.steps {
			chain, said = append(chain, ctx), append(said, directivesOf(ctx))
			ctx = s(ctx)
		}
		require.Equal(t, c.want, directivesOf(ctx), name)
		for i := range chain {
			require.Equal(t, said[i], directivesOf(chain[i]), name)
		}
	}
}

func TestDirectivesOfManyGoroutines(t *testing.T) {
	parent := WithTTL(context.Background(), time.Minute)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if d := directivesOf(Skip(Refresh(Ask(parent)))); !d.skip || !d.refresh || !d.cache || d.ttl != time.Minute {
					t.Error("a directive was lost")
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, directives{ttl: time.Minute}, directivesOf(parent))
}

func TestMutating(t *testing.T) {
	parent := context.Background()
	child := Mutating(parent)
	require.True(t, wishesOf(Skip(child)).mutating)
	require.False(t, wishesOf(parent).mutating)
}

// Ent's key for session variables is found out without Ent's help.
func TestSessionVariablesAreSeen(t *testing.T) {
	ctx := context.Background()
	require.NotNil(t, sessionVarsKey)
	require.False(t, HasSessionVars(ctx))
	require.True(t, HasSessionVars(Skip(entsql.WithVar(ctx, "name", "value"))))
	require.True(t, HasSessionVars(entsql.WithIntVar(ctx, "name", 1)))
	require.False(t, HasSessionVars(ctx))
}
