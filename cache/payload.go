package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/codec/envelope"
)

// payloads turn results into what the remote level stores, and back.
//
// A payload is sealed for its key and holds a version, the entry's lifetime in
// milliseconds, the keys of its tree, and the rows. The age of a hit follows from what the remote level
// says is left of its life: no two clocks are compared.
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

// lifetime is what a payload says of its entry besides the rows.
type lifetime struct {
	// keep is how long it stays, ttl how long until it is to be refreshed.
	keep, ttl time.Duration
	// age is counted from when the database was asked: of a payload that is
	// sealed when it is, of one that was opened now.
	age time.Duration
	// took is how long the database took.
	took time.Duration
	// tree is the keys of the statements that followed; see tree.
	tree []Key
}

// seal returns the payload of an entry.
func (p payloads) seal(s *Schema, key Key, rows *codec.Rows, l lifetime) ([]byte, error) {
	b := []byte{payloadVersion}
	for _, d := range []time.Duration{l.keep, l.ttl, l.age + time.Millisecond - 1, l.took} {
		b = binary.AppendUvarint(b, uint64(max(0, d.Milliseconds())))
	}
	b = binary.AppendUvarint(b, uint64(len(l.tree)))
	for _, k := range l.tree {
		b = append(b, k[:]...)
	}
	b, err := codec.Encode(b, rows, s.fingerprint())
	if err != nil {
		return nil, err
	}
	return p.envelope.Seal(nil, b, key[:])
}

// open returns the rows of a payload and their lifetime, given what is left of
// it.
func (p payloads) open(s *Schema, key Key, payload []byte, left time.Duration) (*codec.Rows, lifetime, error) {
	var l lifetime
	b, err := p.envelope.Open(nil, payload, key[:])
	if err != nil {
		return nil, l, err
	}
	if len(b) == 0 || b[0] != payloadVersion {
		return nil, l, fmt.Errorf("entcache: a payload of another version; this process reads %d", payloadVersion)
	}
	b = b[1:]
	for _, d := range []*time.Duration{&l.keep, &l.ttl, &l.age, &l.took} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > maxMillis {
			return nil, l, errors.New("entcache: a payload without its times")
		}
		*d, b = time.Duration(n)*time.Millisecond, b[size:]
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > maxTreeKeys || len(b)-size < int(n)*len(Key{}) {
		return nil, l, errors.New("entcache: a payload without its tree")
	}
	for b = b[size:]; n > 0; n-- {
		l.tree, b = append(l.tree, Key(b[:len(Key{})])), b[len(Key{}):]
	}
	rows, err := codec.Decode(b, s.fingerprint())
	if err != nil {
		return nil, l, err
	}
	l.age += max(0, l.keep-left)
	return rows, l, nil
}

// maxMillis is the longest time that a payload may name: a hundred years.
const maxMillis = 100 * 365 * 24 * 3600 * 1000
