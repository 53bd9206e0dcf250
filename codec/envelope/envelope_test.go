package envelope

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/stretchr/testify/require"
)

func TestRoundTrip(t *testing.T) {
	const seed = 20261121
	r := rand.New(rand.NewPCG(seed, 1))
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			e := newTest(t, kind.opts...)
			require.Equal(t, kind.flags&flagEncrypted != 0, e.Encrypted())
			for i := range 300 {
				n := i
				if i > 100 {
					n = r.IntN(1 << (4 + r.IntN(14)))
				}
				payload := rows(n)
				if i%3 == 0 {
					payload = noise(n, uint64(i))
				}
				aad := noise(r.IntN(80), uint64(i))
				room := r.IntN(2*n + 100) // too little for some, more than enough for others
				dst := append(make([]byte, 0, 6+room), "before"...)
				kept := [2][]byte{bytes.Clone(payload), bytes.Clone(aad)}

				sealed, err := e.Seal(dst, payload, aad)
				require.NoError(t, err)
				require.Equal(t, "before", string(sealed[:6]))
				require.Equal(t, kept, [2][]byte{payload, aad}, "Seal wrote to what it was given")
				require.Zero(t, sealed[6+flagsAt]&^kind.flags, "flags %b", sealed[6+flagsAt])

				sealed = bytes.Clone(sealed[6:])
				before := bytes.Clone(sealed)
				dst = append(make([]byte, 0, 6+room), "before"...)
				opened, err := e.Open(dst, sealed, aad)
				require.NoError(t, err, "seed %d, payload %d", seed, i)
				require.Equal(t, "before", string(opened[:6]))
				require.True(t, bytes.Equal(payload, opened[6:]), "seed %d, payload %d", seed, i)
				require.Equal(t, before, sealed, "Open wrote to what it was given")

				// The payload shares no memory with the frame.
				alone, err := e.Open(nil, sealed, aad)
				require.NoError(t, err)
				clear(sealed)
				require.True(t, bytes.Equal(payload, opened[6:]))
				require.True(t, bytes.Equal(payload, alone))
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	e := newTest(t, nil)
	require.False(t, e.Encrypted())
	sealed := func(payload []byte) []byte {
		b, err := e.Seal(nil, payload, aad)
		require.NoError(t, err)
		return b
	}
	require.Zero(t, sealed(rows(DefaultMinBytes - 1))[flagsAt])
	require.EqualValues(t, flagCompressed, sealed(rows(DefaultMinBytes))[flagsAt])

	_, err := e.Open(nil, sealed(make([]byte, DefaultMaxSize)), aad)
	require.NoError(t, err)
	_, err = e.Seal(nil, make([]byte, DefaultMaxSize+1), aad)
	require.ErrorIs(t, err, ErrTooLarge)
}

// TestCompressedOnlyIfItSavesATenth mixes noise into a payload until it doesn't.
func TestCompressedOnlyIfItSavesATenth(t *testing.T) {
	e, keyed := newTest(t, Compress(1)), newTest(t, Compress(1), Keys(key("k")))
	seen := map[bool]int{}
	for share := range 101 {
		payload := append(noise(40*share, 1), make([]byte, 40*(100-share))...)
		worth := len(s2.Encode(nil, payload))*10 <= len(payload)*9
		seen[worth]++
		for _, e := range []*Envelope{e, keyed} {
			sealed, err := e.Seal(nil, payload, aad)
			require.NoError(t, err)
			require.Equal(t, worth, sealed[flagsAt]&flagCompressed != 0, "%d %% of noise", share)
			if !worth {
				require.Greater(t, len(sealed), len(payload))
			}
			opened, err := e.Open(nil, sealed, aad)
			require.NoError(t, err)
			require.Equal(t, payload, opened)
		}
	}
	require.Greater(t, seen[true], 80)
	require.Greater(t, seen[false], 5)
}

// TestCompressionIsTheSealersChoice: what one process compresses another opens
// that doesn't.
func TestCompressionIsTheSealersChoice(t *testing.T) {
	payload := rows(4000)
	for _, keys := range [][]Option{nil, {Keys(key("k"))}} {
		with, without := newTest(t, append(keys, Compress(1))...), newTest(t, append(keys, Uncompressed())...)
		for sealer, opener := range map[*Envelope]*Envelope{with: without, without: with} {
			sealed, err := sealer.Seal(nil, payload, aad)
			require.NoError(t, err)
			require.Equal(t, sealer == with, sealed[flagsAt]&flagCompressed != 0)
			opened, err := opener.Open(nil, sealed, aad)
			require.NoError(t, err)
			require.Equal(t, payload, opened)
		}
	}
}

func TestMaxSize(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			small := newTest(t, append(kind.opts, MaxSize(1000))...)
			large := newTest(t, append(kind.opts, MaxSize(1001))...)
			for _, n := range []int{0, 1, 999, 1000} {
				sealed, err := large.Seal(nil, rows(n), aad)
				require.NoError(t, err)
				opened, err := small.Open(nil, sealed, aad)
				require.NoError(t, err)
				require.Len(t, opened, n)
			}
			dst := append(make([]byte, 0, 64), "before"...)
			got, err := small.Seal(dst, rows(1001), aad)
			require.ErrorIs(t, err, ErrTooLarge)
			require.Equal(t, "before", string(got))

			sealed, err := large.Seal(nil, rows(1001), aad)
			require.NoError(t, err)
			require.Equal(t, kind.flags, sealed[flagsAt])
			got, err = small.Open(dst, sealed, aad)
			require.ErrorIs(t, err, ErrEnvelope)
			require.ErrorContains(t, err, "1001 bytes, and 1000 are allowed")
			require.Equal(t, "before", string(got))
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Option{
		"compress nothing":  Compress(0),
		"negative length":   Compress(-1),
		"no size":           MaxSize(0),
		"negative size":     MaxSize(-1),
		"absurd size":       MaxSize(512<<20 + 1),
		"no key ID":         Keys(Key{Secret: key("k").Secret}),
		"long key ID":       Keys(Key{ID: string(make([]byte, 33)), Secret: key("k").Secret}),
		"no secret":         Keys(Key{ID: "k"}),
		"short secret":      Keys(Key{ID: "k", Secret: key("k").Secret[:31]}),
		"long secret":       Keys(Key{ID: "k", Secret: append(key("k").Secret, 1)}),
		"zero secret":       Keys(Key{ID: "k", Secret: make([]byte, 32)}),
		"key twice":         Keys(key("a"), key("b"), key("a")),
		"bad key in others": Keys(key("a"), Key{ID: "b"}),
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(o)
			require.ErrorContains(t, err, "entcache: envelope")
			require.Nil(t, e)
		})
	}
	for name, o := range map[string]Option{
		"largest size":   MaxSize(512 << 20),
		"longest key ID": Keys(Key{ID: string(make([]byte, 32)), Secret: key("k").Secret}),
	} {
		t.Run(name, func(t *testing.T) {
			payload := rows(100)
			e := newTest(t, o)
			sealed, err := e.Seal(nil, payload, nil)
			require.NoError(t, err)
			opened, err := e.Open(nil, sealed, nil)
			require.NoError(t, err)
			require.Equal(t, payload, opened)
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	for _, kind := range kinds {
		e := newTest(t, kind.opts...)
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for g := range 8 {
			wg.Go(func() {
				for i := range 50 {
					payload, aad := rows(200+g*100+i), fmt.Appendf(nil, "%d/%d", g, i)
					sealed, err := e.Seal(nil, payload, aad)
					if err == nil {
						var opened []byte
						if opened, err = e.Open(nil, sealed, aad); err == nil && !bytes.Equal(opened, payload) {
							err = fmt.Errorf("%s: another payload", kind.name)
						}
					}
					if err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			t.Error(err)
		}
	}
}
