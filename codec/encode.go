package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

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
		if err := w.text(c); err != nil {
			return err
		}
	}
	for i := range r.kinds {
		if err := w.value(r, i); err != nil {
			return fmt.Errorf("column %q: %w", r.Columns[i%len(r.Columns)], err)
		}
	}
	return nil
}

func (w *encoder) value(r *Rows, i int) error {
	switch r.kinds[i] {
	case Null:
		return w.enc.EncodeNil()
	case Int:
		return w.enc.EncodeInt(r.Int(i))
	case Text:
		return w.text(r.Text(i))
	case Bytes:
		return w.bytes(r.Text(i))
	case NilBytes:
		return w.enc.EncodeExtHeader(extNoBytes, 0)
	case Float:
		return w.enc.EncodeFloat64(math.Float64frombits(r.words[i]))
	case Bool:
		return w.enc.EncodeBool(r.words[i] != 0)
	case Uint:
		if err := w.enc.EncodeExtHeader(extUint64, 8); err != nil {
			return err
		}
		w.uint64(r.words[i])
		return nil
	case Float32:
		return w.enc.EncodeFloat32(math.Float32frombits(uint32(r.words[i])))
	case Other:
		return w.other(r.more.others[r.words[i]])
	default:
		return w.time(r.Time(i))
	}
}

// other appends a value that has no word, but may have a form in a frame.
func (w *encoder) other(v any) error {
	switch v := v.(type) {
	case time.Time:
		return w.time(v)
	case string:
		return w.text(v)
	case []byte:
		return w.bytes(string(v))
	default:
		return fmt.Errorf("%w: %T", ErrValue, v)
	}
}

func (w *encoder) uint64(n uint64) { w.b = binary.BigEndian.AppendUint64(w.b, n) }

func (w *encoder) uint32(n uint32) { w.b = binary.BigEndian.AppendUint32(w.b, n) }

// text refuses what msgpack would cut off silently.
func (w *encoder) text(s string) error {
	if uint64(len(s)) > maxText {
		return fmt.Errorf("%w: a text of %d bytes", ErrValue, len(s))
	}
	return w.enc.EncodeString(s)
}

func (w *encoder) bytes(s string) error {
	if uint64(len(s)) > maxText {
		return fmt.Errorf("%w: %d bytes", ErrValue, len(s))
	}
	if err := w.enc.EncodeBytesLen(len(s)); err != nil {
		return err
	}
	w.b = append(w.b, s...)
	return nil
}
