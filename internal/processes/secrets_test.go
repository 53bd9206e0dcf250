package processes

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/codec/envelope"
	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/schemas/view/ent"
	"github.com/entcache/ent-cache/internal/schemas/view/ent/user"
	"github.com/entcache/ent-cache/internal/testdb"
)

// spied keeps the payloads that are sent through it.
type spied struct {
	cache.Remote
	mu       sync.Mutex
	payloads [][]byte
}

func (s *spied) Fill(ctx context.Context, key cache.Key, f cache.RemoteFill) (cache.RemoteFilled, error) {
	s.mu.Lock()
	s.payloads = append(s.payloads, bytes.Clone(f.Payload))
	s.mu.Unlock()
	return s.Remote.Fill(ctx, key, f)
}

// saw reports whether a text was among what was sent.
func (s *spied) saw(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.payloads {
		if bytes.Contains(p, []byte(text)) {
			return true
		}
	}
	return false
}

const password = "correct horse battery staple"

// secretive joins with a client of a schema that has a Sensitive field.
func (w *world) secretive(c func() *ent.Client, opts ...entcache.Option) (*ent.Client, *entcache.Handle, *spied) {
	w.t.Helper()
	s := &spied{Remote: w.join(w.t)}
	opts = append([]entcache.Option{entcache.WithRemote(s, nil), entcache.WithLease(lease), entcache.WithLogger(quiet)}, opts...)
	h, err := entcache.New(opts...)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = h.Close() })
	client := c()
	client.Intercept(h.Interceptor())
	stored := func() bool { return h.Stats().Remote.Stored > 0 }
	require.Eventually(w.t, func() bool {
		client.Pet.Query().CountX(entcache.Refresh(w.t.Context()))
		time.Sleep(10 * time.Millisecond)
		return stored()
	}, 30*time.Second, time.Millisecond)
	return client, h, s
}

// What holds a Sensitive field stays in the process, where it is cached as
// anything else is, unless it is encrypted outside.
func TestSensitiveFieldsStay(t *testing.T) {
	key := envelope.Key{ID: "2026", Secret: bytes.Repeat([]byte{7}, envelope.KeySize)}
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		drv := testdb.Driver(t, dialect.SQLite)
		open := func() *ent.Client { return ent.NewClient(ent.Driver(drv)) }
		require.NoError(t, open().Schema.Create(ctx))
		u := open().User.Create().SetName("ada lovelace").SetPassword(password).SaveX(ctx)
		read := func(c *ent.Client, ctx context.Context) cache.Outcome {
			return outcome(t, ctx, func(ctx context.Context) error {
				u, err := c.User.Get(ctx, u.ID)
				if err == nil {
					require.Equal(t, password, u.Password)
				}
				return err
			})
		}
		names := func(c *ent.Client, ctx context.Context) cache.Outcome {
			return outcome(t, ctx, func(ctx context.Context) error {
				_, err := c.User.Query().Select(user.FieldName).Strings(ctx)
				return err
			})
		}
		both := func(opts ...entcache.Option) (second cache.Outcome, a, b *spied) {
			one, h, a := w.secretive(open, opts...)
			two, _, b := w.secretive(open, opts...)
			for _, f := range []func(*ent.Client, context.Context) cache.Outcome{read, names} {
				before := h.Stats().Remote.Stored
				f(one, entcache.Refresh(ctx))
				require.Eventually(t, func() bool { return h.Stats().Remote.Stored > before }, 20*time.Second, time.Millisecond)
				require.Equal(t, cache.Hit, f(one, ctx))
			}
			require.Equal(t, cache.HitRemote, names(two, ctx), "what isn't sensitive is shared")
			return read(two, ctx), a, b
		}
		o, a, b := both()
		require.Equal(t, cache.Miss, o)
		require.True(t, a.saw("ada lovelace"), "the spy sees")
		require.False(t, a.saw(password) || b.saw(password))

		w.restart()
		o, a, b = both(entcache.WithEnvelope(envelope.Keys(key)))
		require.Equal(t, cache.HitRemote, o)
		for _, text := range []string{password, "ada lovelace"} {
			require.False(t, a.saw(text) || b.saw(text))
		}
	})
}
