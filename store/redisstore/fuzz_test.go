package redisstore

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// FuzzMessage: what isn't exactly a message is an error.
func FuzzMessage(f *testing.F) {
	f.Add("")
	f.Add("0123456789abcdef\x00\x00\x00\x00\x00\x00\x00\x01")
	f.Add("0123456789abcdef\x00\x00\x00\x00\x00\x00\x00\x01fact-one")
	f.Fuzz(func(t *testing.T, payload string) {
		m, err := newMessage(payload)
		if err != nil {
			require.ErrorIs(t, err, cache.ErrRemoteAnswer)
			require.True(t, len(payload) < 24 || len(payload)%8 != 0)
			return
		}
		b := binary.BigEndian.AppendUint64(bytes.Clone(m.Epoch[:]), m.Position)
		for _, fact := range m.Facts {
			b = append(b, factBytes(fact)...)
		}
		require.Equal(t, payload, string(b))
	})
}

// FuzzHit: an entry of any bytes is an error or comes apart without a rest.
func FuzzHit(f *testing.F) {
	f.Add("", int64(1))
	f.Add("EQ\x01\x00\x00\x000123456789abcdef", int64(1))
	f.Add("EQ\x01\x00\x00\x010123456789abcdeffact-one0123456789abcdefpayload", int64(-1))
	f.Fuzz(func(t *testing.T, blob string, ttl int64) {
		hit, err := newHit(cache.RemotePosition{}, reply{"HIT", "0123456789abcdef", int64(1), ttl, blob})
		if err != nil {
			require.ErrorIs(t, err, cache.ErrRemoteAnswer)
			require.Nil(t, hit)
			return
		}
		require.Equal(t, len(blob), entryHeader+len(hit.Facts)*entryFact+len(hit.Payload))
		require.GreaterOrEqual(t, int64(hit.TTL), int64(0))
	})
}
