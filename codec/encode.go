package codec

import (
	"fmt"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// The msgpack extensions of a body, for values whose kind msgpack would lose.
const (
	extUint64 = 1 // 8 bytes
	extNoByte = 2 // no bytes: a []byte that is nil
	extTime   = 3 // see time.go
)

// Known reports whether v is of a kind that a frame can hold.
func Known(v any) bool {
	switch v.(type) {
	case nil, int64, uint64, float64, float32, bool, []byte, string, time.Time:
		return true
	default:
		return false
	}
}

// encoder appends a body to b; it is the writer of its own msgpack encoder.
type encoder struct {
	b     []byte
	enc   *msgpack.Encoder
	zones zoneMemo
}

func (w *encoder) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func (w *encoder) WriteByte(c byte) error {
	w.b = append(w.b, c)
	return nil
}

func (w *encoder) rows(r *Rows) error {
	if err := w.enc.EncodeUint(uint64(r.N)); err != nil {
		return err
	}
	if uint64(len(r.Columns)) > math.MaxUint32 {
		return fmt.Errorf("%w: %d columns", ErrValue, len(r.Columns))
	}
	if err := w.enc.EncodeArrayLen(len(r.Columns)); err != nil {
		return err
	}
	for _, c := range r.Columns {
		if err := w.string(c); err != nil {
			return err
		}
	}
	for i, v := range r.Values {
		if err := w.value(v); err != nil {
			return fmt.Errorf("column %q: %w", r.Columns[i%len(r.Columns)], err)
		}
	}
	return nil
}

func (w *encoder) value(v any) error {
	switch v := v.(type) {
	case nil:
		return w.enc.EncodeNil()
	case int64:
		return w.enc.EncodeInt(v)
	case string:
		return w.string(v)
	case []byte:
		if v == nil {
			return w.enc.EncodeExtHeader(extNoByte, 0)
		}
		if uint64(len(v)) > math.MaxUint32 {
			return fmt.Errorf("%w: %d bytes", ErrValue, len(v))
		}
		return w.enc.EncodeBytes(v)
	case float64:
		return w.enc.EncodeFloat64(v)
	case bool:
		return w.enc.EncodeBool(v)
	case time.Time:
		return w.time(v)
	case uint64:
		if err := w.enc.EncodeExtHeader(extUint64, 8); err != nil {
			return err
		}
		w.uint64(v)
		return nil
	case float32:
		return w.enc.EncodeFloat32(v)
	default:
		return fmt.Errorf("%w: %T", ErrValue, v)
	}
}

// string refuses what msgpack would cut off silently.
func (w *encoder) string(s string) error {
	if uint64(len(s)) > math.MaxUint32 {
		return fmt.Errorf("%w: a string of %d bytes", ErrValue, len(s))
	}
	return w.enc.EncodeString(s)
}
