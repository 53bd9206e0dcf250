package codec

import (
	"fmt"
	"testing"
	"time"
)

func users(n int) *Rows {
	var values []any
	for i := range n {
		values = append(values, int64(i*1000), fmt.Sprintf("name %d", i), fmt.Sprintf("user%d@example.com", i), i%2 == 0, time.Unix(int64(i), 0).UTC())
	}
	return NewRows([]string{"id", "name", "email", "active", "created_at"}, values...)
}

func BenchmarkEncode(b *testing.B) {
	rows := users(100)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = Encode(dst[:0], rows, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 20, 100} {
		b.Run(fmt.Sprintf("%drows", n), func(b *testing.B) {
			frame, err := Encode(nil, users(n), 1)
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
		})
	}
}
