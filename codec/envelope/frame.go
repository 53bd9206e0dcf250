package envelope

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/s2"
)

// Version is the version of the frames this package writes, and the only one it
// reads.
const Version = 1

// A frame is
//
//	"ecs"        the magic
//	version      1 byte
//	flags        1 byte
//
// and, if it isn't encrypted,
//
//	checksum     8 bytes, big endian: XXH64 of the bytes before it, the length of
//	             the additional data in 8 bytes, the additional data and the body
//	body         the payload or its S2 block
//
// or, if it is,
//
//	key ID       its length in 1 byte, 1 to 32, and the ID
//	body         XAES-256-GCM of the payload or its S2 block: nonce, ciphertext,
//	             tag. What is authenticated with it are the bytes before it and
//	             the additional data, in sequence.
//
// Both are one-to-one: no two pairs of frame and additional data have the same
// bytes checked. An S2 block is there only if it is shorter than what it holds.
const (
	magic    = "ecs"
	flagsAt  = len(magic) + 1
	headSize = flagsAt + 1
	sumSize  = 8
)

const (
	flagCompressed = 1 << iota
	flagEncrypted
	flagsKnown = flagCompressed | flagEncrypted
)

// Seal appends a frame of the payload to dst and returns the longer slice. The
// additional data name the place of the payload, such as its namespace and key:
// Open wants the same, and they aren't stored. A caller that joins them from
// parts sees to it that no two places join to the same bytes.
//
// The error is ErrTooLarge, or one of the platform's cryptography; dst is
// returned as it was. The memory of dst up to its capacity may be written and
// must not overlap the other slices, which are not kept. The result has room for
// the payload as it was, so who keeps it clones it.
func (e *Envelope) Seal(dst, payload, aad []byte) ([]byte, error) {
	if len(payload) > e.maxSize {
		return dst, fmt.Errorf("%w: %d bytes, and %d are allowed", ErrTooLarge, len(payload), e.maxSize)
	}
	start, room := len(dst), len(payload)
	compress := e.minBytes > 0 && len(payload) >= e.minBytes
	if compress {
		room = s2.MaxEncodedLen(len(payload))
	}
	b := slices.Grow(dst, headSize+1+maxKeyID+xaesOverhead+room)
	b = append(b, magic...)
	b = append(b, Version, 0)
	gap := sumSize
	if e.Encrypted() {
		b[start+flagsAt] |= flagEncrypted
		b = append(b, byte(len(e.keys[0].id)))
		b = append(b, e.keys[0].id...)
		gap = saltSize
	}
	body := payload
	if compress {
		// The block is written behind what is still to be filled in, so it is
		// copied once at most.
		block := s2.Encode(b[len(b)+gap:len(b)+gap:cap(b)], payload)
		if saves(len(block), len(payload)) {
			b[start+flagsAt] |= flagCompressed
			body = block
		}
	}
	if !e.Encrypted() {
		b = binary.BigEndian.AppendUint64(b, checksum(b[start:], aad, body))
		return append(b, body...), nil
	}
	b, err := e.keys[0].seal(b, body, slices.Concat(b[start:], aad))
	if err != nil {
		return dst, fmt.Errorf("entcache: sealing a result: %w", err)
	}
	return b, nil
}

// saves reports whether a block is worth the time to decompress it: at most
// nine tenths of the payload.
func saves(block, payload int) bool { return int64(block)*10 <= int64(payload)*9 }

