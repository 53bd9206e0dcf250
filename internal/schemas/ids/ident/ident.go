// Package ident holds id types of the kinds Ent schemas use.
package ident

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"strings"
)

// Doc is a string in Go and without its prefix in the database.
type Doc string

const docPrefix = "doc_"

// NewDoc returns a random id.
func NewDoc() Doc { return Doc(docPrefix + strings.ToLower(rand.Text())) }

// Value implements driver.Valuer.
func (d Doc) Value() (driver.Value, error) {
	s, ok := strings.CutPrefix(string(d), docPrefix)
	if !ok {
		return nil, fmt.Errorf("ident: %q has no prefix %q", string(d), docPrefix)
	}
	return s, nil
}

// Scan implements sql.Scanner.
func (d *Doc) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*d = ""
	case string:
		*d = Doc(docPrefix + src)
	case []byte:
		*d = Doc(docPrefix + string(src))
	default:
		return fmt.Errorf("ident: a Doc can't be scanned from %T", src)
	}
	return nil
}

// Token is 16 bytes in Go and in the database.
type Token [16]byte

// NewToken returns a random id.
func NewToken() (t Token) {
	_, _ = rand.Read(t[:])
	return t
}

// String returns the token in hexadecimal.
func (t Token) String() string { return hex.EncodeToString(t[:]) }

// Value implements driver.Valuer.
func (t Token) Value() (driver.Value, error) { return t[:], nil }

// Scan implements sql.Scanner.
func (t *Token) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*t = Token{}
	case []byte:
		if len(src) != len(t) {
			return fmt.Errorf("ident: a Token can't be scanned from %d bytes", len(src))
		}
		copy(t[:], src)
	default:
		return fmt.Errorf("ident: a Token can't be scanned from %T", src)
	}
	return nil
}

// Number is a named integer.
type Number int64
