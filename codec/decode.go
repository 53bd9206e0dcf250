package codec

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// decoder reads the body b; it is the reader of its own msgpack decoder, which
// reads headers and numbers. Texts and bytes are taken from b directly, so that
// a length is compared with what is there before anything is allocated.
type decoder struct {
	b   []byte
	at  int
	dec *msgpack.Decoder

	fixed       *time.Location
	fixedName   string
	fixedOffset int
	named       *time.Location
	namedName   string
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.at == len(d.b) && len(p) > 0 {
		return 0, io.EOF
	}
	n := copy(p, d.b[d.at:])
	d.at += n
	return n, nil
}

func (d *decoder) ReadByte() (byte, error) {
	if d.at == len(d.b) {
		return 0, io.EOF
	}
	d.at++
	return d.b[d.at-1], nil
}

func (d *decoder) UnreadByte() error {
	if d.at > 0 {
		d.at--
	}
	return nil
}

// take returns the next n bytes of the body itself.
func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.b)-d.at {
		return nil, corrupt("%d bytes announced, %d left", n, len(d.b)-d.at)
	}
	b := d.b[d.at : d.at+n]
	d.at += n
	return b, nil
}

func (d *decoder) rows() (*Rows, error) {
	n, err := d.rowCount()
	if err != nil {
		return nil, err
	}
	columns, err := d.columns()
	if err != nil {
		return nil, err
	}
	r := &Rows{Columns: columns, N: n}
	left := len(d.b) - d.at
	if c := len(columns); c > 0 && n > 0 {
		// Each value takes a byte at least.
		if n > left/c {
			return nil, corrupt("%d rows of %d columns in %d bytes", n, c, left)
		}
		r.Values = make([]any, n*c)
		for i := range r.Values {
			if r.Values[i], err = d.value(); err != nil {
				return nil, err
			}
		}
	}
	if d.at != len(d.b) {
		return nil, corrupt("%d bytes left over", len(d.b)-d.at)
	}
	return r, nil
}

func (d *decoder) rowCount() (int, error) {
	c, err := d.dec.PeekCode()
	if err != nil || !isInt(c) {
		return 0, corrupt("no number of rows")
	}
	n, err := d.int(c)
	if err != nil {
		return 0, err
	}
	if n < 0 || n > maxRows {
		return 0, corrupt("%d rows", n)
	}
	return int(n), nil
}

func (d *decoder) columns() ([]string, error) {
	c, err := d.dec.PeekCode()
	if err != nil || c == msgpcode.Nil {
		return nil, corrupt("no columns")
	}
	n, err := d.dec.DecodeArrayLen()
	if err != nil {
		return nil, corrupt("%v", err)
	}
	if n > len(d.b)-d.at || arrayCode(n) != c {
		return nil, corrupt("%d columns in %d bytes", n, len(d.b)-d.at)
	}
	columns := make([]string, n)
	for i := range columns {
		if c, err = d.dec.PeekCode(); err != nil || !msgpcode.IsString(c) {
			return nil, corrupt("no name of column %d", i)
		}
		if columns[i], err = d.string(c); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

func (d *decoder) value() (any, error) {
	c, err := d.dec.PeekCode()
	if err != nil {
		return nil, corrupt("a value is missing")
	}
	switch {
	case isInt(c):
		return boxed(d.int(c))
	case msgpcode.IsString(c):
		return boxed(d.string(c))
	case c == msgpcode.Nil:
		return nil, d.dec.DecodeNil()
	case c == msgpcode.Double:
		return boxed(d.dec.DecodeFloat64())
	case c == msgpcode.False || c == msgpcode.True:
		return boxed(d.dec.DecodeBool())
	case msgpcode.IsBin(c):
		return boxed(d.bytes(c))
	case msgpcode.IsExt(c):
		return d.ext(c)
	case c == msgpcode.Float:
		return boxed(d.dec.DecodeFloat32())
	default:
		return nil, corrupt("a value of code %#x", c)
	}
}

// boxed turns errors of msgpack itself into ErrCorrupt: they all say that the
// body ended too early.
func boxed[T any](v T, err error) (any, error) {
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, ErrCorrupt):
		return nil, err
	default:
		return nil, corrupt("%v", err)
	}
}

