package codec

import "math"

// The first bytes of msgpack's forms, for decoding; the library has them as
// variables. Where there are several lengths of a form, they follow each other.
const (
	codeFixArray = 0x90 // to 0x9f
	codeFixText  = 0xa0 // to 0xbf
	codeNil      = 0xc0
	codeFalse    = 0xc2
	codeTrue     = 0xc3
	codeBytes    = 0xc4 // length in 1, 2, 4 bytes
	codeExt      = 0xc7 // length in 1, 2, 4 bytes
	codeFloat32  = 0xca
	codeFloat    = 0xcb
	codeUint     = 0xcc // 1, 2, 4, 8 bytes
	codeInt      = 0xd0 // 1, 2, 4, 8 bytes
	codeFixExt   = 0xd4 // of 1, 2, 4, 8, 16 bytes
	codeText     = 0xd9 // length in 1, 2, 4 bytes
	codeArray    = 0xdc // length in 2, 4 bytes
)

// The extensions of a body, for values whose kind msgpack would lose.
const (
	extUint64  = 1 // 8 bytes
	extNoBytes = 2 // no bytes: a []byte that is nil
	extTime    = 3 // see time.go
)

func isInt(c byte) bool { return c <= math.MaxInt8 || c >= 0xe0 || c >= codeUint && c < codeFixExt }

func isText(c byte) bool { return c&0xe0 == codeFixText || c >= codeText && c < codeArray }

// The functions below return the first byte of the one form in which a frame
// holds a number or a length.

func intCode(n int64) byte {
	switch {
	case n >= 0 && n <= math.MaxInt8, n < 0 && n >= -32:
		return byte(n)
	case n < math.MinInt32:
		return codeInt + 3
	case n < math.MinInt16:
		return codeInt + 2
	case n < math.MinInt8:
		return codeInt + 1
	case n < 0:
		return codeInt
	case n <= math.MaxUint8:
		return codeUint
	case n <= math.MaxUint16:
		return codeUint + 1
	case n <= math.MaxUint32:
		return codeUint + 2
	default:
		return codeUint + 3
	}
}

func textCode(n int) byte {
	if n < 32 {
		return codeFixText | byte(n)
	}
	return codeText + lengthCode(n)
}

func arrayCode(n int) byte {
	switch {
	case n < 16:
		return codeFixArray | byte(n)
	case n <= math.MaxUint16:
		return codeArray
	default:
		return codeArray + 1
	}
}

func extCode(n int) byte {
	switch n {
	case 1:
		return codeFixExt
	case 2:
		return codeFixExt + 1
	case 4:
		return codeFixExt + 2
	case 8:
		return codeFixExt + 3
	case 16:
		return codeFixExt + 4
	}
	return codeExt + lengthCode(n)
}

// lengthCode counts from the form whose length is one byte.
func lengthCode(n int) byte {
	switch {
	case n <= math.MaxUint8:
		return 0
	case n <= math.MaxUint16:
		return 1
	default:
		return 2
	}
}
