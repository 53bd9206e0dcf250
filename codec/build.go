package codec

import (
	"math"
	"time"
)

// Builder makes Rows of a driver's values. Reset begins with it, whatever was
// before. It serves one goroutine.
type Builder struct {
	columns []string
	n       int
	words   []uint64
	kinds   []Kind
	texts   texts
	more    more
	size    int // of all but values and texts
	unknown bool
}

// NewRows returns rows of the values, one row after the other. It panics if the
// last row isn't whole.
func NewRows(columns []string, values ...any) *Rows {
	var b Builder
	b.Reset(columns)
	for i, v := range values {
		if i%len(columns) == 0 {
			b.Add()
		}
		b.Set(i%len(columns), v)
	}
	if len(b.kinds) != len(values) {
		panic("entcache: the last row isn't whole; give a value for each column")
	}
	return b.Rows()
}

// maxRoom is how many values a Builder that is used again has room for.
const maxRoom = 1 << 14

// Reset begins a result. Of the last one no value is kept alive.
func (b *Builder) Reset(columns []string) {
	*b = Builder{
		columns: columns,
		words:   short(b.words)[:0],
		kinds:   short(b.kinds)[:0],
		texts:   texts{chunks: emptied(b.texts.chunks), buf: b.texts.buf[:0], number: -1},
		more:    more{zones: emptied(b.more.zones), others: emptied(b.more.others)},
		size:    rowsSize + columnsSize(columns),
	}
}

// short returns s, or nil if it is too long to be used again: then it may be the
// result's.
func short[T any](s []T) []T {
	if cap(s) > maxRoom {
		return nil
	}
	return s
}

func emptied[T any](s []T) []T {
	s = short(s)
	clear(s)
	return s[:0]
}

// Add begins the next row, of NULLs.
func (b *Builder) Add() {
	b.n++
	n := len(b.kinds) + len(b.columns)
	if n > cap(b.kinds) {
		b.room(max(64, 2*n))
	}
	b.extend(n)
}

// room makes room for so many values.
func (b *Builder) room(n int) {
	if n > cap(b.kinds) {
		b.words = append(make([]uint64, 0, n), b.words...)
		b.kinds = append(make([]Kind, 0, n), b.kinds...)
	}
}

// extend makes so many values of them; what is new is NULL.
func (b *Builder) extend(n int) {
	at := len(b.kinds)
	b.words, b.kinds = b.words[:n], b.kinds[:n]
	clear(b.words[at:])
	clear(b.kinds[at:])
}

// Drop takes the last row away.
func (b *Builder) Drop() {
	b.n--
	n := len(b.kinds) - len(b.columns)
	b.words, b.kinds = b.words[:n], b.kinds[:n]
}

// Set puts a value into a column of the last row. Bytes are copied.
func (b *Builder) Set(column int, v any) {
	i := len(b.kinds) - len(b.columns) + column
	switch v := v.(type) {
	case nil:
		b.kinds[i] = Null
	case int64:
		b.cell(i, Int, uint64(v))
	case string:
		setText(b, i, Text, v)
	case []byte:
		if v == nil {
			b.kinds[i] = NilBytes
		} else {
			setText(b, i, Bytes, v)
		}
	case float64:
		b.cell(i, Float, math.Float64bits(v))
	case bool:
		b.bool(i, v)
	case time.Time:
		b.time(i, v)
	case uint64:
		b.cell(i, Uint, v)
	case float32:
		b.cell(i, Float32, uint64(math.Float32bits(v)))
	default:
		b.unknown = true
		b.other(i, v)
	}
}

// Unknown reports whether a value was of a kind that a frame can't hold.
func (b *Builder) Unknown() bool { return b.unknown }

// Len returns the number of rows.
func (b *Builder) Len() int { return b.n }

// Size returns what Size of the rows will.
func (b *Builder) Size() int { return b.size + len(b.kinds)*valueSize + b.texts.size }

// Rows ends the result and returns it. The Builder is to be Reset then.
func (b *Builder) Rows() *Rows {
	b.texts.end()
	r := &Rows{Columns: b.columns, N: b.n, words: cut(b.words), kinds: cut(b.kinds), chunks: cut(b.texts.chunks)}
	if b.more.any() {
		r.more = &more{zones: cut(b.more.zones), others: cut(b.more.others)}
	}
	return r
}

// cut returns a slice of its length: a copy, or s itself if it is full and too
// long to be used again.
func cut[T any](s []T) []T {
	switch {
	case len(s) == 0:
		return nil
	case len(s) == cap(s) && len(s) > maxRoom:
		return s
	}
	c := make([]T, len(s))
	copy(c, s)
	return c
}

func (b *Builder) cell(i int, k Kind, word uint64) { b.kinds[i], b.words[i] = k, word }

func (b *Builder) bool(i int, v bool) {
	b.cell(i, Bool, 0)
	if v {
		b.words[i] = 1
	}
}

func setText[T string | []byte](b *Builder, i int, k Kind, s T) {
	word, ok := put(&b.texts, s)
	switch {
	case ok:
		b.cell(i, k, word)
	case k == Bytes:
		b.other(i, []byte(string(s)))
	default:
		b.other(i, string(s))
	}
}

func (b *Builder) other(i int, v any) {
	b.addMore(otherSize + behind(v))
	b.cell(i, Other, uint64(len(b.more.others)))
	b.more.others = append(b.more.others, v)
}

// time keeps a time in a word if that gives back the very same, and else as it
// is: one before 1697, say, or with a reading of the monotonic clock.
func (b *Builder) time(i int, t time.Time) {
	word, loc := uint64(t.Unix())<<nanoBits|uint64(t.Nanosecond()), t.Location()
	if loc == time.UTC {
		if instant(word).UTC() == t { //nolint:staticcheck // all of it
			b.cell(i, Time, word)
			return
		}
	} else if z := b.zone(loc); z < maxZones && instant(word).In(loc) == t { //nolint:staticcheck
		b.cell(i, Time+1+Kind(z), word)
		return
	}
	b.other(i, t)
}

// zone returns the number of a zone. Most results have one.
func (b *Builder) zone(loc *time.Location) int {
	for z, known := range b.more.zones {
		if known == loc {
			return z
		}
	}
	if n := len(b.more.zones); n == maxZones {
		return n
	}
	b.addMore(zoneSize)
	b.more.zones = append(b.more.zones, loc)
	return len(b.more.zones) - 1
}

func (b *Builder) addMore(size int) {
	if !b.more.any() {
		size += moreSize
	}
	b.size += size
}

func (m *more) any() bool { return len(m.zones)+len(m.others) > 0 }
