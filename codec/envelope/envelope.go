// Package envelope wraps encoded results for the remote level: it compresses
// and encrypts what leaves the process, and refuses what comes back altered.
//
// It promises:
//
//  1. Open returns the payload that Seal was given together with the same
//     additional data, or an error that wraps ErrEnvelope. With keys this holds
//     against whoever can write to the remote level but has no key; without
//     keys it holds against accidents only, because anyone can compute a
//     checksum.
//  2. With keys, nobody without one of them learns more of a payload than its
//     length, compressed if it was, and which key sealed it.
//  3. Open neither panics nor allocates more than a small multiple of MaxSize,
//     whatever it is given.
//
// Less formally: an entry that was damaged, cut, moved to another key of the
// cache or made up is a miss.
//
// It doesn't promise that an entry is the newest one: bytes that were sealed
// for the same additional data open again when someone puts them back. That an
// entry is valid is for the remote level to say.
package envelope

import "fmt"

// What New starts from.
const (
	// DefaultMinBytes is the length from which payloads are compressed.
	DefaultMinBytes = 1 << 10
	// DefaultMaxSize is the longest payload.
	DefaultMaxSize = 16 << 20
)

// sizeLimit is what MaxSize can be at most: the longest string of Redis.
const sizeLimit = 512 << 20

// Envelope seals payloads and opens them again. It is made by New, never
// changes, and is safe for concurrent use.
//
// Design choices, with what was refused:
//
//   - The additional data of the caller are authenticated and not stored. A copy
//     inside the frame would have to be compared by each caller.
//   - A process that has keys refuses frames that aren't encrypted. To take them
//     would let anyone forge an entry by leaving the encryption out.
//   - The checksum covers the bytes as stored and not the payload, so what
//     reaches the decompressor is what a compressor made.
type Envelope struct {
	config
	keys keyring
}

type config struct {
	minBytes int // 0 compresses nothing
	maxSize  int
	keys     []Key // the primary first
}

// Option configures an Envelope. A nil Option is skipped.
type Option func(*config) error

// Compress compresses payloads of at least minBytes bytes with S2, an extension
// of Snappy. The result is kept if it saves a tenth or more. The default is
// DefaultMinBytes; 1 tries every payload, and less is an error: Uncompressed is
// what turns it off.
//
// What was compressed opens everywhere, so processes may differ in this.
//
// Compression makes the length of an encrypted entry depend on its content: who
// can have a text of his own cached together with a secret, and sees the lengths
// of entries, finds out the secret by trying (CRIME, BREACH). Uncompressed is
// for those who encrypt against that reader.
func Compress(minBytes int) Option {
	return func(c *config) error {
		if minBytes < 1 {
			return fmt.Errorf("entcache: envelope.Compress(%d): give it 1 or more, or use envelope.Uncompressed", minBytes)
		}
		c.minBytes = minBytes
		return nil
	}
}

// Uncompressed seals payloads as they are. What other processes compressed is
// opened nevertheless.
func Uncompressed() Option {
	return func(c *config) error {
		c.minBytes = 0
		return nil
	}
}

// MaxSize is the length of the longest payload that is sealed or opened, at
// most 512 MiB; the default is DefaultMaxSize. Open checks it before it
// allocates.
func MaxSize(n int) Option {
	return func(c *config) error {
		if n < 1 || n > sizeLimit {
			return fmt.Errorf("entcache: envelope.MaxSize(%d): give it 1 to %d bytes", n, sizeLimit)
		}
		c.maxSize = n
		return nil
	}
}

// Keys encrypts: the primary key seals, and all of them open. Without it,
// entries are readable by whoever reads the remote level, and have a checksum.
//
// To replace a key without losing entries, give the new one to every process
// among the others, then make it the primary everywhere, then drop the old one
// when the last entry it sealed has expired. Entries of an unknown key, and
// those that aren't encrypted, are refused and thus read from the database
// again: a process that is a step behind is slow and never wrong.
//
// The length of an entry isn't hidden; see Compress.
func Keys(primary Key, others ...Key) Option {
	return func(c *config) error {
		c.keys = append([]Key{primary}, others...)
		return nil
	}
}

// New returns an envelope that compresses and doesn't encrypt unless the
// options say otherwise. Of two options about the same the later counts. The
// error names the option that is wrong.
func New(opts ...Option) (*Envelope, error) {
	e := &Envelope{config: config{minBytes: DefaultMinBytes, maxSize: DefaultMaxSize}}
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(&e.config); err != nil {
			return nil, err
		}
	}
	var err error
	if e.keys, err = newKeyring(e.config.keys); err != nil {
		return nil, err
	}
	// The secrets are expanded now, and the caller may wipe them.
	e.config.keys = nil
	return e, nil
}

// Encrypted reports whether Keys was given, so that what was sealed can't be
// read without one of them.
func (e *Envelope) Encrypted() bool { return len(e.keys) > 0 }
