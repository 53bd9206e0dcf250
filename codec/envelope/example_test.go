package envelope_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/entcache/ent-cache/codec/envelope"
)

// A key is replaced while two processes share entries: both know both keys, and
// one is already told to seal with the new one.
func ExampleKeys() {
	// For the example; real secrets come from crypto/rand and a secret store.
	october := envelope.Key{ID: "2026-10", Secret: bytes.Repeat([]byte{10}, envelope.KeySize)}
	november := envelope.Key{ID: "2026-11", Secret: bytes.Repeat([]byte{11}, envelope.KeySize)}

	ahead, err := envelope.New(envelope.Keys(november, october))
	if err != nil {
		panic(err)
	}
	behind, err := envelope.New(envelope.Keys(october, november))
	if err != nil {
		panic(err)
	}

	sealed, err := ahead.Seal(nil, []byte("rows"), []byte("users:42"))
	if err != nil {
		panic(err)
	}
	rows, err := behind.Open(nil, sealed, []byte("users:42"))
	fmt.Println(string(rows), err)

	// The bytes of one entry, put where another is expected.
	_, err = behind.Open(nil, sealed, []byte("users:43"))
	fmt.Println(errors.Is(err, envelope.ErrEnvelope))
	// Output:
	// rows <nil>
	// true
}