// Open appends the payload of a frame to dst and returns the longer slice. The
// additional data are those of Seal.
//
// The error wraps ErrEnvelope and says what is wrong; dst is returned as it was.
// The memory of dst up to its capacity may be written and must not overlap the
// other slices, which are not kept.
func (e *Envelope) Open(dst, sealed, aad []byte) ([]byte, error) {
	flags, err := e.head(sealed)
	if err != nil {
		return dst, err
	}
	if flags&flagEncrypted != 0 {
		return e.decrypt(dst, sealed, aad, flags)
	}
	if len(sealed) < headSize+sumSize {
		return dst, refused("%d bytes without a checksum", len(sealed))
	}
	head, body := sealed[:headSize], sealed[headSize+sumSize:]
	if checksum(head, aad, body) != binary.BigEndian.Uint64(sealed[headSize:]) {
		return dst, refused("the checksum doesn't match: damaged, or of another key")
	}
	if flags&flagCompressed != 0 {
		return e.decompress(dst, body)
	}
	if len(body) > e.maxSize {
		return dst, e.tooLong(len(body))
	}
	return append(dst, body...), nil
}

// head returns the flags of a frame that this process may read.
func (e *Envelope) head(sealed []byte) (flags byte, err error) {
	if len(sealed) < headSize || string(sealed[:len(magic)]) != magic {
		return 0, refused("%d bytes without the header", len(sealed))
	}
	if v := sealed[len(magic)]; v != Version {
		return 0, refused("version %d, this process reads %d", v, Version)
	}
	flags = sealed[flagsAt]
	switch encrypted := flags&flagEncrypted != 0; {
	case flags&^flagsKnown != 0:
		return 0, refused("unknown flags %08b", flags)
	case encrypted && !e.Encrypted():
		return 0, refused("encrypted, and this process has no keys: give it those of the others")
	case !encrypted && e.Encrypted():
		return 0, refused("not encrypted, and this process has keys: give them to the others")
	}
	return flags, nil
}

func (e *Envelope) decrypt(dst, sealed, aad []byte, flags byte) ([]byte, error) {
	if len(sealed) == headSize {
		return dst, refused("%d bytes without a key ID", len(sealed))
	}
	headEnd := headSize + 1 + int(sealed[headSize])
	if sealed[headSize] < 1 || sealed[headSize] > maxKeyID || len(sealed) < headEnd+xaesOverhead {
		return dst, refused("%d bytes, and a key ID of %d", len(sealed), sealed[headSize])
	}
	key := e.keys.find(sealed[headSize+1 : headEnd])
	if key == nil {
		return dst, refused("sealed with the key %q, which this process hasn't", sealed[headSize+1:headEnd])
	}
	body, ad := sealed[headEnd:], slices.Concat(sealed[:headEnd], aad)
	if n := len(body) - xaesOverhead; n > e.maxSize {
		return dst, e.tooLong(n)
	}
	into := dst
	if flags&flagCompressed != 0 {
		into = nil
	}
	plain, err := key.open(into, body, ad)
	if err != nil {
		return dst, refused("not authentic under the key %q: damaged, or of another key of the cache", key.id)
	}
	if flags&flagCompressed != 0 {
		return e.decompress(dst, plain)
	}
	return plain, nil
}

// decompress appends what an S2 block holds, which says first how much that is.
func (e *Envelope) decompress(dst, block []byte) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	switch {
	case err != nil:
		return dst, refused("compressed: %v", err)
	case n > e.maxSize:
		return dst, e.tooLong(n)
	case n <= len(block):
		return dst, refused("compressed from %d bytes to %d", n, len(block))
	}
	b := slices.Grow(dst, n)[:len(dst)+n]
	if _, err := s2.Decode(b[len(dst):], block); err != nil {
		return dst, refused("compressed: %v", err)
	}
	return b, nil
}

func (e *Envelope) tooLong(n int) error {
	return refused("a payload of %d bytes, and %d are allowed: raise envelope.MaxSize in every process", n, e.maxSize)
}

// checksum covers the header, so that no flag changes its meaning, and the
// length of the additional data, so that none of them counts as payload.
func checksum(head, aad, body []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(head)
	_, _ = d.Write(binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(len(aad))))
	_, _ = d.Write(aad)
	_, _ = d.Write(body)
	return d.Sum64()
}
