package codec

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
	"github.com/vmihailenco/msgpack/v5"
)

// Version is the version of the frames this package writes, and the only one it
// reads.
const Version = 1

// A frame is
//
//	"ecr"        the magic
//	version      1 byte
//	fingerprint  8 bytes, big endian, as are all numbers outside msgpack
//	checksum     8 bytes: XXH64 of every other byte of the frame
//	body         msgpack: the number of rows, an array of column names, and the
//	             values one after the other
//
// Every result has one body: the shortest form of each number and length. A
// body in any other form is corrupt, so what decodes encodes to the same bytes.
const (
	magic         = "ecr"
	fingerprintAt = len(magic) + 1
	checksumAt    = fingerprintAt + 8
	bodyAt        = checksumAt + 8
)

// maxRows bounds a frame without columns, whose rows take no bytes.
const maxRows = math.MaxInt32

// Encode appends the frame of r to dst and returns the longer slice. The
// fingerprint names the schema the rows were read with; Decode wants the same
// one. It returns ErrValue, and dst as it was, for rows that have no frame.
func Encode(dst []byte, r *Rows, fingerprint uint64) ([]byte, error) {
	if r.N < 0 || r.N > maxRows || len(r.kinds) != r.N*len(r.Columns) {
		return dst, fmt.Errorf("%w: %d rows of %d columns hold %d values", ErrValue, r.N, len(r.Columns), len(r.kinds))
	}
	start := len(dst)
	w := encoder{b: append(dst, magic...)}
	w.b = append(w.b, Version)
	w.b = binary.BigEndian.AppendUint64(w.b, fingerprint)
	w.b = binary.BigEndian.AppendUint64(w.b, 0)
	w.enc = msgpack.GetEncoder()
	w.enc.Reset(&w)
	err := w.rows(r)
	msgpack.PutEncoder(w.enc)
	if err != nil {
		return dst, err
	}
	frame := w.b[start:]
	binary.BigEndian.PutUint64(frame[checksumAt:], checksum(frame))
	return w.b, nil
}

// Decode returns the rows of a frame. They share no memory with it. The error
// is ErrCorrupt, ErrVersion or ErrFingerprint; with any of them the rows are
// nil.
func Decode(frame []byte, fingerprint uint64) (*Rows, error) {
	if len(frame) < bodyAt || string(frame[:len(magic)]) != magic {
		return nil, corrupt("%d bytes without the header", len(frame))
	}
	if v := frame[len(magic)]; v != Version {
		return nil, fmt.Errorf("%w: version %d, this process reads %d", ErrVersion, v, Version)
	}
	if binary.BigEndian.Uint64(frame[checksumAt:]) != checksum(frame) {
		return nil, corrupt("the checksum doesn't match")
	}
	if f := binary.BigEndian.Uint64(frame[fingerprintAt:]); f != fingerprint {
		return nil, fmt.Errorf("%w: fingerprint %016x, this process has %016x", ErrFingerprint, f, fingerprint)
	}
	d := decoders.Get().(*decoder)
	defer d.free()
	d.b = frame[bodyAt:]
	return d.rows()
}

// checksum covers the frame but for the checksum itself.
func checksum(frame []byte) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(frame[:checksumAt])
	_, _ = d.Write(frame[bodyAt:])
	return d.Sum64()
}
