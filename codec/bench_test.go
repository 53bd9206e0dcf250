package codec

import (
	"fmt"
	"testing"
	"time"
)

func hundred() *Rows {
	r := &Rows{Columns: []string{"id", "name", "email", "active", "created_at"}, N: 100}
	for i := range r.N {
		r.Values = append(r.Values, int64(i*1000), fmt.Sprintf("name %d", i), fmt.Sprintf("user%d@example.com", i), i%2 == 0, time.Unix(int64(i), 0).UTC())
	}
	return r
}

func BenchmarkEncode(b *testing.B) {
	r := hundred()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = Encode(dst[:0], r, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkDecode(b *testing.B) {
	frame, err := Encode(nil, hundred(), 1)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := Decode(frame, 1); err != nil {
			b.Fatal(err)
		}
	}
}
