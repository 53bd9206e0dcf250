package envelope

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func newTest(t testing.TB, opts ...Option) *Envelope {
	t.Helper()
	e, err := New(opts...)
	require.NoError(t, err)
	return e
}

// key returns a key whose secret depends on its ID only.
func key(id string) Key {
	secret := make([]byte, KeySize)
	for i := range secret {
		secret[i] = byte(i)*7 + id[i%len(id)]
	}
	return Key{ID: id, Secret: secret}
}

// kinds are the four ways to seal, which the flags tell apart.
var kinds = []struct {
	name  string
	flags byte
	opts  []Option
}{
	{"plain", 0, []Option{Uncompressed()}},
	{"compressed", flagCompressed, []Option{Compress(1)}},
	{"encrypted", flagEncrypted, []Option{Uncompressed(), Keys(key("2026-11"))}},
	{"both", flagCompressed | flagEncrypted, []Option{Compress(1), Keys(key("2026-11"))}},
}

var aad = []byte("app\x00users:42")

// rows is a payload that compresses as results do.
func rows(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "\x93%d\xa4name %d\xb0user%d@example.com", i, i*31%97, i)
	}
	return b.Bytes()[:n]
}

// noise is a payload that doesn't compress.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// framed makes the frame that has the flags and the body, right in all else:
// what someone can write who knows the format and, if it is encrypted, the key.
func framed(t testing.TB, e *Envelope, flags byte, body, aad []byte) []byte {
	t.Helper()
	b := append([]byte(magic), Version, flags)
	if flags&flagEncrypted == 0 {
		b = binary.BigEndian.AppendUint64(b, checksum(b, aad, body))
		return append(b, body...)
	}
	b = append(b, byte(len(e.keys[0].id)))
	b = append(b, e.keys[0].id...)
	b, err := e.keys[0].seal(b, body, append(bytes.Clone(b), aad...))
	require.NoError(t, err)
	return b
}