func (d *decoder) int(c byte) (int64, error) {
	n, err := d.dec.DecodeInt64()
	if err != nil {
		return 0, corrupt("%v", err)
	}
	if intCode(n) != c {
		return 0, corrupt("the number %d in code %#x", n, c)
	}
	return n, nil
}

func (d *decoder) string(c byte) (string, error) {
	n, err := d.dec.DecodeBytesLen()
	if err != nil {
		return "", corrupt("%v", err)
	}
	if stringCode(n) != c {
		return "", corrupt("a text of %d bytes in code %#x", n, c)
	}
	b, err := d.take(n)
	return string(b), err
}

func (d *decoder) bytes(c byte) ([]byte, error) {
	n, err := d.dec.DecodeBytesLen()
	if err != nil {
		return nil, corrupt("%v", err)
	}
	if bytesCode(n) != c {
		return nil, corrupt("%d bytes in code %#x", n, c)
	}
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, n), b...), nil
}

func (d *decoder) ext(c byte) (any, error) {
	id, n, err := d.dec.DecodeExtHeader()
	if err != nil {
		return nil, corrupt("%v", err)
	}
	if extCode(n) != c {
		return nil, corrupt("an extension of %d bytes in code %#x", n, c)
	}
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	switch {
	case id == extTime:
		t, err := d.time(b)
		if err != nil {
			return nil, err
		}
		return t, nil
	case id == extUint64 && n == 8:
		return binary.BigEndian.Uint64(b), nil
	case id == extNoByte && n == 0:
		return []byte(nil), nil
	default:
		return nil, corrupt("extension %d of %d bytes", id, n)
	}
}

func isInt(c byte) bool {
	return msgpcode.IsFixedNum(c) || c >= msgpcode.Uint8 && c <= msgpcode.Int64
}

// The functions below return the first byte of the one form in which a frame
// holds a number or a length.

func intCode(n int64) byte {
	switch {
	case n >= 0 && n <= math.MaxInt8, n < 0 && n >= -32:
		return byte(n)
	case n < math.MinInt32:
		return msgpcode.Int64
	case n < math.MinInt16:
		return msgpcode.Int32
	case n < math.MinInt8:
		return msgpcode.Int16
	case n < 0:
		return msgpcode.Int8
	case n <= math.MaxUint8:
		return msgpcode.Uint8
	case n <= math.MaxUint16:
		return msgpcode.Uint16
	case n <= math.MaxUint32:
		return msgpcode.Uint32
	default:
		return msgpcode.Uint64
	}
}

func stringCode(n int) byte {
	if n < 32 {
		return msgpcode.FixedStrLow | byte(n)
	}
	return sized(n, msgpcode.Str8, msgpcode.Str16, msgpcode.Str32)
}

func bytesCode(n int) byte { return sized(n, msgpcode.Bin8, msgpcode.Bin16, msgpcode.Bin32) }

func arrayCode(n int) byte {
	if n < 16 {
		return msgpcode.FixedArrayLow | byte(n)
	}
	return sized(n, msgpcode.Array16, msgpcode.Array16, msgpcode.Array32)
}

func extCode(n int) byte {
	switch n {
	case 1:
		return msgpcode.FixExt1
	case 2:
		return msgpcode.FixExt2
	case 4:
		return msgpcode.FixExt4
	case 8:
		return msgpcode.FixExt8
	case 16:
		return msgpcode.FixExt16
	}
	return sized(n, msgpcode.Ext8, msgpcode.Ext16, msgpcode.Ext32)
}

func sized(n int, c8, c16, c32 byte) byte {
	switch {
	case n <= math.MaxUint8:
		return c8
	case n <= math.MaxUint16:
		return c16
	default:
		return c32
	}
}
