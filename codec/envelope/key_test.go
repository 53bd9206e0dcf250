package envelope

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestXAES has the vectors of the specification: of the two keys one doubles
// with a carry and one without.
func TestXAES(t *testing.T) {
	for _, v := range []struct {
		key             byte
		aad, ciphertext string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		x, err := newXAES(bytes.Repeat([]byte{v.key}, KeySize))
		require.NoError(t, err)
		ciphertext, err := hex.DecodeString(v.ciphertext)
		require.NoError(t, err)
		plain, err := x.open([]byte("> "), append([]byte("ABCDEFGHIJKLMNOPQRSTUVWX"), ciphertext...), []byte(v.aad))
		require.NoError(t, err)
		require.Equal(t, "> XAES-256-GCM", string(plain))

		sealed, err := x.seal([]byte("> "), []byte("text"), []byte(v.aad))
		require.NoError(t, err)
		require.Len(t, sealed, len("> text")+xaesOverhead)
		plain, err = x.open(nil, sealed[2:], []byte(v.aad))
		require.NoError(t, err)
		require.Equal(t, "text", string(plain))
	}
}

// TestNonces: the same payload never seals to the same bytes, in either part of
// the nonce.
func TestNonces(t *testing.T) {
	for _, kind := range kinds[2:] {
		e := newTest(t, kind.opts...)
		at := headSize + 1 + len("2026-11")
		salts, rests := map[string]bool{}, map[string]bool{}
		for range 200 {
			sealed, err := e.Seal(nil, rows(200), aad)
			require.NoError(t, err)
			salts[string(sealed[at:at+saltSize])] = true
			rests[string(sealed[at+saltSize:at+24])] = true
			require.NotContains(t, string(sealed), "example.com")
		}
		require.Len(t, salts, 200)
		require.Len(t, rests, 200)
	}
}

// TestRotation replaces a key in the three steps that Keys describes. Processes
// are one step apart at most, and open all that the others seal.
func TestRotation(t *testing.T) {
	before, after := key("2026-10"), key("2026-11")
	steps := []struct {
		name   string
		e      *Envelope
		sealed string // the ID of the key that seals
	}{
		{"old", newTest(t, Keys(before)), "2026-10"},
		{"new one known", newTest(t, Keys(before, after)), "2026-10"},
		{"new one seals", newTest(t, Keys(after, before)), "2026-11"},
		{"old one dropped", newTest(t, Keys(after)), "2026-11"},
	}
	payload := rows(2000)
	for i, sealer := range steps {
		sealed, err := sealer.e.Seal(nil, payload, aad)
		require.NoError(t, err)
		require.Equal(t, "\x07"+sealer.sealed, string(sealed[headSize:headSize+8]))
		for j, opener := range steps {
			opened, err := opener.e.Open(nil, sealed, aad)
			switch {
			case max(i-j, j-i) <= 1:
				require.NoError(t, err, "%q opens what %q sealed", opener.name, sealer.name)
				require.Equal(t, payload, opened)
			case opener.name == "old", opener.name == "old one dropped" && sealer.sealed == "2026-10":
				require.ErrorIs(t, err, ErrEnvelope)
				require.ErrorContains(t, err, fmt.Sprintf("sealed with the key %q, which this process hasn't", sealer.sealed))
			}
		}
	}
}

func TestOpenRefusesOtherKeys(t *testing.T) {
	payload := rows(2000)
	keyed, open := newTest(t, Keys(key("k"))), newTest(t)
	sealed := func(e *Envelope) []byte {
		b, err := e.Seal(nil, payload, aad)
		require.NoError(t, err)
		return b
	}
	for name, c := range map[string]struct {
		opener *Envelope
		frame  []byte
		want   string
	}{
		"no keys":           {open, sealed(keyed), "this process has no keys"},
		"not encrypted":     {keyed, sealed(open), "not encrypted"},
		"another ID":        {newTest(t, Keys(key("l"))), sealed(keyed), `the key "k", which`},
		"another secret":    {newTest(t, Keys(Key{"k", key("l").Secret})), sealed(keyed), "not authentic"},
		"renamed":           {newTest(t, Keys(Key{"l", key("k").Secret})), sealed(keyed), `the key "k", which`},
		"ID of another key": {newTest(t, Keys(key("a"), Key{"b", key("a").Secret})), renamed(sealed(newTest(t, Keys(key("a")))), 'b'), "not authentic"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.opener.Open(nil, c.frame, aad)
			require.ErrorIs(t, err, ErrEnvelope)
			require.ErrorContains(t, err, c.want)
			require.Nil(t, got)
		})
	}
}

// renamed changes the ID of the key, a letter long, in a frame.
func renamed(frame []byte, id byte) []byte {
	frame[headSize+1] = id
	return frame
}

func TestSecretsAreCopied(t *testing.T) {
	k := key("k")
	e := newTest(t, Keys(k))
	require.Nil(t, e.config.keys, "the secret is still referred to")
	clear(k.Secret)
	sealed, err := e.Seal(nil, rows(100), aad)
	require.NoError(t, err)
	_, err = newTest(t, Keys(key("k"))).Open(nil, sealed, aad)
	require.NoError(t, err)
}

func TestKeysDontPrintTheirSecret(t *testing.T) {
	k := Key{ID: "2026-11", Secret: make([]byte, KeySize)}
	_, _ = rand.Read(k.Secret)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "key", k, "keys", []Key{k})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "key", k, "keys", []*Key{&k})
	b, err := json.Marshal(k)
	require.NoError(t, err)
	require.JSONEq(t, `{"ID":"2026-11"}`, string(b))
	require.Contains(t, log.String(), "2026-11")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, `key "2026-11"`, fmt.Sprintf(verb, k))
		require.Equal(t, `[key "2026-11"]`, fmt.Sprintf("%v", []Key{k}))
		fmt.Fprintf(&log, verb, []any{k, &k})
	}
	for _, leak := range []string{string(k.Secret), hex.EncodeToString(k.Secret), fmt.Sprint(k.Secret)[1:20], string(must(json.Marshal(k.Secret)))} {
		require.NotContains(t, log.String(), leak)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
