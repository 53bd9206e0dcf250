// Package codec holds a query's result, rows of database values, and turns it
// into bytes and back.
package codec

import (
	"math"
	"time"
)

// Rows is the result of one statement, as a Builder or Decode makes it. Its
// values are what a database/sql driver hands out: nil, int64, float64, bool,
// []byte, string and time.Time; some drivers add others (uint64). Rows are
// immutable and safe for concurrent use.
//
// Value i is in row i/len(Columns) and column i%len(Columns).
//
// A value takes nine bytes wherever that is possible, and no allocation of its
// own: a word and its kind, the texts being in chunks that many share. Columns
// of one type would save the kind. But databases mix kinds in a column (NULL,
// all of SQLite), most results are of one row, and slices for each column take
// more than the kinds do; with a kind to each value there is one case only.
type Rows struct {
	// Columns are the column names in the order of the projection.
	Columns []string
	// N is the number of rows; a result may have rows and no columns.
	N int

	words  []uint64 // one a value; what it means is its kind's
	kinds  []Kind
	chunks []string
	more   *more // nil if no value needs it
}

// Kind is the kind of a value, and says which method returns it.
type Kind uint8

// The kinds. Each above Time is a time too, in one of the result's zones.
const (
	Null     Kind = iota
	Int           // int64: Int
	Uint          // uint64: Value
	Float         // float64: Float
	Float32       // float32: Value
	Bool          // bool: Bool
	Text          // string: Text
	Bytes         // []byte: Text, as it must not be written
	NilBytes      // a []byte that is nil
	Other         // whatever has no other kind: Value
	Time          // time.Time: Time
)

// maxZones is how many zones the kinds above Time can name.
const maxZones = math.MaxUint8 - int(Time)

// more is what few results have.
type more struct {
	zones  []*time.Location
	others []any // times too far from now among them
}

// Kind returns the kind of value i.
func (r *Rows) Kind(i int) Kind { return r.kinds[i] }

// Int returns value i, an Int.
func (r *Rows) Int(i int) int64 { return int64(r.words[i]) }

// Float returns value i, a Float.
func (r *Rows) Float(i int) float64 { return math.Float64frombits(r.words[i]) }

// Bool returns value i, a Bool.
func (r *Rows) Bool(i int) bool { return r.words[i] != 0 }

// Text returns value i, a Text or Bytes. It keeps the chunk it is in alive, up
// to chunkSize bytes.
func (r *Rows) Text(i int) string { return r.TextOf(r.words[i]) }

// Cells returns the kinds and words of a row, not to be written, for those who
// read all of it: an Int is its word, a Bool is not zero, TextOf and TimeOf
// return the rest.
func (r *Rows) Cells(row int) ([]Kind, []uint64) {
	n := len(r.Columns)
	return r.kinds[row*n : (row+1)*n], r.words[row*n : (row+1)*n]
}

// TextOf returns the Text or Bytes of a word.
func (r *Rows) TextOf(word uint64) string {
	from := word >> textOffsetAt % chunkSize
	return r.chunks[word>>textChunkAt][from : from+word%(1<<textOffsetAt)]
}

// Time returns value i, a Time or of a kind above.
func (r *Rows) Time(i int) time.Time { return r.TimeOf(r.kinds[i], r.words[i]) }

// TimeOf returns the time of a kind and a word.
func (r *Rows) TimeOf(k Kind, word uint64) time.Time {
	t := instant(word)
	if k > Time {
		return t.In(r.more.zones[k-Time-1])
	}
	return t.UTC()
}

// A time is the seconds since 1970, from 1697 to 2242, and nanoseconds.
const nanoBits = 30

func instant(word uint64) time.Time {
	return time.Unix(int64(word)>>nanoBits, int64(word%(1<<nanoBits)))
}

// Value returns value i as the driver did. A []byte is a copy, the caller's own.
func (r *Rows) Value(i int) any {
	switch k := r.kinds[i]; k {
	case Null:
		return nil
	case Int:
		return r.Int(i)
	case Uint:
		return r.words[i]
	case Float:
		return r.Float(i)
	case Float32:
		return math.Float32frombits(uint32(r.words[i]))
	case Bool:
		return r.Bool(i)
	case Text:
		return r.Text(i)
	case Bytes:
		return []byte(r.Text(i))
	case NilBytes:
		return []byte(nil)
	case Other:
		return r.more.others[r.words[i]]
	default:
		return r.Time(i)
	}
}

// Row returns the values of row i.
func (r *Rows) Row(i int) []any {
	n := len(r.Columns)
	return r.values(i*n, (i+1)*n)
}

// Values returns the values of all rows, one row after the other.
func (r *Rows) Values() []any { return r.values(0, len(r.kinds)) }

func (r *Rows) values(from, to int) []any {
	values := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		values = append(values, r.Value(i))
	}
	return values
}

// What Size counts beside the bytes of texts.
const (
	rowsSize   = 112
	valueSize  = 8 + 1
	stringSize = 16
	moreSize   = 48
	zoneSize   = 8
	otherSize  = 16
)

// Size estimates the memory the rows hold, in bytes.
func (r *Rows) Size() int {
	n := rowsSize + len(r.kinds)*valueSize + columnsSize(r.Columns)
	for _, c := range r.chunks {
		n += stringSize + len(c)
	}
	return n + r.more.size()
}

func columnsSize(columns []string) (n int) {
	for _, c := range columns {
		n += stringSize + len(c)
	}
	return n
}

func (m *more) size() int {
	if m == nil {
		return 0
	}
	n := moreSize + zoneSize*len(m.zones)
	for _, v := range m.others {
		n += otherSize + behind(v)
	}
	return n
}

// behind estimates the memory behind the interface word of a value.
func behind(v any) int {
	switch v := v.(type) {
	case string:
		return stringSize + len(v)
	case []byte:
		return 24 + cap(v)
	case time.Time:
		return 24
	default:
		return 8
	}
}
