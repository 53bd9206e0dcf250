package codec

import "math"

// Texts share chunks: a chunk is one allocation for many texts, which a reader
// gets without a copy. A text that is kept longer than its result keeps all of
// its chunk alive, so chunks are small, and long texts have one each. Chunks of
// four times the size make decoding no faster.
const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
	longText  = chunkSize / 4

	// The word of a text is the number of its chunk, its offset there and its
	// length.
	textOffsetAt = 32
	textChunkAt  = textOffsetAt + chunkBits

	maxText   = math.MaxUint32
	maxChunks = 1 << (64 - textChunkAt)
)

// texts puts texts into chunks.
type texts struct {
	chunks []string
	buf    []byte // the chunk that is being filled
	number int    // its number, if there is one
	size   int    // of all chunks
}

// put adds a text and returns its word, and false if it has none.
func put[T string | []byte](t *texts, s T) (uint64, bool) {
	n := len(s)
	if n >= longText {
		if uint64(n) > maxText || len(t.chunks) == maxChunks {
			return 0, false
		}
		t.chunks = append(t.chunks, string(s))
		t.size += stringSize + n
		return uint64(len(t.chunks)-1)<<textChunkAt | uint64(n), true
	}
	// A full chunk has a byte less, so that an empty text behind it has an offset.
	if t.number < 0 || len(t.buf)+n >= chunkSize {
		if len(t.chunks) == maxChunks {
			return 0, false
		}
		t.end()
		t.number = len(t.chunks)
		t.chunks = append(t.chunks, "")
		t.size += stringSize
	}
	word := uint64(t.number)<<textChunkAt | uint64(len(t.buf))<<textOffsetAt | uint64(n)
	t.buf = append(t.buf, s...)
	t.size += n
	return word, true
}

// end ends the chunk that is being filled.
func (t *texts) end() {
	if t.number >= 0 {
		t.chunks[t.number] = string(t.buf)
		t.buf, t.number = t.buf[:0], -1
	}
}
