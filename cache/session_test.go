package cache

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

func tokensOf(ctx context.Context) []session { return directivesOf(ctx).tokens }

// A token comes back as what it stood for, with what the tokens of its context
// stood for; what isn't a token stands for what nobody knows.
func TestTokens(t *testing.T) {
	a, b := newCache(t, Options{}), newCache(t, Options{})
	ctx := t.Context()
	own := func(c *Cache) RemotePosition { return c.written() }
	tokens := tokensOf(WithToken(ctx, Token(ctx)))
	require.Len(t, tokens, 1)
	require.Contains(t, tokens[0], own(a))
	require.Contains(t, tokens[0], own(b))

	foreign := session{{Epoch: Epoch{1}, Position: 7}, {Epoch: Epoch{2}, Position: 1 << 60}}
	text := "1" + base64.RawURLEncoding.EncodeToString(foreign.append(nil))
	with := WithToken(ctx, text)
	require.Equal(t, []session{foreign}, tokensOf(with))
	passed := tokensOf(WithToken(ctx, Token(with)))
	require.Contains(t, passed, foreign, "it is passed on")
	require.Len(t, passed, 2)
	require.Len(t, tokensOf(WithToken(ctx, Token(WithToken(with, Token(ctx))))), 2, "what is covered isn't said twice")
	require.Equal(t, []session{foreign}, tokensOf(with), "a child doesn't change its parent")

	for _, bad := range []string{"", "1", "2" + text[1:], text + "A", text + "AAAA", text[:len(text)-1], "1" + strings.Repeat("A", 1<<16), "1 " + text[1:]} {
		require.Equal(t, []session{nothingKnown}, tokensOf(WithToken(ctx, bad)), "%.20q", bad)
	}
	many := with
	for i := range maxToken + 1 {
		many = WithToken(many, "1"+base64.RawURLEncoding.EncodeToString(session{{Epoch: Epoch{3, byte(i)}}}.append(nil)))
	}
	require.Equal(t, []session{nothingKnown}, tokensOf(WithToken(ctx, Token(many))), "a token that says less than it stands for")
}

// Closed caches are in no token.
func TestTokensOfClosedCaches(t *testing.T) {
	c := newCache(t, Options{})
	at := c.written()
	require.NoError(t, c.Close())
	tokens := tokensOf(WithToken(t.Context(), Token(t.Context())))
	require.NotContains(t, tokens[len(tokens)-1], at)
}

func FuzzToken(f *testing.F) {
	f.Add("1" + base64.RawURLEncoding.EncodeToString(session{{Epoch: Epoch{1}, Position: 7}}.append(nil)))
	f.Add("1AA")
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := parseToken(text)
		if err != nil {
			require.ErrorIs(t, err, errToken)
			return
		}
		var b []byte
		for _, s := range tokens {
			require.NotEmpty(t, s)
			b = s.append(b)
		}
		require.Equal(t, text, "1"+base64.RawURLEncoding.EncodeToString(b), "one token has one form")
	})
}

// A payload comes back as it was sealed, older by what its life lost, and only for
// its key and schema.
func TestPayloads(t *testing.T) {
	p := payloads{envelope: plainEnvelope}
	rows := codec.NewRows([]string{"id", "name"}, int64(1), "a", int64(2), strings.Repeat("b", 4000))
	l := lifetime{keep: time.Hour, ttl: time.Minute, age: 1500 * time.Microsecond, took: 3 * time.Millisecond, tree: []Key{{1}, {2}}}
	key := Key{9}
	sealed, err := p.seal(unitSchema, key, rows, l)
	require.NoError(t, err)
	got, life, err := p.open(unitSchema, key, sealed, time.Hour-time.Second)
	require.NoError(t, err)
	require.Equal(t, rows, got)
	require.Equal(t, lifetime{keep: time.Hour, ttl: time.Minute, age: time.Second + 2*time.Millisecond, took: 3 * time.Millisecond, tree: l.tree}, life)
	_, life, err = p.open(unitSchema, key, sealed, 2*time.Hour)
	require.NoError(t, err)
	require.Equal(t, 2*time.Millisecond, life.age, "no less than it was")

	_, _, err = p.open(unitSchema, Key{8}, sealed, time.Hour)
	require.Error(t, err, "another key's")
	_, _, err = p.open(MustSchema(SchemaSpec{Fingerprint: "other"}), key, sealed, time.Hour)
	require.Error(t, err, "another schema's")
	for i := range sealed {
		_, _, err = p.open(unitSchema, key, sealed[:i], time.Hour)
		require.Error(t, err)
	}
	l.tree = make([]Key, maxTreeKeys+1)
	sealed, err = p.seal(unitSchema, key, rows, l)
	require.NoError(t, err)
	_, _, err = p.open(unitSchema, key, sealed, time.Hour)
	require.Error(t, err, "more hints than a process sends")
}

// FuzzPayload looks behind the envelope, whose checksum keeps the fuzzer out.
func FuzzPayload(f *testing.F) {
	p := payloads{envelope: plainEnvelope}
	key := Key{1}
	sealed, err := p.seal(unitSchema, key, codec.NewRows([]string{"id"}, int64(1)), lifetime{keep: time.Minute, tree: []Key{{2}}})
	require.NoError(f, err)
	body, err := plainEnvelope.Open(nil, sealed, key[:])
	require.NoError(f, err)
	f.Add(body)
	f.Add(bytes.Repeat([]byte{1}, 40))
	f.Fuzz(func(t *testing.T, body []byte) {
		sealed, err := plainEnvelope.Seal(nil, body, key[:])
		require.NoError(t, err)
		rows, life, err := p.open(unitSchema, key, sealed, time.Second)
		if err != nil {
			require.Nil(t, rows)
			return
		}
		require.GreaterOrEqual(t, life.age, time.Duration(0))
		require.LessOrEqual(t, len(life.tree), maxTreeKeys)
	})
}
