package cache

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/codec/envelope"
)

// payloads turn results into what the remote level stores, and back.
//
// A payload is sealed for its key and holds a version, how long the entry lives
// and how old it was when it was filled, in milliseconds, and the rows. The age
// of a hit follows from what the remote level says is left of its life: no two
// clocks are compared.
type payloads struct {
	envelope *envelope.Envelope
}

const payloadVersion = 1

var plainEnvelope = func() *envelope.Envelope {
	e, err := envelope.New()
	if err != nil {
		panic(err)
	}
	return e
}()

// fingerprint names the schema in a payload.
func (s *Schema) fingerprint() uint64 { return xxhash.Sum64String(s.Fingerprint) }

// seal returns the payload of an entry that is to live for ttl.
func (p payloads) seal(s *Schema, key Key, rows *codec.Rows, ttl, age time.Duration) ([]byte, error) {
	b := []byte{payloadVersion}
	b = binary.AppendUvarint(b, uint64(max(0, ttl.Milliseconds())))
	b = binary.AppendUvarint(b, uint64(max(0, age.Milliseconds())+1)) // what is cut off counts
	b, err := codec.Encode(b, rows, s.fingerprint())
	if err != nil {
		return nil, err
	}
	return p.envelope.Seal(nil, b, key[:])
}

// open returns the rows of a payload and their age, given what is left of the
// entry's life.
func (p payloads) open(s *Schema, key Key, payload []byte, left time.Duration) (*codec.Rows, time.Duration, error) {
	b, err := p.envelope.Open(nil, payload, key[:])
	if err != nil {
		return nil, 0, err
	}
	if len(b) == 0 || b[0] != payloadVersion {
		return nil, 0, fmt.Errorf("entcache: a payload of another version; this process reads %d", payloadVersion)
	}
	b = b[1:]
	var times [2]time.Duration
	for i := range times {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64((100*365*24*time.Hour).Milliseconds()) {
			return nil, 0, fmt.Errorf("entcache: a payload without its times")
		}
		times[i], b = time.Duration(n)*time.Millisecond, b[size:]
	}
	rows, err := codec.Decode(b, s.fingerprint())
	if err != nil {
		return nil, 0, err
	}
	return rows, times[1] + max(0, times[0]-left), nil
}
