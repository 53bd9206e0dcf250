package codec

import (
	"errors"
	"fmt"
)

// The errors of Decode: the frame is of no use to this process, and its reader
// goes on as if there had been none.
var (
	// ErrCorrupt means bytes that no Encode has made, or that were damaged.
	ErrCorrupt = errors.New("entcache: damaged frame; read the database instead")
	// ErrVersion means a frame of another version of the format.
	ErrVersion = errors.New("entcache: frame of another version; read the database instead")
	// ErrFingerprint means a frame that was made for another schema.
	ErrFingerprint = errors.New("entcache: frame of another schema; read the database instead")
)

// ErrValue is the error of Encode: rows that have no frame, because of a value
// of a kind that isn't known or of a time zone that another process couldn't
// find. Such rows can stay in the process only.
var ErrValue = errors.New("entcache: value can't be encoded; keep the rows in the process")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}
