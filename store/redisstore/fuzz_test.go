package redisstore

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

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
	f.Add("EQ\x02\x00\x00\x000123456789abcdefpositionposition", int64(1))
	f.Add("EQ\x02\x00\x00\x010123456789abcdefpositionpositionfact-one0123456789abcdefpayload", int64(-1))
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

// FuzzPeek: an entry of any bytes is nothing, or what a fill writes.
func FuzzPeek(f *testing.F) {
	f.Add([]byte{}, int64(1))
	f.Add([]byte("EQ\x01\x00\x00\x010123456789abcdeffact-one0123456789abcdefpayload"), int64(1))
	f.Add([]byte("EQ\x02\x00\x00\x000123456789abcdefpositionposition"), int64(1))
	f.Add([]byte("EQ\x02\x00\x00\x010123456789abcdefpositionpositionfact-one0123456789abcdefpayload"), int64(1))
	f.Add([]byte("EQ\x02\x00\x00\x010123456789abcdefpositionpositionfact-one0123456789abcdefpayload"), int64(-1))
	f.Fuzz(func(t *testing.T, blob []byte, ttl int64) {
		p := newPeek(bytes.Clone(blob), time.Duration(ttl))
		if p == nil {
			return
		}
		require.Positive(t, ttl)
		require.Equal(t, time.Duration(ttl), p.TTL)
		k := binary.BigEndian.Uint16(blob[4:])
		require.Positive(t, k)
		require.LessOrEqual(t, int(k), cache.MaxRemoteFacts)
		b := append([]byte("EQ\x02\x00"), blob[4:6]...)
		b = binary.BigEndian.AppendUint64(append(b, p.Epoch[:]...), p.Position)
		b = binary.BigEndian.AppendUint64(b, p.Position)
		b = append(append(b, blob[entryHeader:entryHeader+int(k)*entryFact]...), p.Payload...)
		require.Equal(t, blob, b)
	})
}
