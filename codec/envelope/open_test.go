package envelope

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"
)

func TestOpenRefuses(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			e := newTest(t, kind.opts...)
			payload := rows(150)
			good, err := e.Seal(nil, payload, aad)
			require.NoError(t, err)
			require.Equal(t, kind.flags, good[flagsAt])
			dst := append(make([]byte, 0, 1024), "before"...)
			refuse := func(t *testing.T, sealed, aad []byte, what string, args ...any) {
				t.Helper()
				got, err := e.Open(dst, sealed, aad)
				require.ErrorIs(t, err, ErrEnvelope, append([]any{what}, args...)...)
				require.Equal(t, "before", string(got))
			}

			t.Run("every flipped bit", func(t *testing.T) {
				for i := range len(good) * 8 {
					b := bytes.Clone(good)
					b[i/8] ^= 1 << (i % 8)
					refuse(t, b, aad, "bit %d", i)
				}
			})
			t.Run("every truncation", func(t *testing.T) {
				for n := range good {
					refuse(t, good[:n], aad, "%d bytes", n)
					refuse(t, good[n+1:], aad, "without the first %d bytes", n+1)
				}
			})
			t.Run("every missing byte", func(t *testing.T) {
				for i := range good {
					if i > 0 && good[i] == good[i-1] {
						continue // the same as without the one before
					}
					refuse(t, append(bytes.Clone(good[:i]), good[i+1:]...), aad, "without byte %d", i)
				}
			})
			t.Run("more bytes", func(t *testing.T) {
				refuse(t, append(bytes.Clone(good), 0), aad, "one more")
				refuse(t, append(bytes.Clone(good), good...), aad, "twice")
			})
			t.Run("every flipped bit of the additional data", func(t *testing.T) {
				for i := range len(aad) * 8 {
					b := bytes.Clone(aad)
					b[i/8] ^= 1 << (i % 8)
					refuse(t, good, b, "bit %d", i)
				}
			})
			t.Run("additional data of another length", func(t *testing.T) {
				refuse(t, good, nil, "none")
				refuse(t, good, aad[:len(aad)-1], "shorter")
				refuse(t, good, append(bytes.Clone(aad), 0), "longer")
			})
			t.Run("two entries swapped", func(t *testing.T) {
				other, err := e.Seal(nil, payload, []byte("app\x00users:43"))
				require.NoError(t, err)
				refuse(t, other, aad, "the other's")
			})
			t.Run("additional data moved into the frame", func(t *testing.T) {
				// The same bytes in sequence, with the border elsewhere.
				bodyAt := headSize + sumSize
				if e.Encrypted() {
					bodyAt = headSize + 1 + int(good[headSize])
				}
				moved := append(bytes.Clone(good[:bodyAt]), aad[len(aad)-1])
				refuse(t, append(moved, good[bodyAt:]...), aad[:len(aad)-1], "to the body")
				refuse(t, append(bytes.Clone(good[:bodyAt]), good[bodyAt+1:]...), append(bytes.Clone(aad), good[bodyAt]), "from the body")
			})
		})
	}
}

