package envelope

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// KeySize is the length of a secret.
const KeySize = 32

// maxKeyID bounds what a key adds to each entry.
const maxKeyID = 32

// Key is a secret and its name. It prints as its name only.
type Key struct {
	// ID names the secret in each entry it seals, readable by all: 1 to 32
	// bytes, such as "2026-11". An ID never names another secret later.
	ID string
	// Secret is KeySize random bytes, as crypto/rand returns them. New copies
	// what it needs of it.
	Secret []byte `json:"-"`
}

var _ fmt.Formatter = Key{}

// Format keeps the secret out of logs, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "key "+strconv.Quote(k.ID))
}

// namedKey is a key, ready to use.
type namedKey struct {
	id string
	*xaes
}

// keyring holds the primary first. It is searched in sequence: two or three keys
// are what a rotation has.
type keyring []namedKey

func newKeyring(keys []Key) (keyring, error) {
	var ring keyring
	for _, k := range keys {
		switch {
		case len(k.ID) < 1 || len(k.ID) > maxKeyID:
			return nil, fmt.Errorf("entcache: envelope: a key's ID of %d bytes; give it 1 to %d", len(k.ID), maxKeyID)
		case len(k.Secret) != KeySize:
			return nil, fmt.Errorf("entcache: envelope: %v has a secret of %d bytes; give it %d random ones", k, len(k.Secret), KeySize)
		case bytes.Equal(k.Secret, make([]byte, KeySize)):
			return nil, fmt.Errorf("entcache: envelope: %v has a secret of zeros; fill it with crypto/rand", k)
		case ring.find([]byte(k.ID)) != nil:
			return nil, fmt.Errorf("entcache: envelope: %v was given twice; give each secret an ID of its own", k)
		}
		x, err := newXAES(k.Secret)
		if err != nil {
			return nil, fmt.Errorf("entcache: envelope: %v: %w", k, err)
		}
		ring = append(ring, namedKey{k.ID, x})
	}
	return ring, nil
}

func (r keyring) find(id []byte) *namedKey {
	for i := range r {
		if r[i].id == string(id) {
			return &r[i]
		}
	}
	return nil
}
