package codec

import (
	"encoding/binary"
	"sync"
	"time"
)

// decoder reads the body b. It reads msgpack by itself: going through the library's
// decoder, byte by byte and with each value in an interface, took three times as
// long, which is most of what a hit at the remote level costs. A length is compared
// with what is there before anything is allocated. A test holds that what the
// library decodes is the same.
type decoder struct {
	b     []byte
	at    int
	build Builder
	zones decodedZones
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// free gives the decoder back; it keeps nothing alive but two zones.
func (d *decoder) free() {
	d.b, d.at = nil, 0
	d.build.Reset(nil)
	decoders.Put(d)
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

// code returns the next byte, which isn't taken.
func (d *decoder) code() (byte, error) {
	if d.at == len(d.b) {
		return 0, corrupt("a value is missing")
	}
	return d.b[d.at], nil
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
	d.build.Reset(columns)
	d.build.n = n
	left := len(d.b) - d.at
	if c := len(columns); c > 0 && n > 0 {
		// Each value takes a byte at least.
		if n > left/c {
			return nil, corrupt("%d rows of %d columns in %d bytes", n, c, left)
		}
		d.build.room(n * c)
		d.build.extend(n * c)
		for i := range n * c {
			if err := d.value(i); err != nil {
				return nil, err
			}
		}
	}
	if d.at != len(d.b) {
		return nil, corrupt("%d bytes left over", len(d.b)-d.at)
	}
	return d.build.Rows(), nil
}

func (d *decoder) rowCount() (int, error) {
	c, err := d.code()
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

// columns returns the names, which share one allocation.
func (d *decoder) columns() ([]string, error) {
	c, err := d.code()
	if err != nil {
		return nil, corrupt("no columns")
	}
	d.at++
	n := 0
	switch {
	case c&0xf0 == codeFixArray:
		n = int(c & 0x0f)
	case c == codeArray || c == codeArray+1:
		if n, err = d.length(2 << (c - codeArray)); err != nil {
			return nil, err
		}
	default:
		return nil, corrupt("no columns")
	}
	if n > len(d.b)-d.at || arrayCode(n) != c {
		return nil, corrupt("%d columns in %d bytes", n, len(d.b)-d.at)
	}
	from := d.at
	for i := range n {
		if c, err = d.code(); err != nil || !isText(c) {
			return nil, corrupt("no name of column %d", i)
		}
		if _, err = d.text(c); err != nil {
			return nil, err
		}
	}
	all := string(d.b[from:d.at])
	columns := make([]string, n)
	d.at = from
	for i := range columns {
		name, err := d.text(d.b[d.at])
		if err != nil {
			return nil, err
		}
		columns[i] = all[d.at-from-len(name) : d.at-from]
	}
	return columns, nil
}

// value reads value i.
func (d *decoder) value(i int) error {
	c, err := d.code()
	if err != nil {
		return err
	}
	switch {
	case isInt(c):
		n, err := d.int(c)
		if err != nil {
			return err
		}
		d.build.cell(i, Int, uint64(n))
	case isText(c):
		s, err := d.text(c)
		if err != nil {
			return err
		}
		setText(&d.build, i, Text, s)
	case c == codeNil:
		d.at++
	case c == codeFloat:
		d.at++
		b, err := d.take(8)
		if err != nil {
			return err
		}
		d.build.cell(i, Float, binary.BigEndian.Uint64(b))
	case c == codeFalse || c == codeTrue:
		d.at++
		d.build.bool(i, c == codeTrue)
	case c >= codeBytes && c < codeExt:
		s, err := d.bytes(c)
		if err != nil {
			return err
		}
		setText(&d.build, i, Bytes, s)
	case c >= codeExt && c < codeFloat32 || c >= codeFixExt && c < codeText:
		return d.ext(i, c)
	case c == codeFloat32:
		d.at++
		b, err := d.take(4)
		if err != nil {
			return err
		}
		d.build.cell(i, Float32, uint64(binary.BigEndian.Uint32(b)))
	default:
		return corrupt("a value of code %#x", c)
	}
	return nil
}

func (d *decoder) int(c byte) (int64, error) {
	d.at++
	if c < codeUint || c >= codeFixExt {
		return int64(int8(c)), nil
	}
	size := 1 << ((c - codeUint) % 4)
	u, err := d.number(size)
	if err != nil {
		return 0, err
	}
	n := int64(u)
	if c >= codeInt {
		shift := 64 - 8*size
		n = n << shift >> shift
	}
	if intCode(n) != c {
		return 0, corrupt("the number %d in code %#x", n, c)
	}
	return n, nil
}

// number reads a number of 1, 2, 4 or 8 bytes.
func (d *decoder) number(bytes int) (uint64, error) {
	b, err := d.take(bytes)
	if err != nil {
		return 0, err
	}
	switch bytes {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), nil
	default:
		return binary.BigEndian.Uint64(b), nil
	}
}

// length reads a length of so many bytes.
func (d *decoder) length(bytes int) (int, error) {
	n, err := d.number(bytes)
	if err == nil && n > uint64(len(d.b)) {
		return 0, corrupt("a length of %d in %d bytes", n, len(d.b))
	}
	return int(n), err
}

// text returns the next text, in the body itself.
func (d *decoder) text(c byte) ([]byte, error) {
	d.at++
	n := int(c & 0x1f)
	if c >= codeText {
		var err error
		if n, err = d.length(1 << (c - codeText)); err != nil {
			return nil, err
		}
		if textCode(n) != c {
			return nil, corrupt("a text of %d bytes in code %#x", n, c)
		}
	}
	return d.take(n)
}

func (d *decoder) bytes(c byte) ([]byte, error) {
	d.at++
	n, err := d.length(1 << (c - codeBytes))
	if err != nil {
		return nil, err
	}
	if codeBytes+lengthCode(n) != c {
		return nil, corrupt("%d bytes in code %#x", n, c)
	}
	return d.take(n)
}

func (d *decoder) ext(i int, c byte) error {
	d.at++
	n := 0
	if c >= codeFixExt {
		n = 1 << (c - codeFixExt)
	} else {
		var err error
		if n, err = d.length(1 << (c - codeExt)); err != nil {
			return err
		}
	}
	if extCode(n) != c {
		return corrupt("an extension of %d bytes in code %#x", n, c)
	}
	b, err := d.take(1 + n)
	if err != nil {
		return err
	}
	id, b := b[0], b[1:]
	switch {
	case id == extTime:
		var t time.Time
		if t, err = d.time(b); err != nil {
			return err
		}
		d.build.time(i, t)
	case id == extUint64 && n == 8:
		d.build.cell(i, Uint, binary.BigEndian.Uint64(b))
	case id == extNoBytes && n == 0:
		d.build.kinds[i] = NilBytes
	default:
		return corrupt("extension %d of %d bytes", id, n)
	}
	return nil
}