// TestOpenRefusesMadeUp: frames with the right checksum, or made with the key,
// that no Seal makes.
func TestOpenRefusesMadeUp(t *testing.T) {
	block := s2.Encode(nil, rows(500))
	random := s2.Encode(nil, noise(500, 1))
	for _, kind := range kinds[1:] {
		if kind.flags&flagCompressed == 0 {
			continue
		}
		e := newTest(t, kind.opts...)
		opened, err := e.Open(nil, framed(t, e, kind.flags, block, aad), aad)
		require.NoError(t, err, "the frames of this test must be right but for the body")
		require.Equal(t, rows(500), opened)
		for name, body := range map[string][]byte{
			"nothing":           {},
			"empty block":       {0},
			"longer than plain": random,
			"only a length":     {0xf4, 0x03},
			"endless length":    bytes.Repeat([]byte{0xff}, 20),
			"length not ending": {0xff, 0xff},
			"cut":               block[:len(block)-1],
			"left over":         append(bytes.Clone(block), 0),
			"another length":    append([]byte{block[0] + 1}, block[1:]...),
			"copy of nothing":   {0x40, 0x01, 0xff, 0xff},
			"not compressed":    rows(500),
		} {
			t.Run(kind.name+"/"+name, func(t *testing.T) {
				dst := append(make([]byte, 0, 1024), "before"...)
				got, err := e.Open(dst, framed(t, e, kind.flags, body, aad), aad)
				require.ErrorIs(t, err, ErrEnvelope)
				require.ErrorContains(t, err, "compressed")
				require.Equal(t, "before", string(got))
			})
		}
	}
	e := newTest(t, Keys(key("k")))
	for _, kind := range kinds {
		e := e
		if kind.flags&flagEncrypted == 0 {
			e = newTest(t)
		}
		for bit := range 8 {
			if flags := kind.flags | 1<<bit; flags&^flagsKnown != 0 {
				_, err := e.Open(nil, framed(t, e, flags, rows(500), aad), aad)
				require.ErrorContains(t, err, "unknown flags")
			}
		}
	}
	t.Run("another version", func(t *testing.T) {
		b := []byte(magic + "\x02\x00")
		b = binary.BigEndian.AppendUint64(b, checksum(b, aad, nil))
		_, err := newTest(t).Open(nil, b, aad)
		require.ErrorIs(t, err, ErrEnvelope)
		require.ErrorContains(t, err, "version 2, this process reads 1")
	})
	t.Run("key ID", func(t *testing.T) {
		for _, id := range []string{"", strings.Repeat("x", 33), strings.Repeat("x", 255)} {
			b := append([]byte(magic), Version, flagEncrypted, byte(len(id)))
			b = append(append(b, id...), make([]byte, 200)...)
			_, err := e.Open(nil, b, aad)
			require.ErrorIs(t, err, ErrEnvelope)
			require.ErrorContains(t, err, "key ID")
		}
	})
}

// TestBombs: what says that it is long is refused before there is room for it.
func TestBombs(t *testing.T) {
	const limit = 1 << 20
	claim := func(n uint64) []byte { return append(binary.AppendUvarint(nil, n), bytes.Repeat([]byte{0xfe}, 100)...) }
	for name, body := range map[string][]byte{
		"one too many":  claim(limit + 1),
		"4 GiB":         claim(1<<32 - 1),
		"more":          claim(1 << 40),
		"real":          s2.Encode(nil, make([]byte, 64<<20)),
		"shrunk enough": s2.Encode(nil, make([]byte, limit+1)),
	} {
		for _, kind := range kinds {
			if kind.flags&flagCompressed == 0 {
				continue
			}
			t.Run(kind.name+"/"+name, func(t *testing.T) {
				e := newTest(t, append(kind.opts, MaxSize(limit))...)
				frame := framed(t, e, kind.flags, body, aad)
				require.Less(t, len(frame), limit/2)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range 20 {
					if _, err := e.Open(nil, frame, aad); err == nil {
						t.Fatal("opened")
					}
				}
				runtime.ReadMemStats(&after)
				require.Less(t, (after.TotalAlloc-before.TotalAlloc)/20, uint64(len(frame)+16<<10))
			})
		}
	}
	t.Run("as long as allowed", func(t *testing.T) {
		e := newTest(t, MaxSize(limit))
		opened, err := e.Open(nil, framed(t, e, flagCompressed, s2.Encode(nil, make([]byte, limit)), aad), aad)
		require.NoError(t, err)
		require.Len(t, opened, limit)
	})
	t.Run("ciphertext", func(t *testing.T) {
		// Too long to be worth decrypting, compressed or not.
		e := newTest(t, MaxSize(limit), Keys(key("k")))
		for _, flags := range []byte{flagEncrypted, flagEncrypted | flagCompressed} {
			frame := framed(t, e, flags, make([]byte, 4*limit), aad)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := e.Open(nil, frame, aad)
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, "are allowed")
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(limit))
		}
	})
}
