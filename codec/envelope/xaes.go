package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
)

// xaes is XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM under a key derived
// from the secret and half of a nonce of 24 bytes.
//
// AES-256-GCM alone has a nonce of 12 bytes, random because processes share
// nothing to count with, and its key must be replaced before 2^32 messages: five
// days at 10,000 fills a second. Past that a repeated nonce can't be ruled out,
// and one gives away the key that authenticates. XAES allows 2^80 messages at
// the same risk. XChaCha20-Poly1305 does too but isn't in the standard library.
type xaes struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // the subkey of CMAC for whole blocks
}

const (
	// saltSize is the part of the nonce that derives the key. GCM draws the rest
	// itself and writes it before the ciphertext, as XAES has it.
	saltSize     = 12
	xaesOverhead = saltSize + 12 + 16
)

func newXAES(secret []byte) (*xaes, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	x := &xaes{block: block}
	block.Encrypt(x.k1[:], x.k1[:])
	// Doubling in GF(2^128).
	var carry byte
	for i := len(x.k1) - 1; i >= 0; i-- {
		carry, x.k1[i] = x.k1[i]>>7, x.k1[i]<<1|carry
	}
	x.k1[len(x.k1)-1] ^= carry * 0b10000111
	return x, nil
}

// derive is the counter mode of NIST SP 800-108 with CMAC, two blocks of it.
func (x *xaes) derive(salt []byte) (cipher.AEAD, error) {
	var key [2 * aes.BlockSize]byte
	for i := range 2 {
		b := key[i*aes.BlockSize:][:aes.BlockSize]
		copy(b, []byte{0, byte(i + 1), 'X', 0})
		copy(b[4:], salt)
		subtle.XORBytes(b, b, x.k1[:])
		x.block.Encrypt(b, b)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal appends salt, nonce, ciphertext and tag. The plaintext may be where the
// nonce will be: saltSize after the end of dst.
func (x *xaes) seal(dst, plaintext, aad []byte) ([]byte, error) {
	dst = append(dst, make([]byte, saltSize)...)
	salt := dst[len(dst)-saltSize:]
	_, _ = rand.Read(salt) // never an error; it ends the program instead
	aead, err := x.derive(salt)
	if err != nil {
		return nil, err
	}
	return aead.Seal(dst, nil, plaintext, aad), nil
}

// open appends the plaintext of what seal wrote.
func (x *xaes) open(dst, sealed, aad []byte) ([]byte, error) {
	aead, err := x.derive(sealed[:saltSize])
	if err != nil {
		return nil, err
	}
	return aead.Open(dst, nil, sealed[saltSize:], aad)
}
