package envelope

import (
	"bytes"
	"testing"
)

const fuzzMax = 1 << 16

// FuzzOpen changes a sealed frame or its additional data: what opens is the
// payload, and nothing was changed then.
func FuzzOpen(f *testing.F) {
	f.Add(uint8(0), []byte("payload"), []byte("key"), uint8(0), uint32(12), []byte{1})
	f.Add(uint8(1), rows(200), aad, uint8(1), uint32(5), []byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, k uint8, payload, aad []byte, how uint8, at uint32, edit []byte) {
		if len(payload) > fuzzMax {
			return
		}
		kind := kinds[int(k)%len(kinds)]
		e := newTest(t, append(kind.opts, MaxSize(fuzzMax))...)
		sealed, err := e.Seal(nil, payload, aad)
		if err != nil {
			t.Fatal(err)
		}
		frame, place := bytes.Clone(sealed), bytes.Clone(aad)
		switch i := int(at % uint32(len(frame)+1)); how % 6 {
		case 0: // flip
			for j := range edit {
				if i+j < len(frame) {
					frame[i+j] ^= edit[j]
				}
			}
		case 1: // overwrite
			copy(frame[i:], edit)
		case 2: // insert
			frame = append(append(frame[:i:i], edit...), frame[i:]...)
		case 3: // cut out
			frame = append(frame[:i], frame[min(i+len(edit), len(frame)):]...)
		case 4: // cut off
			frame = frame[:i]
		case 5:
			place = edit
		}
		got, err := e.Open(nil, frame, place)
		switch same := bytes.Equal(frame, sealed) && bytes.Equal(place, aad); {
		case same && err != nil:
			t.Fatalf("unchanged: %v", err)
		case same && !bytes.Equal(got, payload):
			t.Fatalf("sealed\n%x\nopened\n%x", payload, got)
		case !same && err == nil:
			t.Fatalf("opened\n%x\nmade from\n%x", frame, sealed)
		case !same && got != nil:
			t.Fatalf("a payload beside the error %v", err)
		}
	})
}

// FuzzMadeUp opens any bytes, and any body within a frame that is right but for
// it: what opens is in bounds, and its payload can be sealed and opened.
func FuzzMadeUp(f *testing.F) {
	for i := range kinds {
		f.Add(uint8(i), uint8(3), rows(20), aad)
		f.Add(uint8(i), uint8(0), []byte("ecs\x01\x00\x00"), aad)
	}
	f.Add(uint8(1), uint8(1), []byte("\x80\x08\x00a\x05\x01\xfe\x01"), aad)
	f.Fuzz(func(t *testing.T, k, flags uint8, b, aad []byte) {
		kind := kinds[int(k)%len(kinds)]
		e := newTest(t, append(kind.opts, MaxSize(fuzzMax))...)
		if flags != 0 {
			b = framed(t, e, flags&flagCompressed|kind.flags&flagEncrypted, b, aad)
		}
		payload, err := e.Open(nil, b, aad)
		if err != nil {
			if payload != nil {
				t.Fatalf("a payload beside the error %v", err)
			}
			return
		}
		if len(payload) > fuzzMax {
			t.Fatalf("%d bytes", len(payload))
		}
		sealed, err := e.Seal(nil, payload, aad)
		if err != nil {
			t.Fatal(err)
		}
		again, err := e.Open(nil, sealed, aad)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(payload, again) {
			t.Fatalf("opened\n%x\nsealed and opened again\n%x", payload, again)
		}
	})
}
